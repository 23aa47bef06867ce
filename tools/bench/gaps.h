// SPDX-License-Identifier: Apache-2.0
//
// When a processor was not there: somebody who asks for the time all the time sees it jump when the host of
// a virtual machine took the processor away. For one's own thread (bench_gaps_see), and for another processor
// by a witness on it, which gives way to everything else (SCHED_IDLE, sched(7)) and so keeps it from
// sleeping, too. A gap of the witness can also be work that took so long: whoever measures work that is done
// in less takes it for the host's.
//
// Threading: gaps belong to one thread, those of a witness to whoever stopped it. Memory: until
// bench_gaps_free. Time: CLOCK_MONOTONIC. Errors: end the program.
#ifndef TW_GAPS_H
#define TW_GAPS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_GAP_NS 200000 // longer than this between two looks is a gap

struct bench_gap {
    int64_t from_ns, to_ns;
};

struct bench_gaps {
    struct bench_gap *list; // in their order
    size_t count, size;
    int64_t last_ns;
};

// What is seen beyond `size` ends the program.
void bench_gaps_new(struct bench_gaps *gaps, size_t size);
void bench_gaps_see(struct bench_gaps *gaps, int64_t now_ns);
// Whether one of them touches [from_ns, to_ns].
bool bench_gaps_touch(const struct bench_gaps *gaps, int64_t from_ns, int64_t to_ns);
void bench_gaps_free(struct bench_gaps *gaps);

struct bench_witness {
    struct bench_gaps gaps;
    atomic_bool stop;
    pthread_t thread;
};

void bench_witness_start(struct bench_witness *witness, unsigned processor);
void bench_witness_stop(struct bench_witness *witness);

#endif
