// SPDX-License-Identifier: Apache-2.0
//
// A set of JSON Schemas (2020-12) and the question whether a JSON value holds to one of them.
// Debian 12 has no C library for this draft, so this one knows exactly the keywords that
// include/contract/schema uses (README.md of that folder lists them). A schema with any other
// keyword, or a form of a known one that is not implemented, does not load: nothing is ever
// checked less than its author wrote. tests/contract holds it to ajv, example by example.
//
// Threading: a set is immutable once loaded; any number of threads may check with it at once.
// Memory: a set owns what its schemas became when they loaded; values are only read. Time: linear in
// value times schema; nesting is bounded by TW_SCHEMA_MAX_DEPTH, regular expressions by PCRE2's match limit.
// Errors: the texts name the JSON Pointer (RFC 6901) and the rule, never a value of the instance.
#ifndef TW_SCHEMA_H
#define TW_SCHEMA_H

#include <stdbool.h>

#include "agent/decode/doc.h"
#include "tillwire/err.h"

#define TW_SCHEMA_MAX_DEPTH 64 // schemas entered one inside the other, $ref included
#define TW_SCHEMA_ENVELOPE  "urn:tillwire:schema:envelope:1"

struct tw_schema_set;

// Loads every *.json of a directory. Each file is one schema with an absolute `$id`; `$ref` is
// `#/$defs/NAME` or the `$id` of another file, with or without such a fragment. The caller frees
// the set with tw_schema_free.
// TW_ERR_IO: the directory cannot be read. TW_ERR_NOT_FOUND: no schema in it, or a $ref that leads
// nowhere. TW_ERR_EXISTS: two files with one `$id`. TW_ERR_INVALID: a file that is not JSON, an
// unknown keyword or an unsupported form; the text names file, place and keyword. TW_ERR_TOO_LARGE:
// nested too deep. TW_ERR_NOMEM.
int TW_MUST_CHECK tw_schema_load_dir(const char *path, struct tw_schema_set **out, struct tw_error_text *err);

// NULL is allowed.
void tw_schema_free(struct tw_schema_set *set);

// Whether a schema with this `$id` is in the set.
bool tw_schema_knows(const struct tw_schema_set *set, const char *id);

// Checks `value` with the schema `id` (an `$id`, or an `$id` with `#/$defs/NAME`). A real number
// without fraction counts as an integer (JSON Schema 2020-12, 4.2.3), so ask for the node's kind before
// taking its number.
// TW_ERR_INVALID: the text begins with `ID at "POINTER": RULE: `. TW_ERR_NOT_FOUND: no such schema.
// TW_ERR_TOO_LARGE: nested too deep. TW_ERR_NOMEM.
int TW_MUST_CHECK tw_schema_check(const struct tw_schema_set *set, const char *id,
                                  const struct tw_doc_node *value, struct tw_error_text *err);

// Checks an event: first its envelope, then `data` with the schema that `dataschema` names. `known`
// is false where the set does not have that schema: such an event is to be acknowledged and kept
// as it is (include/contract/names.md, "How it changes"). Errors as tw_schema_check.
int TW_MUST_CHECK tw_schema_check_event(const struct tw_schema_set *set, const struct tw_doc_node *event,
                                        bool *known, struct tw_error_text *err);

#endif
