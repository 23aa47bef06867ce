// SPDX-License-Identifier: Apache-2.0
//
// The receipt reader: any bytes, in cuts and with pauses that the bytes themselves choose, give
// facts whose positions never go back and reach the end, and a sale that says it closes does.
#include "agent/decode/profile.h"
#include "tests/fuzz/target.h"
#include "tillwire/reader.h"

static void on_fact(void *ctx, struct tw_reader_fact *fact)
{
    uint64_t *end = ctx;
    fuzz_require(fact->end >= *end && (fact->sale == NULL || (fact->lines > 0 && fact->sale->total.has)));
    *end = fact->end;
    if (fact->sale != NULL && fact->sale->reconciled) {
        tw_sale_reconcile(fact->sale);
        fuzz_require(fact->sale->reconciled);
    }
}

// Compiled once: the fuzzer's process has one thread, and a profile is immutable.
static const struct tw_profile *profile(void)
{
    static struct tw_profile *compiled;
    fuzz_require(compiled != NULL || tw_profile_compile(tw_profile_generic(), &compiled, NULL) == TW_OK);
    return compiled;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t end = 0;
    struct tw_reader *reader = NULL;
    struct tw_reader_options options = {.profile = profile(), .on_fact = on_fact, .ctx = &end};
    fuzz_require(tw_reader_new(&options, &reader) == TW_OK);
    for (size_t at = 0; at < size;) {
        size_t len = 1 + data[at] % 64u;
        len = len < size - at ? len : size - at;
        bool pause = data[at] == 0xf7;
        fuzz_require(tw_reader_feed(reader, tw_slice_make(data + at, len)) == TW_OK);
        fuzz_require(!pause || tw_reader_idle(reader) == TW_OK);
        at += len;
    }
    fuzz_require(tw_reader_close(reader) == TW_OK && end == size);
    tw_reader_free(reader);
    return 0;
}
