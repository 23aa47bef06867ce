// SPDX-License-Identifier: Apache-2.0
//
// Makes an event's text small before it is sealed: Zstandard (RFC 8878) with a built-in dictionary of the
// words that our own events are made of. What does not become smaller is kept as it is. The first byte
// says which: 0 as it is, 1 a Zstandard frame with dictionary 1, without its magic number. A dictionary never
// changes once released; a better one gets the next number.
//
// Threading: one thread. Memory: working memory is made on first use and given back by tw_squeeze_rest.
// Time: none. Errors: TW_ERR_NOMEM; TW_ERR_DAMAGED for what was not made here; TW_ERR_TOO_LARGE.
#ifndef TW_SQUEEZE_H
#define TW_SQUEEZE_H

#include "tillwire/bytes.h"
#include "tillwire/err.h"

struct tw_squeeze;

struct tw_squeeze *tw_squeeze_new(void); // NULL: out of memory
void tw_squeeze_free(struct tw_squeeze *squeeze);
void tw_squeeze_rest(struct tw_squeeze *squeeze);

// Appends to `out`. On an error nothing is appended.
int TW_MUST_CHECK tw_squeeze_pack(struct tw_squeeze *squeeze, struct tw_slice plain, struct tw_buf *out);
// Appends at most `max_bytes`.
int TW_MUST_CHECK tw_squeeze_unpack(struct tw_squeeze *squeeze, struct tw_slice packed, size_t max_bytes,
                                    struct tw_buf *out);

#endif
