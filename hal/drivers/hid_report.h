// SPDX-License-Identifier: Apache-2.0
//
// Where a HID barcode scanner or a HID reader of magnetic stripes puts what it has read, taken from its
// report descriptor: the fields of the Bar Code Scanner page (0x8C) and of the Magnetic Stripe Reader page
// (0x8E; USB-IF, HID Point of Sale Usage Tables 1.02) in its input reports. Makers order and size the fields
// as they like. Descriptors: HID 1.11, section 6.2.2.
//
// Threading: any; pure. Memory: the caller's. Time: linear in the descriptor. Errors: TW_ERR_DAMAGED
// for a descriptor that cannot be read, TW_ERR_NOT_FOUND for one without what is looked for.
#ifndef TW_HAL_HID_REPORT_H
#define TW_HAL_HID_REPORT_H

#include <stdbool.h>

#include "tillwire/bytes.h"

enum {
    TW_HID_REPORTS = 8,            // input reports looked at
    TW_HID_REPORT_BITS = 4096 * 8, // of one report
    TW_HID_TRACKS = 3,             // of a magnetic stripe
};

// What a device is wanted for.
enum tw_hid_kind { TW_HID_SCANS, TW_HID_STRIPES };

struct tw_hid_field { // bits 0: the report has none
    uint32_t at_bits; // from the report's first byte, the report id counted where there is one
    uint32_t bits;    // of one element, at most 8
    uint32_t count;
};

struct tw_hid_report {
    uint8_t id; // 0: reports are not numbered
    uint32_t bits;
    struct tw_hid_field byte_count;                   // Generic Desktop 0x3B: how much of `data` is meant
    struct tw_hid_field symbology[3];                 // 0xFB to 0xFD: AIM identifier
    struct tw_hid_field data;                         // 0xFE, whole bytes
    struct tw_hid_field continued;                    // 0xFF: the next report goes on
    struct tw_hid_field tracks[TW_HID_TRACKS];        // 0x8E 0x21 to 0x23, whole bytes
    struct tw_hid_field track_lengths[TW_HID_TRACKS]; // 0x8E 0x11 to 0x13: how much of each is meant
};

struct tw_hid_layout { // the reports that carry what is looked for
    size_t count;
    struct tw_hid_report reports[TW_HID_REPORTS];
};

int TW_MUST_CHECK tw_hid_layout_read(struct tw_slice descriptor, enum tw_hid_kind kind,
                                     struct tw_hid_layout *out, struct tw_error_text *err);

// The layout of `report`, or NULL when it carries nothing of that.
const struct tw_hid_report *tw_hid_layout_of(const struct tw_hid_layout *layout, struct tw_slice report);

// The first element of a field; `otherwise` where the report has none or ends before it.
uint32_t tw_hid_value(const struct tw_hid_field *field, struct tw_slice report, uint32_t otherwise);

// What of a field of whole bytes is meant: as much as `length` says, else all but the padding; empty where
// the report has no such field. Points into `report`. False when the report does not have that much.
bool tw_hid_bytes(const struct tw_hid_field *field, const struct tw_hid_field *length, struct tw_slice report,
                  struct tw_slice *out);

#endif
