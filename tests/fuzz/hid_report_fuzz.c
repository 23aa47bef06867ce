// SPDX-License-Identifier: Apache-2.0
//
// HID report descriptors: what is found lies within a report, and is found again.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hal/drivers/scanner/hid_report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct tw_hid_field *field, const struct tw_hid_report *report)
{
    if (field->bits > 8 || field->at_bits + field->bits * field->count > report->bits) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t report[TW_HID_REPORT_BITS / 8];
    struct tw_hid_layout layout;
    if (tw_hid_layout_read(tw_slice_make(data, size), &layout, NULL) != 0) {
        return 0;
    }
    if (layout.count == 0 || layout.count > TW_HID_REPORTS) {
        abort();
    }
    for (size_t i = 0; i < layout.count; i++) {
        const struct tw_hid_report *found = &layout.reports[i];
        check(&found->byte_count, found);
        check(&found->continued, found);
        check(&found->data, found);
        if (found->bits > TW_HID_REPORT_BITS || found->data.bits != 8 || found->data.at_bits % 8 != 0) {
            abort();
        }
        for (size_t s = 0; s < 3; s++) {
            check(&found->symbology[s], found);
            (void)tw_hid_value(&found->symbology[s], tw_slice_make(report, size % sizeof report), 0);
        }
        (void)tw_hid_layout_of(&layout, tw_slice_make(&found->id, 1));
    }
    return 0;
}
