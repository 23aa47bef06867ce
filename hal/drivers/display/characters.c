// SPDX-License-Identifier: Apache-2.0
#include "hal/drivers/display/characters.h"

// The upper half of Latin-1, from U+00A0 on: as code page 437 has it (0: it does not), and the likest ASCII.
static const uint8_t in_cp437[96] = {
    ' ',  0xad, 0x9b, 0x9c, 0,    0x9d, 0,    0,    0,    0,    0xa6, 0xae, 0xaa, 0,    0,    0,
    0xf8, 0xf1, 0xfd, 0,    0,    0xe6, 0,    0xfa, 0,    0,    0xa7, 0xaf, 0xac, 0xab, 0,    0xa8,
    0,    0,    0,    0,    0x8e, 0x8f, 0x92, 0x80, 0,    0x90, 0,    0,    0,    0,    0,    0,
    0,    0xa5, 0,    0,    0,    0,    0x99, 0,    0,    0,    0,    0,    0x9a, 0,    0,    0xe1,
    0x85, 0xa0, 0x83, 0,    0x84, 0x86, 0x91, 0x87, 0x8a, 0x82, 0x88, 0x89, 0x8d, 0xa1, 0x8c, 0x8b,
    0,    0xa4, 0x95, 0xa2, 0x93, 0,    0x94, 0xf6, 0,    0x97, 0xa3, 0x96, 0x81, 0,    0,    0x98,
};
static const char latin_1[] = " !cL?Y|S\"Ca<--R-"
                              "o+23'uP.,1o>\?\?\?\?"
                              "AAAAAAACEEEEIIII"
                              "DNOOOOOxOUUUUYTs"
                              "aaaaaaaceeeeiiii"
                              "dnooooo/ouuuuyty";
// Latin Extended-A, from U+0100 on.
static const char latin_extended_a[] = "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiIiJjKkkLlLlLlLlLl"
                                       "NnNnNnnNnOoOoOoOoRrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";
_Static_assert(sizeof latin_1 == 96 + 1 && sizeof latin_extended_a == 128 + 1, "one for each letter");

// The next character (RFC 3629); 0xfffd for what is none, of which one byte is taken. Not at the end.
static uint32_t next_character(const char **text)
{
    const uint8_t *at = (const uint8_t *)*text;
    size_t more = at[0] >= 0xf0 ? 3 : at[0] >= 0xe0 ? 2 : at[0] >= 0xc2 ? 1 : 0;
    uint32_t c = at[0];
    (*text)++;
    if (at[0] < 0x80) {
        return c;
    }
    if (more == 0 || at[0] > 0xf4) {
        return 0xfffd;
    }
    c &= 0x3fu >> more;
    for (size_t i = 1; i <= more; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0xfffd;
        }
        c = c << 6 | (at[i] & 0x3fu);
    }
    *text += more;
    return c;
}

static uint8_t plain(uint32_t c)
{
    switch (c) {
    case 0x2013: // dashes
    case 0x2014:
        return '-';
    case 0x2018: // quotation marks
    case 0x2019:
        return '\'';
    case 0x201c:
    case 0x201d:
    case 0x201e:
        return '"';
    case 0x202f: // narrow space, which groups digits
        return ' ';
    case 0x20ac: // euro
        return 'E';
    default:
        return '?';
    }
}

static uint8_t column(uint32_t c, bool cp437)
{
    if (c < 0x80) {
        return c >= ' ' && c != 0x7f ? (uint8_t)c : '?';
    }
    if (c >= 0xa0 && c <= 0xff) {
        uint8_t code = in_cp437[c - 0xa0];
        return cp437 && code != 0 ? code : (uint8_t)latin_1[c - 0xa0];
    }
    return c >= 0x100 && c <= 0x17f ? (uint8_t)latin_extended_a[c - 0x100] : plain(c);
}

void tw_display_characters(const char *text, bool cp437, uint8_t *out, size_t columns)
{
    for (size_t i = 0; i < columns; i++) {
        out[i] = *text != '\0' ? column(next_character(&text), cp437) : ' ';
    }
}
