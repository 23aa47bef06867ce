// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/gaps.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bench/figures.h"

enum { MOST_GAPS = 1 << 16 };

void bench_gaps_new(struct bench_gaps *gaps, size_t size)
{
    *gaps = (struct bench_gaps){.list = calloc(size, sizeof *gaps->list), .size = size};
    if (gaps->list == NULL) {
        bench_stop("gaps", "out of memory");
    }
    gaps->last_ns = bench_now_ns();
}

void bench_gaps_free(struct bench_gaps *gaps)
{
    free(gaps->list);
    gaps->list = NULL;
}

void bench_gaps_see(struct bench_gaps *gaps, int64_t now_ns)
{
    if (now_ns - gaps->last_ns > BENCH_GAP_NS) {
        if (gaps->count == gaps->size) {
            bench_stop("gaps", "the processor is away all the time");
        }
        gaps->list[gaps->count++] = (struct bench_gap){gaps->last_ns, now_ns};
    }
    gaps->last_ns = now_ns;
}

bool bench_gaps_touch(const struct bench_gaps *gaps, int64_t from_ns, int64_t to_ns)
{
    size_t low = 0;
    size_t high = gaps->count;
    while (low < high) { // the first that ends at or after from_ns
        size_t middle = (low + high) / 2;
        if (gaps->list[middle].to_ns < from_ns) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < gaps->count && gaps->list[low].from_ns <= to_ns;
}

static void *look(void *arg)
{
    struct bench_witness *witness = arg;
    while (!atomic_load_explicit(&witness->stop, memory_order_relaxed)) {
        bench_gaps_see(&witness->gaps, bench_now_ns());
    }
    return NULL;
}

static void must(const char *what, int error)
{
    if (error != 0) {
        bench_stop(what, strerror(error));
    }
}

void bench_witness_start(struct bench_witness *witness, unsigned processor)
{
    const struct sched_param none = {0};
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(processor, &set);
    bench_gaps_new(&witness->gaps, MOST_GAPS);
    atomic_init(&witness->stop, false);
    must("witness", pthread_create(&witness->thread, NULL, look, witness));
    must("witness: its processor", pthread_setaffinity_np(witness->thread, sizeof set, &set));
    must("witness: giving way", pthread_setschedparam(witness->thread, SCHED_IDLE, &none));
}

void bench_witness_stop(struct bench_witness *witness)
{
    atomic_store_explicit(&witness->stop, true, memory_order_relaxed);
    must("witness", pthread_join(witness->thread, NULL));
}
