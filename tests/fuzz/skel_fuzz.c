// SPDX-License-Identifier: Apache-2.0
//
// The skeleton of a driver: the target to copy with it.
#include "tests/fuzz/scanner_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tw_device_config config = {.name = "k"};
    const struct tw_io_facts facts = {0};
    scanner_run(tw_skel_new, &config, &facts, data, size);
    return 0;
}
