// SPDX-License-Identifier: Apache-2.0
//
// The centre's words, `ack` and `reject`: any bytes are a word of the contract's form or none.
#include "agent/uplink/word.h"
#include "tests/fuzz/target.h"

static void read_word(struct tw_slice payload, bool is_ack)
{
    struct tw_word word;
    if (!tw_word_read(payload, is_ack, &word)) {
        return;
    }
    fuzz_require(word.epoch != NULL && word.reason != NULL && word.number <= INT64_MAX);
    fuzz_require(is_ack ? word.reason[0] == '\0' : !word.has_head && !word.has_session);
    fuzz_require(word.has_session || word.session == 0);
    tw_word_free(&word);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_word(tw_slice_make(data, size), true);
    read_word(tw_slice_make(data, size), false);
    return 0;
}
