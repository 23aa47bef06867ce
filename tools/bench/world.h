// SPDX-License-Identifier: Apache-2.0
//
// A journal as the agent opens it, for the programs that measure it without the rest of the agent.
//
// Threading: one thread. Memory: closed with bench_world_close. Time: the system's clocks, all
// trusted. Errors: they end the program with a sentence.
#ifndef TW_WORLD_H
#define TW_WORLD_H

#include "tillwire/journal.h"

struct bench_world {
    struct tw_clock clock;
    struct tw_seal *seal;
    struct tw_vault *vault;
    struct tw_journal *journal;
};

// `key`: the file of the keys that seal, made if it is not there.
void bench_world_open(struct bench_world *world, const char *path, const char *source, const char *key);
void bench_world_close(struct bench_world *world);

// The n-th sale as a batch: JSON as the agent writes it and the centre takes it, exactly BENCH_EVENT_BYTES
// long and different for every n: number, time, cashier, amounts and 32 bytes of hash. Ends the program when
// it cannot be submitted, but for TW_ERR_FULL, which is given back.
int TW_MUST_CHECK bench_world_sell(struct bench_world *world, uint64_t n, tw_journal_done_fn *done,
                                   void *ctx);

#endif
