// SPDX-License-Identifier: Apache-2.0
//
// Keyboard-wedge scanners: the first byte chooses the layout.
#include "tests/fuzz/scanner_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tw_device_config configs[] = {
        {.name = "w"},
        {.name = "w", .layout = "uk", .suffix = "\t"},
        {.name = "w", .layout = "de", .prefix = "*"},
        {.name = "w", .layout = "fr", .suffix = "\r"},
    };
    const struct tw_io_facts facts = {0};
    if (size > 0) {
        scanner_run(tw_wedge_scanner_new, &configs[data[0] % 4], &facts, data + 1, size - 1);
    }
    return 0;
}
