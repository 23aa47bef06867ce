// SPDX-License-Identifier: Apache-2.0
#include "agent/lane/heard.h"

// AIM symbology identifiers: ']', a code character, a modifier (ISO/IEC 15424, tables 1 and 2). A
// modifier or a length of its own stands before the rest of its code character; 0 is any.
static const struct symbology {
    char code, modifier;
    size_t characters;
    const char *name;
} symbologies[] = {
    {'E', '0', 13, "EAN-13"},     {'E', '0', 12, "UPC-A"},         {'E', '4', 0, "EAN-8"},
    {'E', 0, 0, "EAN/UPC"},       {'C', '1', 0, "GS1-128"},        {'C', 0, 0, "Code 128"},
    {'e', 0, 0, "GS1 DataBar"},   {'d', '2', 0, "GS1 DataMatrix"}, {'d', 0, 0, "Data Matrix"},
    {'Q', '3', 0, "GS1 QR Code"}, {'Q', 0, 0, "QR Code"},          {'A', 0, 0, "Code 39"},
    {'F', 0, 0, "Codabar"},       {'G', 0, 0, "Code 93"},          {'I', 0, 0, "Interleaved 2 of 5"},
    {'L', 0, 0, "PDF417"},        {'z', 0, 0, "Aztec Code"},
};

static bool is_identified(struct tw_slice code)
{
    return code.len >= 3 && code.ptr[0] == ']';
}

const char *tw_heard_symbology(struct tw_slice scan)
{
    char code = is_identified(scan) ? (char)scan.ptr[1] : '\0';
    char modifier = is_identified(scan) ? (char)scan.ptr[2] : '\0';
    size_t characters = is_identified(scan) ? scan.len - 3 : 0;
    for (size_t i = 0; i < sizeof symbologies / sizeof symbologies[0]; i++) {
        const struct symbology *each = &symbologies[i];
        if (each->code == code && (each->modifier == 0 || each->modifier == modifier) &&
            (each->characters == 0 || each->characters == characters)) {
            return each->name;
        }
    }
    return NULL;
}

void tw_heard_scan(struct tw_heard *heard, struct tw_slice code)
{
    heard->reads++;
    heard->characters = is_identified(code) ? code.len - 3 : code.len;
    heard->symbology = tw_heard_symbology(code);
}

tw_json *tw_heard_last(const struct tw_heard *heard)
{
    return heard->reads == 0 ? tw_json_pack("n")
                             : tw_json_pack("{s:I, s:s?}", "characters", (int64_t)heard->characters,
                                            "symbology", heard->symbology);
}
