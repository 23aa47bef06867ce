// SPDX-License-Identifier: Apache-2.0
//
// Bytes a till may send, one habit each, and what a person sees on the paper (see write_text in
// page_text.h for the marks). Sources: the commands are Epson's, "ESC/POS Command Reference".
//
// Threading: constant. Memory: none. Time: none. Errors: none.
#ifndef TW_PAGE_SAMPLES_H
#define TW_PAGE_SAMPLES_H

#include <stddef.h>

struct sample {
    const char *what;
    const char *bytes;
    size_t len;
    const char *text;
};
#define SAMPLE(what, bytes, text)                                                                            \
    {                                                                                                        \
        what, bytes, sizeof(bytes) - 1, text                                                                 \
    }

static const struct sample samples[] = {
    SAMPLE("ends of line", "a\nb\r\nc\n\rd\re\n\nf", "a\nb\nc\nd\ne\n\nf\n"),
    SAMPLE("LF CR after an empty line", "a\n\r\n\rb\n\r", "a\n\nb\n"),
    SAMPLE("absolute position",
           "ab\x1b$\x78\x00"
           "cd\n",
           "ab        cd\n"),
    SAMPLE("relative position",
           "ab\x1b\\\x24\x00"
           "cd\x1b\\\xe8\xff"
           "x\n",
           "ab   xd\n"),
    SAMPLE("a position beyond the configured width is taken",
           "ab\x1b$\x80\x02"
           "c\n",
           "ab                                                   c\n"),
    SAMPLE("a space erases no ink", "abc\x1b$\x00\x00   \n", "abc\n"),
    SAMPLE("the later character is read", "abc\x1b$\x0c\x00X\n", "aXc\n"),
    SAMPLE("tabs", "a\tb\t\tc\n", "a       b               c\n"),
    SAMPLE("own tabs",
           "\x1b"
           "D\x04\x14\x00"
           "a\tb\tc\n",
           "a   b               c\n"),
    SAMPLE("tabs without NUL",
           "\x1b"
           "D\x04\x14\x03"
           "a\tb\n",
           "a   b\n"),
    SAMPLE("justified",
           "\x1b"
           "a\x01hi\n\x1b"
           "a2hi\n\x1b"
           "a\x00hi\n",
           "                       hi\n                                              hi\nhi\n"),
    SAMPLE("margin and area", "\x1dL\x18\x00\x1dW\x78\x00hello world\n", "  hello worl\n  d\n"),
    SAMPLE("motion units", "\x1dP\x65\x00\x1b$\x1e\x00x\n", "     x\n"),
    SAMPLE("font B counts its own columns",
           "\x1bM\x01"
           "a\x1b$\x2d\x00"
           "b\n",
           "a    b\n"),
    SAMPLE("wide", "\x1d!\x11Total\x1d!\x00\n\x1b!\x20WIDE\n\x1b!\x00plain\n", "~Total\n~WIDE\nplain\n"),
    SAMPLE("character spacing is no space", "\x1b \x04spaced\n", "spaced\n"),
    SAMPLE("code pages in one line", "\x1bt\x00\x84\x1bt\x10\xe4\x80\x1bt\x13\xd5\x1bt\x11\x84\n", "ää€€Д\n"),
    SAMPLE("a rule in page 1", "\x1bt\x01\x95\x95\xb1\n", "──ｱ\n"),
    SAMPLE("unknown page is PC437", "\x1bt\x63\x81\n", "ü\n"),
    SAMPLE("unmapped", "\x1bt\x10\x81\n", "\xEF\xBF\xBD\n"),
    SAMPLE("national characters", "\x1bR\x02[{~\x1bR\x00[\n", "Ääß[\n"),
    SAMPLE("Kanji are pairs", "\x1c&\x82\xa0z\x1c.\x84\n", "\xEF\xBF\xBDzä\n"),
    SAMPLE("UTF-8 when chosen", "\x1c(C\x02\x00\x30\x02\xc3\xa4\xe2\x82\xac\xffz\xc3\n",
           "ä€\xEF\xBF\xBDz\xEF\xBF\xBD\n"),
    SAMPLE("UTF-8 is never guessed", "\xc3\xa4\xc3\xb6\n", "├ñ├╢\n"),
    SAMPLE("raster with ESC @ in it",
           "a\n\x1dv0\x00\x02\x00\x03\x00\x1b@\x1b@\x0a\x0a"
           "b\n",
           "a\nb\n#\n"),
    SAMPLE("strips between lines are no blank lines",
           "\x1b*\x20\x01\x00"
           "ABC\n\x1b*\x01\x02\x00"
           "AB\nx\n",
           "x\n#\n#\n"),
    SAMPLE("graphics",
           "\x1d(L\x04\x00\x30\x70"
           "xx\x1d(L\x02\x00\x30\x32\x1d"
           "8L\x02\x00\x00\x00\x30\x02z\n",
           "z\n#\n#\n"),
    SAMPLE("downloaded characters",
           "\x1b&\x03\x20\x21\x01"
           "abc\x02"
           "abcdefz\n",
           "z\n"),
    SAMPLE("stored pictures",
           "\x1cq\x02\x01\x00\x00\x00\x01\x00\x01\x00"
           "ABCDEFGHz\n",
           "z\n"),
    SAMPLE("bar codes, both forms",
           "\x1dk\x02"
           "4006381333931\x00\x1dk\x43\x0d"
           "4006381333931z\n",
           "z\n{C}4006381333931\n{C}4006381333931\n"),
    SAMPLE("bar code without its NUL",
           "\x1dk\x04"
           "ABC\nz\n",
           "\nz\n{E}ABC\n"),
    SAMPLE("CODE128 with code sets", "\x1dk\x49\x0c{BNo.{C\x0c\x22\x38{Bz", "z\n{I}No.123456\n"),
    SAMPLE("QR",
           "\x1d(k\x03\x00\x31\x43\x04\x1d(k\x06\x00\x31\x50\x30"
           "abc\x1d(k\x03\x00\x31\x51\x30z\n",
           "z\n{Q}abc\n"),
    SAMPLE("symbols of others", "\x1d(k\x05\x00\x36\x50\x30xy\x1d(k\x03\x00\x36\x51\x30", "{X}xy\n"),
    SAMPLE("cuts",
           "a\n\x1dV\x42\x03"
           "b\n\x1bm"
           "c\n\x1dV0",
           "a\n--\nb\n--\nc\n--\n"),
    SAMPLE("reset",
           "\x1b!\x20"
           "a\n\x1b@b\n",
           "~a\n--\nb\n"),
    SAMPLE("feeds",
           "a\x1b"
           "d\x05"
           "b\x1bJ\x10"
           "c\x1b"
           "d\x01"
           "d\x0c",
           "a\n\nb\nc\nd\n"),
    SAMPLE("real time and the drawer",
           "a\x10\x04\x01"
           "b\x10\x14\x01\x00\x05"
           "c\x10\x05\x02"
           "d\x1bp\x00\x32\x32"
           "e\x10"
           "f\x10\x14\x03\x00\x00\x00\x01\x00"
           "g\x10\x14\x08\x01\x03\x14\x01\x06\x02\x08"
           "h\x10\x14\x02\x01\x08"
           "i\x10\x14\x07\x01"
           "j\n",
           "abcdefghij\n"),
    SAMPLE("a payload beyond belief is none",
           "\x1d"
           "8L\xff\xff\xff\x7f"
           "a\n\x1dv0\x00\xff\xff\xff\xff"
           "b\n",
           "a\nb\n"),
    SAMPLE("unknown commands",
           "a\x1b\x7f"
           "b\x1d\x01"
           "c\x1b\x1b@"
           "d\n",
           "abc\n--\nd\n"),
    SAMPLE("page mode",
           "\x1bL\x1bW\x00\x00\x00\x00\x40\x02\x40\x02"
           "one\x1d$\x20\x00two\n\x0cthree\n",
           "one\ntwo\nthree\n"),
    SAMPLE("page mode thrown away", "x\n\x1bLone\n\x18two\n\x0cthree\n", "x\ntwo\nthree\n"),
    SAMPLE("upside down is text",
           "\x1b{\x01"
           "abc\n",
           "abc\n"),
};

#endif
