// SPDX-License-Identifier: Apache-2.0
//
// A recording as a transport: hal/core opens it, reads it and loses it as any device. Its time is
// what tw_replay_pass is told, so that a day is played in a second or as slowly as it was.
// Between a `down` and the next `up` there is nothing to open; each opening goes on where the last one ended.
//
//   struct tw_device_config config = recording->config;
//   config.open = tw_replay_open, config.open_ctx = replay;
//
// Threading: one thread. Memory: the recording outlives the replay, the replay whatever it opened.
// Time: milliseconds of the recording. Errors: as hal/io/io.h.
#ifndef TW_HAL_REPLAY_H
#define TW_HAL_REPLAY_H

#include "hal/io/recording.h"

struct tw_replay;

int TW_MUST_CHECK tw_replay_new(const struct tw_recording *recording, struct tw_replay **out,
                                struct tw_error_text *err);
void tw_replay_free(struct tw_replay *replay); // NULL does nothing

// It is `at_ms` now: what was recorded up to then has happened, and the descriptor says so.
void tw_replay_pass(struct tw_replay *replay, int64_t at_ms);

// When something happens that was not read yet; INT64_MAX: nothing more.
int64_t tw_replay_next_ms(const struct tw_replay *replay);

// For struct tw_device_config: `replay` is a struct tw_replay. One opening at a time.
// TW_ERR_NOT_FOUND while it is not plugged in, or when the recording has ended.
int TW_MUST_CHECK tw_replay_open(void *replay, struct tw_io **out, struct tw_error_text *err);

#endif
