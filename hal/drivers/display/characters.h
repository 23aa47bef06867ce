// SPDX-License-Identifier: Apache-2.0
//
// What a customer display makes of a text: UTF-8 in, one byte a column out, in code page 437, which every
// display has (ESC t 0), or in ASCII where nobody knows the display's page. A letter the page does not have
// is shown without its accent, what has no likeness as a question mark.
//
// Threading: any; constant tables. Memory: the caller's. Time: none. Errors: what is no UTF-8 is shown as ?.
#ifndef TW_DISPLAY_CHARACTERS_H
#define TW_DISPLAY_CHARACTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Fills `columns` bytes at `out`: the beginning of `text`, and blanks.
void tw_display_characters(const char *text, bool cp437, uint8_t *out, size_t columns);

#endif
