// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/codepage.h"

#include <iconv.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "agent/decode/utf8.h"

#define KATAKANA "KATAKANA" // ours, see katakana_graphics

// n of ESC t as in the TM series (Epson, "ESC/POS Command Reference", ESC t). Names that no iconv
// has are kept: what is printed with them is then U+FFFD. 8 is Epson's to give; Bematech's
// printers have UTF-8 there.
static const char *const epson[256] = {
    [0] = "CP437",    [1] = KATAKANA,      [2] = "CP850",       [3] = "CP860",        [4] = "CP863",
    [5] = "CP865",    [8] = "UTF-8",       [11] = "CP851",      [12] = "CP853",       [13] = "CP857",
    [14] = "CP737",   [15] = "ISO-8859-7", [16] = "CP1252",     [17] = "CP866",       [18] = "CP852",
    [19] = "CP858",   [20] = "THAI-42",    [21] = "CP874",      [22] = "THAI-13",     [23] = "THAI-14",
    [24] = "THAI-16", [25] = "THAI-17",    [26] = "CP874",      [30] = "TCVN5712-1",  [31] = "TCVN-3-2",
    [32] = "CP720",   [33] = "CP775",      [34] = "CP855",      [35] = "CP861",       [36] = "CP862",
    [37] = "CP864",   [38] = "CP869",      [39] = "ISO-8859-2", [40] = "ISO-8859-15", [41] = "CP1098",
    [42] = "CP774",   [43] = "CP772",      [44] = "CP1125",     [45] = "CP1250",      [46] = "CP1251",
    [47] = "CP1253",  [48] = "CP1254",     [49] = "CP1255",     [50] = "CP1256",      [51] = "CP1257",
    [52] = "CP1258",  [53] = "RK1048",
};

// Page 1 of Epson: 0x80-0x9F graphics, 0xA1-0xDF half-width Katakana (JIS X 0201), 0xE0-0xFE
// graphics and Kanji.
static const uint16_t katakana_graphics[] = {
    0x2581, 0x2582, 0x2583, 0x2584, 0x2585, 0x2586, 0x2587, 0x2588, 0x258F, 0x258E, 0x258D,
    0x258C, 0x258B, 0x258A, 0x2589, 0x253C, 0x2534, 0x252C, 0x2524, 0x251C, 0x2594, 0x2500,
    0x2502, 0x2595, 0x250C, 0x2510, 0x2514, 0x2518, 0x256D, 0x256E, 0x2570, 0x256F,
};
static const uint16_t katakana_tail[] = {
    0x2550, 0x255E, 0x256A, 0x2561, 0x25E2, 0x25E3, 0x25E5, 0x25E4, 0x2660, 0x2665, 0x2666,
    0x2663, 0x25CF, 0x25CB, 0x2571, 0x2572, 0x2573, 0x5186, 0x5E74, 0x6708, 0x65E5, 0x6642,
    0x5206, 0x79D2, 0x3012, 0x5E02, 0x533A, 0x753A, 0x6751, 0x4EBA, 0x2592, 0x0020,
};

// The positions ESC R changes, and what stands there in the sets 0 to 17 (Epson, ESC R).
static const char positions[] = "#$@[\\]^`{|}~";
static const uint16_t international_sets[][12] = {
    {'#', '$', '@', '[', '\\', ']', '^', '`', '{', '|', '}', '~'},                    // 0 USA
    {'#', '$', 0xE0, 0xB0, 0xE7, 0xA7, '^', '`', 0xE9, 0xF9, 0xE8, 0xA8},             // 1 France
    {'#', '$', 0xA7, 0xC4, 0xD6, 0xDC, '^', '`', 0xE4, 0xF6, 0xFC, 0xDF},             // 2 Germany
    {0xA3, '$', '@', '[', '\\', ']', '^', '`', '{', '|', '}', '~'},                   // 3 UK
    {'#', '$', '@', 0xC6, 0xD8, 0xC5, '^', '`', 0xE6, 0xF8, 0xE5, '~'},               // 4 Denmark I
    {'#', 0xA4, 0xC9, 0xC4, 0xD6, 0xC5, 0xDC, 0xE9, 0xE4, 0xF6, 0xE5, 0xFC},          // 5 Sweden
    {'#', '$', '@', 0xB0, '\\', 0xE9, '^', 0xF9, 0xE0, 0xF2, 0xE8, 0xEC},             // 6 Italy
    {0x20A7, '$', '@', 0xA1, 0xD1, 0xBF, '^', '`', 0xA8, 0xF1, '}', '~'},             // 7 Spain I
    {'#', '$', '@', '[', 0xA5, ']', '^', '`', '{', '|', '}', '~'},                    // 8 Japan
    {'#', 0xA4, 0xC9, 0xC6, 0xD8, 0xC5, 0xDC, 0xE9, 0xE6, 0xF8, 0xE5, 0xFC},          // 9 Norway
    {'#', '$', 0xC9, 0xC6, 0xD8, 0xC5, 0xDC, 0xE9, 0xE6, 0xF8, 0xE5, 0xFC},           // 10 Denmark II
    {'#', '$', 0xE1, 0xA1, 0xD1, 0xBF, 0xE9, '`', 0xED, 0xF1, 0xF3, 0xFA},            // 11 Spain II
    {'#', '$', 0xE1, 0xA1, 0xD1, 0xBF, 0xE9, 0xFC, 0xED, 0xF1, 0xF3, 0xFA},           // 12 Latin America
    {'#', '$', '@', '[', 0x20A9, ']', '^', '`', '{', '|', '}', '~'},                  // 13 Korea
    {'#', '$', 0x17D, 0x160, 0x110, 0x106, 0x10C, 0x17E, 0x161, 0x111, 0x107, 0x10D}, // 14 Croatia
    {'#', 0xA5, '@', '[', '\\', ']', '^', '`', '{', '|', '}', '~'},                   // 15 China
    {'#', 0x20AB, '@', '[', '\\', ']', '^', '`', '{', '|', '}', '~'},                 // 16 Vietnam
    {'#', '$', '@', '[', '\\', ']', '^', '`', '{', '|', '}', '~'},                    // 17 Arabia
};

void tw_codepages_init(struct tw_codepages *pages, const char *const *names)
{
    *pages = (struct tw_codepages){.names = names != NULL ? names : epson};
}

void tw_codepages_free(struct tw_codepages *pages)
{
    for (size_t n = 0; n < 256; n++) {
        free(pages->made[n]);
    }
    *pages = (struct tw_codepages){.names = pages->names};
}

const char *tw_codepage_epson(uint8_t n)
{
    return epson[n];
}

uint16_t tw_codepage_ascii(uint8_t international, uint8_t ascii)
{
    const char *at = ascii != 0 ? strchr(positions, ascii) : NULL;
    if (at == NULL || international >= sizeof international_sets / sizeof international_sets[0]) {
        return ascii;
    }
    return international_sets[international][at - positions];
}

static void make_katakana(struct tw_codepage *page)
{
    memcpy(page->high, katakana_graphics, sizeof katakana_graphics);
    page->high[0x20] = ' ';
    for (uint16_t i = 0x21; i < 0x60; i++) {
        page->high[i] = (uint16_t)(0xFF61 + i - 0x21);
    }
    memcpy(page->high + 0x60, katakana_tail, sizeof katakana_tail);
}

// One byte through iconv. The second call flushes what a stateful page (TCVN) holds back.
static uint16_t convert(iconv_t conversion, uint8_t byte)
{
    char in = (char)byte;
    char *in_at = &in;
    size_t in_left = 1;
    uint32_t out[4] = {0};
    char *out_at = (char *)out;
    size_t out_left = sizeof out;
    (void)iconv(conversion, NULL, NULL, NULL, NULL);
    bool ok = iconv(conversion, &in_at, &in_left, &out_at, &out_left) != (size_t)-1 &&
              iconv(conversion, NULL, NULL, &out_at, &out_left) != (size_t)-1;
    bool one = out_left == sizeof out - sizeof out[0];
    // C1 controls are no characters; pages with gaps (CP1252) map there.
    return ok && one && out[0] >= 0xA0 && out[0] <= 0xFFFF ? (uint16_t)out[0] : TW_UTF8_REPLACEMENT;
}

static void make_page(const char *name, struct tw_codepage *page)
{
    if (strcmp(name, KATAKANA) == 0) {
        make_katakana(page);
        return;
    }
    iconv_t conversion = iconv_open("WCHAR_T", name); // UCS-4 in the order of this machine
    for (size_t i = 0; i < 128; i++) {
        page->high[i] = TW_UTF8_REPLACEMENT;
    }
    if (conversion == (iconv_t)-1) {
        return;
    }
    for (size_t i = 0; i < 128; i++) {
        page->high[i] = convert(conversion, (uint8_t)(0x80 + i));
    }
    (void)iconv_close(conversion);
}

int tw_codepages_get(struct tw_codepages *pages, uint8_t n, const struct tw_codepage **out)
{
    const char *name = pages->names[n];
    if (name == NULL) {
        n = 0;
        name = pages->names[0] != NULL ? pages->names[0] : epson[0];
    }
    if (strcmp(name, "UTF-8") == 0) {
        *out = NULL;
        return TW_OK;
    }
    if (pages->made[n] == NULL) {
        struct tw_codepage *page = malloc(sizeof *page);
        if (page == NULL) {
            return TW_ERR_NOMEM;
        }
        make_page(name, page);
        pages->made[n] = page;
    }
    *out = pages->made[n];
    return TW_OK;
}
