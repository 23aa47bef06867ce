// SPDX-License-Identifier: Apache-2.0
//
// The identifiers scanners put in front of codes when told to send "code IDs": each maker has its
// own letters, and one maker's 'A' is another's 'B'. Only identifiers whose meaning is certain are
// here. Modifiers that depend on options of the scanner are those of a scanner as delivered.
#include <string.h>

#include "hal/drivers/code.h"

struct id {
    const char *theirs;
    const char *aim; // ISO/IEC 15424
};

// Honeywell, "Xenon 1900/1902 User's Guide", appendix A, symbology charts, column Honeywell ID: the letters
// of Hand Held Products, the same in all its guides (so in "3820 User's Guide", appendix A). UPC-E is E
// there, as D is EAN-8.
static const struct id honeywell[] = {
    {"a", "]F0"}, // Codabar
    {"b", "]A0"}, // Code 39
    {"c", "]E0"}, // UPC-A
    {"d", "]E0"}, // EAN-13
    {"D", "]E4"}, // EAN-8
    {"E", "]E0"}, // UPC-E
    {"e", "]I0"}, // Interleaved 2 of 5
    {"i", "]G0"}, // Code 93
    {"I", "]C1"}, // GS1-128
    {"j", "]C0"}, // Code 128
    {"r", "]L0"}, // PDF417
    {"s", "]Q1"}, // QR code, model 2
    {"w", "]d1"}, // Data Matrix, ECC 200
    {"y", "]e0"}, // GS1 DataBar
    {"z", "]z0"}, // Aztec
    {NULL, NULL},
};

// Zebra, "SP72 Series Scanner Product Reference Guide", Programming Reference, table "Symbol Code
// Characters"; the same in Symbol's and Motorola's guides. Left out where one character stands for codes that
// AIM tells apart: G, T, X.
static const struct id zebra[] = {
    {"P00", "]d1"}, // Data Matrix
    {"P01", "]Q1"}, // QR code
    {"P0G", "]d2"}, // GS1 Data Matrix
    {"P0Q", "]Q3"}, // GS1 QR
    {"A", "]E0"},   // UPC-A, UPC-E, EAN-13, EAN-8: see family()
    {"B", "]A0"},   // Code 39
    {"C", "]F0"},   // Codabar
    {"D", "]C0"},   // Code 128
    {"E", "]G0"},   // Code 93
    {"F", "]I0"},   // Interleaved 2 of 5
    {"K", "]C1"},   // GS1-128
    {"L", "]X0"},   // Bookland EAN
    {"M", "]X0"},   // Trioptic Code 39
    {"R", "]e0"},   // GS1 DataBar
    {"z", "]z0"},   // Aztec
    {NULL, NULL},
};

// Datalogic, "PowerScan D8330 Reference Manual", Data Format, Code Identifier Table (page 70), column
// Datalogic Standard; "PowerScan PD9130 Product Reference Guide", Label ID, table 41, calls the same letters
// the EU set. Newer scanners come with the USA set, other characters, and must be set to that one.
static const struct id datalogic[] = {
    {"A", "]E4"}, // EAN-8
    {"B", "]E0"}, // EAN-13
    {"C", "]E0"}, // UPC-A
    {"D", "]E0"}, // UPC-E
    {"N", "]I0"}, // Interleaved 2 of 5
    {"R", "]F0"}, // Codabar
    {"T", "]C0"}, // Code 128
    {"U", "]G0"}, // Code 93
    {"V", "]A0"}, // Code 39
    {"W", "]A4"}, // Code 39, full ASCII
    {"k", "]C1"}, // GS1-128
    {"t", "]e0"}, // GS1 DataBar Expanded
    {"u", "]e0"}, // GS1 DataBar
    {"v", "]e0"}, // GS1 DataBar Limited
    {NULL, NULL},
};

static const struct id *ids_of(const char *maker)
{
    return strcmp(maker, "honeywell") == 0   ? honeywell
           : strcmp(maker, "zebra") == 0     ? zebra
           : strcmp(maker, "datalogic") == 0 ? datalogic
                                             : NULL;
}

// Zebra's one letter for all of EAN and UPC: 8 digits may be EAN-8 (]E4) or UPC-E (]E0); AIM's word
// for what is not said is ]X.
static const char *family(const struct id *ids, const struct id *id, size_t digits)
{
    return ids == zebra && strcmp(id->theirs, "A") == 0 && digits == 8 ? "]X0" : id->aim;
}

bool tw_code_id_known(const char *maker)
{
    return ids_of(maker) != NULL;
}

size_t tw_code_id_to_aim(const char *maker, struct tw_slice code, char aim[4])
{
    const struct id *ids = ids_of(maker);
    for (const struct id *id = ids; id->theirs != NULL; id++) {
        size_t len = strlen(id->theirs);
        if (code.len > len && memcmp(code.ptr, id->theirs, len) == 0) {
            memcpy(aim, family(ids, id, code.len - len), 4);
            return len;
        }
    }
    return 0;
}
