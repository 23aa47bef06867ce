// SPDX-License-Identifier: Apache-2.0
//
// HID report descriptors: what is found lies within a report, and is found again.
#include "hal/drivers/hid_report.h"
#include "tests/fuzz/target.h"

static void check(const struct tw_hid_field *field, const struct tw_hid_report *report)
{
    fuzz_require(field->bits <= 8 && field->at_bits + field->bits * field->count <= report->bits);
}

static void check_bytes(const struct tw_hid_field *field, const struct tw_hid_field *length,
                        const struct tw_hid_report *report, struct tw_slice sent)
{
    struct tw_slice out;
    check(field, report);
    check(length, report);
    fuzz_require(field->bits == 0 || (field->bits == 8 && field->at_bits % 8 == 0));
    if (tw_hid_bytes(field, length, sent, &out) && out.len > 0) {
        fuzz_require(out.ptr >= sent.ptr && out.ptr + out.len <= sent.ptr + sent.len);
    }
}

static void check_report(const struct tw_hid_report *report, struct tw_slice sent)
{
    fuzz_require(report->bits <= TW_HID_REPORT_BITS);
    check(&report->continued, report);
    check_bytes(&report->data, &report->byte_count, report, sent);
    for (size_t i = 0; i < TW_HID_TRACKS; i++) {
        check_bytes(&report->tracks[i], &report->track_lengths[i], report, sent);
        check(&report->symbology[i], report);
        (void)tw_hid_value(&report->symbology[i], sent, 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t report[TW_HID_REPORT_BITS / 8];
    struct tw_hid_layout layout;
    for (int kind = TW_HID_SCANS; kind <= TW_HID_STRIPES; kind++) {
        if (tw_hid_layout_read(tw_slice_make(data, size), (enum tw_hid_kind)kind, &layout, NULL) != 0) {
            continue;
        }
        fuzz_require(layout.count > 0 && layout.count <= TW_HID_REPORTS);
        for (size_t i = 0; i < layout.count; i++) {
            check_report(&layout.reports[i], tw_slice_make(report, size % sizeof report));
            (void)tw_hid_layout_of(&layout, tw_slice_make(&layout.reports[i].id, 1));
        }
    }
    return 0;
}
