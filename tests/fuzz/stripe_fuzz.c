// SPDX-License-Identifier: Apache-2.0
//
// Readers of magnetic stripes: the first byte chooses the transport. What is told is never longer than the
// identifier of a card, and always one that the rules know.
#include "tests/fakes/hid_scanner.h"
#include "tests/fuzz/scanner_run.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tw_driver_create *const makers[] = {tw_serial_stripe_new, tw_hid_stripe_new, tw_wedge_stripe_new};
    static const struct tw_device_config config = {.name = "s"};
    const struct tw_io_facts facts = {
        .descriptor = tw_slice_make(hid_scanner_descriptor, sizeof hid_scanner_descriptor)};
    if (size > 0) {
        scanner_run(makers[data[0] % 3], &config, &facts, data + 1, size - 1);
    }
    return 0;
}
