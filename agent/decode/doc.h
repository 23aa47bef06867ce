// SPDX-License-Identifier: Apache-2.0
//
// One JSON text (RFC 8259), read for being looked at: all its values in one array, in the order of the
// text, so that a text costs few allocations and a member is found by its key's hash. It takes and refuses
// what tw_json_parse does (tests/unit/doc_test.c holds the two against each other), but for a NUL byte behind
// a number or a word, which it refuses.
//
// Threading: a document belongs to one thread. Memory: it keeps its arrays from one text to the next, and
// wipes the text at the end; nodes and their texts live until the next tw_doc_read. Time: linear, but for
// sorting the keys of large objects; nesting is bounded by TW_DOC_MAX_DEPTH. Errors: the text says where and
// why, never what stands there.
#ifndef TW_DECODE_DOC_H
#define TW_DECODE_DOC_H

#include <stdbool.h>
#include <stdint.h>

#include "tillwire/bytes.h"
#include "tillwire/err.h"

#define TW_DOC_MAX_DEPTH 2048 // values one inside the other
#define TW_DOC_MAX_BYTES (16 * 1024 * 1024)

struct tw_doc;

enum tw_doc_kind {
    TW_DOC_NULL,
    TW_DOC_FALSE,
    TW_DOC_TRUE,
    TW_DOC_INTEGER,
    TW_DOC_REAL,
    TW_DOC_TEXT,
    TW_DOC_ARRAY,
    TW_DOC_OBJECT
};

struct tw_doc_key {
    const char *text; // NUL-terminated; NULL: no member of an object
    uint32_t len, hash;
};

struct tw_doc_node {
    enum tw_doc_kind kind;
    uint32_t span;  // nodes of this value: node + span is the next one beside it
    uint32_t size;  // bytes of a text; members or elements
    uint32_t chars; // of a text: code points
    struct tw_doc_key key;
    union {
        const char *text; // UTF-8, NUL-terminated, without a NUL inside
        int64_t integer;
        double real;
        struct {
            uint32_t from, to;
        } bytes; // of an array or object: where it stands in what was read
    };
};

int TW_MUST_CHECK tw_doc_new(struct tw_doc **out);
// NULL is allowed.
void tw_doc_free(struct tw_doc *doc);

// Reads one value; `out` is its root. Keys that stand twice, a NUL in a text, numbers beyond int64_t or
// double, and bytes after the value are errors. TW_ERR_INVALID, TW_ERR_TOO_LARGE (TW_DOC_MAX_BYTES),
// TW_ERR_NOMEM.
int TW_MUST_CHECK tw_doc_read(struct tw_doc *doc, struct tw_slice text, const struct tw_doc_node **out,
                              struct tw_error_text *err);

// A key to look for; `text` is borrowed.
struct tw_doc_key tw_doc_key_of(const char *text);
bool tw_doc_same_key(const struct tw_doc_key *one, const struct tw_doc_key *other);
// Member of an object; NULL: not there, or no object (or NULL itself). `hint`, where to begin: the member
// found last, or NULL; keys that are asked for in their order are found at once.
const struct tw_doc_node *tw_doc_find(const struct tw_doc_node *object, const struct tw_doc_key *key,
                                      const struct tw_doc_node *hint);
const struct tw_doc_node *tw_doc_get(const struct tw_doc_node *object, const char *key);

// NULL: not a text (or NULL itself).
const char *tw_doc_text(const struct tw_doc_node *node);
// False: not an integer.
bool tw_doc_int(const struct tw_doc_node *node, int64_t *out);
bool tw_doc_is_true(const struct tw_doc_node *node);
// Appends an array or object as it stands in `text`, which is what tw_doc_read was given, in one line; for
// anything else null.
void tw_doc_dump(const struct tw_doc_node *node, struct tw_slice text, struct tw_buf *out);

#endif
