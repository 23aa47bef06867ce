// SPDX-License-Identifier: Apache-2.0
//
// The decision behind `tw_clock.trust`, apart from the clocks themselves so that tests bring their
// own times: wall and monotonic time only move against each other when somebody sets the clock.
//
// Threading: safe from any thread. Memory: the caller's. Time: arguments. Errors: none.
#ifndef TW_AGENT_SUPERVISE_CLOCK_H
#define TW_AGENT_SUPERVISE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "tillwire/clock.h"

struct tw_clock_steps {
    pthread_mutex_t lock;
    bool seen;
    int64_t ahead_ms; // the largest wall - monotonic seen, or the last one that was synchronised
};

#define TW_CLOCK_STEP_MS 1000 // a step back of more than this is one

// One look at the clocks.
enum tw_clock_trust tw_clock_judge(struct tw_clock_steps *steps, int64_t wall_ms, int64_t monotonic_ms,
                                   bool synchronised);

// What the kernel last said about the wall clock, and when.
struct tw_clock_word {
    bool asked, synchronised;
    int64_t monotonic_ms, ahead_ms; // of that moment; ahead: wall - monotonic
};

#define TW_CLOCK_WORD_MS 1000 // its word holds so long,
#define TW_CLOCK_SLEW_MS 100  // and while nobody sets the clock by more than this

// Whether it is to be asked again: it is a system call, and `trust` is asked for every event.
bool tw_clock_is_stale(const struct tw_clock_word *word, int64_t wall_ms, int64_t monotonic_ms);

#endif
