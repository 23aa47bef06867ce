// SPDX-License-Identifier: Apache-2.0
//
// The code pages of a receipt printer: which Unicode character a byte from 0x80 up prints under
// page n of ESC t, and what ESC R makes of twelve ASCII positions. Source: Epson, "ESC/POS Command
// Reference", ESC t and ESC R; the characters of a page come from iconv, but for page 1
// (Katakana), which no iconv knows.
//
// Threading: one thread at a time. Memory: at most 256 bytes for each page number that was used.
// Time: none; a page is converted when it is first used. Errors: a page that iconv does not have
// prints U+FFFD for every byte, never a guess.
#ifndef TW_DECODE_CODEPAGE_H
#define TW_DECODE_CODEPAGE_H

#include <stdint.h>

#include "tillwire/err.h"

struct tw_codepage {
    uint16_t high[128]; // of the bytes 0x80 to 0xFF
};

struct tw_codepages {
    const char *const *names; // 256 names of iconv, or NULL entries
    struct tw_codepage *made[256];
};

// `names` is borrowed; NULL is Epson's own table.
void tw_codepages_init(struct tw_codepages *pages, const char *const *names);
void tw_codepages_free(struct tw_codepages *pages);

// Finds page `n`; an unknown number is page 0's PC437, as printers do. `*out` is NULL when the page
// is "UTF-8". The page belongs to `pages`. Errors: TW_ERR_NOMEM.
int TW_MUST_CHECK tw_codepages_get(struct tw_codepages *pages, uint8_t n, const struct tw_codepage **out);

// What the byte `ascii` (0x20 to 0x7F) prints under the international set `n` of ESC R.
uint16_t tw_codepage_ascii(uint8_t international, uint8_t ascii);

// The iconv name of page `n` in Epson's table, or NULL.
const char *tw_codepage_epson(uint8_t n);

#endif
