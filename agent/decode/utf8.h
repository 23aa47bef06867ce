// SPDX-License-Identifier: Apache-2.0
//
// UTF-8 (RFC 3629), as much of it as the parsers need: one code point out, one code point in.
//
// Threading: pure functions. Memory: no allocation. Time: none. Errors: a sequence that is not
// well-formed (overlong, surrogate, beyond U+10FFFF, cut short) is told by its length 0.
#ifndef TW_DECODE_UTF8_H
#define TW_DECODE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "tillwire/bytes.h"

#define TW_UTF8_REPLACEMENT 0xFFFDu
#define TW_UTF8_MAX         4

// Writes `code` (a Unicode scalar value) to `out`; returns the number of bytes, 1 to 4.
size_t tw_utf8_encode(uint32_t code, char out[TW_UTF8_MAX]);

// Length of the well-formed sequence at the start of `text`, its code point in `*code`; 0 when
// there is none.
size_t tw_utf8_decode(struct tw_slice text, uint32_t *code);

// Bytes of the sequence that begins with `lead`: 1 to 4, or 0 when no sequence begins so.
size_t tw_utf8_length(uint8_t lead);

#endif
