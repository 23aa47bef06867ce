// SPDX-License-Identifier: Apache-2.0
//
// JSON (RFC 8259) for the parts of the agent, so that only one folder knows the library behind
// it (jansson; the pack and unpack formats are its own, see its manual, "Building Values" and
// "Parsing and Validating Values"). A value is reference counted.
//
// Threading: a value belongs to one thread at a time. Memory: as jansson's: who holds a new
// reference releases it with tw_json_free; "borrowed" results live as long as their parent.
// Time: none. Errors: TW_ERR_INVALID with line and column, TW_ERR_NOMEM.
#ifndef TW_JSON_H
#define TW_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwire/bytes.h"
#include "tillwire/err.h"

typedef struct json_t tw_json; // jansson's own value, opaque here

// Parses one value of at most `max_depth` (2048, the library's) levels. Duplicate keys and bytes
// after the value are errors. The text itself is never quoted in `err` (it may be personal).
int TW_MUST_CHECK tw_json_parse(struct tw_slice text, tw_json **out, struct tw_error_text *err);

// Builds a value as jansson's json_pack does: "{s:s, s:I, s:s?, s:o}". NULL on failure.
tw_json *tw_json_pack(const char *format, ...);

// Takes a value apart as json_unpack_ex does. On failure `err` names the key and the position.
int TW_MUST_CHECK tw_json_unpack(const tw_json *value, struct tw_error_text *err, const char *format, ...);

void tw_json_free(tw_json *value);

// Appends compact JSON, keys in insertion order (so the same value gives the same bytes).
void tw_json_dump(const tw_json *value, struct tw_buf *out);

// Appends `text` as a JSON string with its quotes. Invalid UTF-8 becomes U+FFFD.
void tw_json_dump_text(struct tw_slice text, struct tw_buf *out);

// Member of an object or NULL (borrowed); size and element of an array (borrowed).
tw_json *tw_json_get(const tw_json *object, const char *key);
size_t tw_json_size(const tw_json *array);
tw_json *tw_json_at(const tw_json *array, size_t index);

// Text of a string value (borrowed, NUL-terminated) or NULL; integer of an integer value.
const char *tw_json_text(const tw_json *value);
int TW_MUST_CHECK tw_json_int(const tw_json *value, int64_t *out);
bool tw_json_is_true(const tw_json *value);

// Adds to an object or array; takes the reference of `value`, also on failure.
int tw_json_set(tw_json *object, const char *key, tw_json *value);
int tw_json_append(tw_json *array, tw_json *value);

#endif
