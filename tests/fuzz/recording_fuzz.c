// SPDX-License-Identifier: Apache-2.0
//
// Recordings: what is read is whole and in order, and as a transport gives out exactly its bytes.
#include "hal/io/replay.h"
#include "tests/fuzz/target.h"

static void check_events(const struct tw_recording *recording)
{
    size_t at = 0;
    int64_t at_ms = 0;
    fuzz_require(recording->count > 0 && recording->config.class_name != NULL &&
                 recording->config.transport != NULL);
    for (size_t i = 0; i < recording->count; i++) {
        const struct tw_recording_event *event = &recording->events[i];
        fuzz_require(event->from == at && event->at_ms >= at_ms);
        fuzz_require(event->kind == TW_RECORDING_BYTES || event->kind == TW_RECORDING_SHOW ||
                     event->len == 0);
        at += event->len;
        at_ms = event->at_ms;
    }
    fuzz_require(at == recording->bytes.len);
}

// All that comes while it is plugged in, in its order.
static void play(const struct tw_recording *recording)
{
    struct tw_replay *replay = NULL;
    struct tw_io *io = NULL;
    uint8_t piece[64];
    size_t got = 0;
    fuzz_require(tw_replay_new(recording, &replay, NULL) == 0);
    tw_replay_pass(replay, INT64_MAX);
    while (tw_replay_open(replay, &io, NULL) == 0) {
        int outcome = tw_io_read(io, piece, sizeof piece, &got);
        while (outcome == 0) {
            fuzz_require(got > 0 && got <= sizeof piece);
            outcome = tw_io_read(io, piece, sizeof piece, &got);
        }
        tw_io_close(io);
        if (outcome == TW_ERR_AGAIN) {
            break; // the end, still plugged in
        }
    }
    fuzz_require(tw_replay_next_ms(replay) == INT64_MAX);
    tw_replay_free(replay);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_recording *recording = NULL;
    struct tw_error_text err = {0};
    uint8_t *exact = (uint8_t *)fuzz_text(data, size);
    if (tw_recording_parse(tw_slice_make(exact, size), "fuzz", &recording, &err) == 0) {
        check_events(recording);
        play(recording);
        tw_recording_free(recording);
    } else {
        fuzz_require(err.text[0] != '\0');
    }
    free(exact);
    return 0;
}
