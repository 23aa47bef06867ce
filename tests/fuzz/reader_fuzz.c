// SPDX-License-Identifier: Apache-2.0
//
// The receipt reader: any bytes, in cuts and with pauses that the bytes themselves choose, give
// facts whose positions never go back and reach the end, and a sale that says it closes does.
#include <stdint.h>
#include <stdlib.h>

#include "agent/decode/profile.h"
#include "tillwire/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_fact(void *ctx, struct tw_reader_fact *fact)
{
    uint64_t *end = ctx;
    if (fact->end < *end || (fact->sale != NULL && (fact->lines == 0 || !fact->sale->total.has))) {
        abort();
    }
    *end = fact->end;
    if (fact->sale != NULL && fact->sale->reconciled) {
        tw_sale_reconcile(fact->sale);
        if (!fact->sale->reconciled) {
            abort();
        }
    }
}

// Compiled once: the fuzzer's process has one thread, and a profile is immutable.
static const struct tw_profile *profile(void)
{
    static struct tw_profile *compiled;
    if (compiled == NULL && tw_profile_compile(tw_profile_generic(), &compiled, NULL) != TW_OK) {
        abort();
    }
    return compiled;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t end = 0;
    struct tw_reader *reader = NULL;
    struct tw_reader_options options = {.profile = profile(), .on_fact = on_fact, .ctx = &end};
    if (tw_reader_new(&options, &reader) != TW_OK) {
        abort();
    }
    for (size_t at = 0; at < size;) {
        size_t len = 1 + data[at] % 64u;
        len = len < size - at ? len : size - at;
        bool pause = data[at] == 0xf7;
        if (tw_reader_feed(reader, tw_slice_make(data + at, len)) != TW_OK ||
            (pause && tw_reader_idle(reader) != TW_OK)) {
            abort();
        }
        at += len;
    }
    if (tw_reader_close(reader) != TW_OK || end != size) {
        abort();
    }
    tw_reader_free(reader);
    return 0;
}
