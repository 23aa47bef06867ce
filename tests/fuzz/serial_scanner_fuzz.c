// SPDX-License-Identifier: Apache-2.0
//
// Serial scanners: the first byte chooses the configuration.
#include "tests/fuzz/scanner_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tw_device_config configs[] = {
        {.name = "s"},
        {.name = "s", .suffix = "\r\n"},
        {.name = "s", .prefix = "\x02P", .suffix = "aab"},
        {.name = "s", .prefix = "P", .code_id = "zebra"},
        {.name = "s", .code_id = "honeywell"},
        {.name = "s", .code_id = "datalogic"},
    };
    const struct tw_io_facts facts = {0};
    if (size > 0) {
        scanner_run(tw_serial_scanner_new, &configs[data[0] % 6], &facts, data + 1, size - 1);
    }
    return 0;
}
