// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/figures.h"

#include <inttypes.h>
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

// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014): the same n
// gives the same event.
static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void bench_event_make(uint64_t n, struct bench_event *out)
{
    static const char name[] = "ANNELIESE-CHARLOTTE VON HOHENSTEIN-WEIDENFELD";
    uint64_t state = n;
    char hash[65], end[240];
    for (int i = 0; i < 4; i++) {
        (void)snprintf(hash + i * 16, 17, "%016" PRIx64, mix(&state));
    }
    uint64_t dice = mix(&state);
    unsigned total = 100 + (unsigned)(dice % 20000);
    (void)snprintf(out->key, sizeof out->key, "0042/07/2026-11-22/%010" PRIu64, n);
    int end_len =
        snprintf(end, sizeof end,
                 "\",\"change\":0,\"customer\":null,\"coupons\":[],\"corrects\":null,\"witnesses\":[{"
                 "\"device\":\"printer\",\"via\":\"receipt\",\"sha256\":\"%s\"}],\"reconciled\":false}",
                 hash);
    int len =
        snprintf(out->data, sizeof out->data,
                 "{\"transaction_id\":\"%s\",\"kind\":\"sale\",\"store\":\"0042\",\"workstation\":\"07\","
                 "\"business_day\":"
                 "\"2026-11-22\",\"receipt_number\":\"%010" PRIu64
                 "\",\"printed_time\":\"2026-11-22T%02u:%02u:%02u+01:00\","
                 "\"currency\":\"EUR\",\"lines\":[],\"subtotal\":%u,\"discount\":null,\"tax\":%u,\"tax_"
                 "included\":true,"
                 "\"rounding\":0,\"total\":%u,\"tenders\":[{\"type\":\"cash\",\"amount\":%u}],"
                 "\"operator\":\"%02u ",
                 out->key, n, 8 + (unsigned)(n / 3600 % 12), (unsigned)(n / 60 % 60), (unsigned)(n % 60),
                 total, total * 19 / 119, total, total, (unsigned)(dice >> 40) % 100);
    int fill = BENCH_EVENT_BYTES - len - end_len;
    if (fill < 0 || fill >= (int)sizeof name) {
        bench_stop("event", "its parts do not fit its size");
    }
    memcpy(out->data + len, name, (size_t)fill);
    memcpy(out->data + len + fill, end, (size_t)end_len + 1);
}
