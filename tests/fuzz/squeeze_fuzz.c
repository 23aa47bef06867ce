// SPDX-License-Identifier: Apache-2.0
//
// Unpacking: any bytes give a text within the bound or nothing, and what came out can be packed again.
#include "agent/journal/squeeze.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { MAX_BYTES = 68 * 1024 };
    struct tw_squeeze *squeeze = tw_squeeze_new();
    struct tw_buf plain = {0};
    struct tw_buf packed = {0};
    struct tw_buf again = {0};
    fuzz_require(squeeze != NULL);
    int rc = tw_squeeze_unpack(squeeze, tw_slice_make(data, size), MAX_BYTES, &plain);
    fuzz_require(plain.len <= (rc == TW_OK ? MAX_BYTES : 0));
    if (rc == TW_OK) {
        fuzz_require(tw_squeeze_pack(squeeze, tw_buf_slice(&plain), &packed) == TW_OK);
        fuzz_require(tw_squeeze_unpack(squeeze, tw_buf_slice(&packed), plain.len, &again) == TW_OK);
        fuzz_require(again.len == plain.len &&
                     (plain.len == 0 || memcmp(again.ptr, plain.ptr, plain.len) == 0));
    }
    tw_buf_free(&plain);
    tw_buf_free(&packed);
    tw_buf_free(&again);
    tw_squeeze_free(squeeze);
    return 0;
}
