// SPDX-License-Identifier: Apache-2.0
//
// HID POS scanners: the first byte is the length of the report descriptor, 0 stands for a good one.
#include "tests/fakes/hid_scanner.h"
#include "tests/fuzz/scanner_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tw_device_config config = {.name = "h"};
    size_t len = size > 0 ? data[0] : 0;
    len = size > 0 && len < size - 1 ? len : 0;
    const struct tw_io_facts facts = {
        .descriptor = len > 0 ? tw_slice_make(data + 1, len)
                              : tw_slice_make(hid_scanner_descriptor, sizeof hid_scanner_descriptor)};
    if (size > 0) {
        scanner_run(tw_hidpos_scanner_new, &config, &facts, data + 1 + len, size - 1 - len);
    }
    return 0;
}
