// SPDX-License-Identifier: Apache-2.0
//
// The payment guard: any bytes keep their length, change only to '*', and looking agrees with
// masking.
#include <stdint.h>
#include <stdlib.h>

#include "tillwire/guard.h"
#include "tillwire/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_guard guard = {0};
    struct tw_buf text = {0};
    struct tw_scan scan;
    tw_buf_add(&text, data, size);
    tw_scan_read(NULL, tw_slice_make(data, size), &scan);
    if (text.ptr == NULL) {
        return 0;
    }
    bool hits = tw_guard_hits(&guard, tw_slice_make(data, size));
    size_t masked = tw_guard_mask(&guard, (char *)text.ptr, text.len);
    if (hits != (masked > 0) || scan.kind == TW_SCAN_LOYALTY) {
        abort();
    }
    for (size_t i = 0; i < size; i++) {
        if (text.ptr[i] != data[i] && (text.ptr[i] != '*' || masked == 0)) {
            abort();
        }
    }
    tw_buf_free(&text);
    return 0;
}
