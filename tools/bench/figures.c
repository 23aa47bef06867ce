// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tillwire/err.h"

const char *bench_option(int argc, char **argv, const char *name, const char *otherwise)
{
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return argv[i + 1];
        }
    }
    return otherwise;
}

unsigned long bench_number(int argc, char **argv, const char *name, unsigned long otherwise)
{
    const char *text = bench_option(argc, argv, name, NULL);
    char *end = NULL;
    unsigned long value = text != NULL ? strtoul(text, &end, 10) : otherwise;
    if (text != NULL && (end == text || *end != '\0')) {
        (void)fprintf(stderr, "%s: %s takes a number\n", argv[0], name);
        exit(2);
    }
    return value;
}

_Noreturn void bench_stop(const char *what, const char *why)
{
    (void)fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

void bench_must(const char *what, int rc)
{
    if (rc < 0) {
        bench_stop(what, tw_err_name(rc));
    }
}

int64_t bench_now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void bench_took_new(struct bench_took *took, size_t size)
{
    *took = (struct bench_took){.us_tenths = malloc(size * sizeof *took->us_tenths), .size = size};
    if (took->us_tenths == NULL) {
        bench_stop("figures", "out of memory");
    }
    memset(took->us_tenths, 0xff, size * sizeof *took->us_tenths);
}

void bench_took_add(struct bench_took *took, int64_t ns)
{
    if (took->count < took->size) {
        took->us_tenths[took->count++] = ns / 100 < UINT32_MAX ? (uint32_t)(ns / 100) : UINT32_MAX;
    }
}

void bench_took_free(struct bench_took *took)
{
    free(took->us_tenths);
    *took = (struct bench_took){0};
}

static int compare(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

double bench_took_at(struct bench_took *took, double part)
{
    size_t last = took->count > 0 ? took->count - 1 : 0;
    qsort(took->us_tenths, took->count, sizeof *took->us_tenths, compare);
    return took->us_tenths[(size_t)((double)last * part)] / 10.0;
}

void bench_took_print(struct bench_took *took, double per_s)
{
    (void)printf("\"per_s\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f", per_s,
                 bench_took_at(took, 0.5), bench_took_at(took, 0.99), bench_took_at(took, 1));
}
