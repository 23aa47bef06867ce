// SPDX-License-Identifier: Apache-2.0
//
// The tap link under noise: a frame that decodes must encode to what it came from, and a tap that
// is told anything at all keeps its books straight and goes on answering.
#include "firmware/core/tap.h"
#include "tests/fuzz/target.h"

static void round_trip(const uint8_t *data, size_t size)
{
    struct tw_link_decoder decoder = {.len = 0};
    for (size_t i = 0; i < size; i++) {
        struct tw_link_frame frame;
        if (tw_link_decode(&decoder, data[i], &frame) > 0) {
            uint8_t out[TW_LINK_MAX_FRAME];
            size_t len = tw_link_encode(frame.type, frame.sequence, frame.payload, frame.len, out);
            struct tw_link_decoder again = {.len = 0};
            struct tw_link_frame copy = {0};
            int good = 0;
            for (size_t j = 0; j < len; j++) {
                good += tw_link_decode(&again, out[j], &copy) > 0;
            }
            fuzz_require(good == 1 && copy.len == frame.len && copy.type == frame.type);
            fuzz_require(frame.len == 0 || memcmp(copy.payload, frame.payload, frame.len) == 0);
        }
    }
}

// The input is a list of frames (type, length, payload) that are given good checks, and noise.
static void talk(struct tw_tap *tap, const uint8_t *data, size_t size)
{
    uint8_t sequence = 0;
    while (size >= 2) {
        size_t len = data[1] < size - 2 ? data[1] : size - 2;
        uint8_t frame[TW_LINK_MAX_FRAME];
        size_t encoded = tw_link_encode(data[0], sequence++, data + 2, len, frame);
        tw_tap_receive(tap, frame, encoded);
        tw_tap_print(tap, data, size, sequence * 50000u);
        tw_tap_mark(tap, TW_LINK_CLOSED, sequence * 50000u);
        uint8_t out[300];
        (void)tw_tap_transmit(tap, out, sizeof out);
        tw_tap_tick(tap, sequence * 50000u);
        fuzz_require(tap->acked <= tap->first && tap->first <= tap->next);
        fuzz_require(tap->next - tap->first <= tap->memory.ring_bytes);
        data += 2 + len;
        size -= 2 + len;
    }
    tw_tap_receive(tap, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t boot[16] = {0};
    uint8_t ring[512] = {0};
    struct tw_tap_record records[TW_TAP_MIN_RECORDS];
    struct tw_tap_memory memory = {ring, sizeof ring, records, TW_TAP_MIN_RECORDS};
    struct tw_tap tap;
    tw_tap_init(&tap, &memory, boot);
    tw_tap_attach(&tap, 0);
    round_trip(data, size);
    talk(&tap, data, size);
    return 0;
}
