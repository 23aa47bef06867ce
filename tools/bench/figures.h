// SPDX-License-Identifier: Apache-2.0
//
// What the measuring programs share: options, a clock, and how long each of many things took. Each program
// makes one run and prints one JSON object; the scripts beside them repeat, interleave and compare.
//
// Threading: bench_took_add from one thread at a time, the rest is pure. Memory: the caller's; a
// program that gets none ends with a sentence. Time: CLOCK_MONOTONIC. Errors: they end the program.
#ifndef TW_FIGURES_H
#define TW_FIGURES_H

#include <stddef.h>
#include <stdint.h>

// The value behind NAME among the arguments, or `otherwise`.
const char *bench_option(int argc, char **argv, const char *name, const char *otherwise);
// The same as a number; another text ends the program with exit code 2.
unsigned long bench_number(int argc, char **argv, const char *name, unsigned long otherwise);
// Ends the program with exit code 1 when `rc` is an enum tw_err below 0; says what failed.
void bench_must(const char *what, int rc);
_Noreturn void bench_stop(const char *what, const char *why);

int64_t bench_now_ns(void);

struct bench_took {
    uint32_t *us_tenths; // tenths of a microsecond
    size_t count, size;
};
void bench_took_new(struct bench_took *took, size_t size);  // its memory is resident from here on
void bench_took_add(struct bench_took *took, int64_t ns);   // what is beyond its size is not kept
double bench_took_at(struct bench_took *took, double part); // microseconds: so much of them took no longer
void bench_took_free(struct bench_took *took);
// "per_s", "p50_us", "p99_us" and "max_us" as members of a JSON object, without a comma behind.
void bench_took_print(struct bench_took *took, double per_s);

#define BENCH_EVENT_BYTES 600 // of a row, a message, and the sale of world.h

#endif
