// SPDX-License-Identifier: Apache-2.0
//
// How fast the payment guard takes bytes on one core: receipts as a till sends them to its printer
// (invented, seeded), the same with loyalty cards configured, scans, bare text, and digits only, the
// worst there is. One JSON object; MB are 10^6 bytes, seconds those of a core; of the rounds the median
// counts.
//
// Usage: guard_bench [--mib 64] [--rounds 5] [--piece 4096] [--file FILE]
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tillwire/guard.h"
#include "tillwire/scan.h"
#include "tools/bench/figures.h"

#define ROUNDS_MAX 99
#define MIB        (1024ul * 1024ul)

// What this process had of a core, so that others on the machine do not matter.
static int64_t cpu_ns(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

struct seed {
    uint32_t state;
};

static unsigned next(struct seed *seed, unsigned below)
{
    seed->state = seed->state * 1664525u + 1013904223u;
    return (seed->state >> 8) % below;
}

static void add_gtin(struct tw_buf *out, struct seed *seed)
{
    char digits[14];
    unsigned sum = 0;
    for (unsigned i = 0; i < 12; i++) {
        unsigned digit = i == 0 ? 4 : next(seed, 10);
        digits[i] = (char)('0' + digit);
        sum += digit * (i % 2 == 0 ? 1 : 3);
    }
    digits[12] = (char)('0' + (10 - sum % 10) % 10);
    tw_buf_add(out, digits, 13);
}

static void add_article(struct tw_buf *out, struct seed *seed)
{
    static const char *const names[] = {"MILCH 3,5% 1L",    "BUTTER MILD GESALZEN", "TOMATEN RISPE 500G",
                                        "KAFFEE GEMAHLEN",  "SPAGHETTI NR 5",       "APFEL ELSTAR KG",
                                        "WASCHMITTEL 20WL", "JOGHURT NATUR 4X150"};
    unsigned price = 49 + next(seed, 3000);
    add_gtin(out, seed);
    tw_buf_printf(out, "  %s\n", names[next(seed, 8)]);
    if (next(seed, 3) == 0) {
        tw_buf_printf(out, "   %u x %8u,%02u", 2 + next(seed, 5), price / 100, price % 100);
    }
    tw_buf_add(out, "\x1B$\x90\x01", 4);
    tw_buf_printf(out, "%u,%02u A\r\n", price / 100, price % 100);
}

// A receipt of some 1,500 bytes, with its commands, a card slip that the terminal has masked, and
// a bar code.
static void add_receipt(struct tw_buf *out, struct seed *seed)
{
    tw_buf_add(out,
               "\x1B@\x1Bt\x13\x1B"
               "a\x01\x1D!\x11MARKT AM PLATZ\n\x1D!\x00",
               25);
    tw_buf_add_text(out, "Hauptstrasse 17, 20095 Hamburg\nTel. 040 1234567\nUSt-IdNr. DE123456789\n");
    tw_buf_add(out,
               "\x1B"
               "a\x00\x1B"
               "E\x01------------------------------------------\n\x1B"
               "E\x00",
               52);
    for (unsigned lines = 8 + next(seed, 16); lines > 0; lines--) {
        add_article(out, seed);
    }
    unsigned total = 1000 + next(seed, 9000);
    tw_buf_printf(out, "SUMME                     EUR %8u,%02u\nGirocard  ############%04u  %u,%02u\n",
                  total / 100, total % 100, next(seed, 10000), total / 100, total % 100);
    tw_buf_printf(out, "A 19,00 %%  Netto %u,%02u  MwSt %u,%02u\n", total / 119, total % 100, total / 600,
                  total % 97);
    tw_buf_printf(out,
                  "Kunde 97%08u%02u\nBon-Nr %06u  Kasse %02u  Bediener %03u\n22.11.2026 %02u:%02u:%02u\n",
                  next(seed, 100000000), next(seed, 100), next(seed, 1000000), next(seed, 20),
                  next(seed, 1000), 8 + next(seed, 12), next(seed, 60), next(seed, 60));
    tw_buf_printf(out, "\x1Dk\x49\x10{B26%012u\n\n\n", next(seed, 1000000000));
    tw_buf_add(out, "\x1DV\x42\x00", 4);
}

static void add_scan(struct tw_buf *out, struct seed *seed)
{
    tw_buf_add_text(out, "]E0");
    add_gtin(out, seed);
    tw_buf_add_text(out, "\r\n");
}

static void add_text(struct tw_buf *out, struct seed *seed)
{
    tw_buf_printf(out, "lane 3: receipt read, %u lines, nothing is missing and nothing is doubled\n",
                  next(seed, 40));
}

static void add_digits(struct tw_buf *out, struct seed *seed)
{
    tw_buf_printf(out, "%06u", next(seed, 1000000));
}

typedef void add_fn(struct tw_buf *out, struct seed *seed);

static struct tw_buf fill(add_fn *add, size_t size)
{
    struct tw_buf out = {0};
    struct seed seed = {20261122u};
    while (out.len < size && !out.failed) {
        add(&out, &seed);
    }
    bench_must("making the bytes", tw_buf_status(&out));
    return out;
}

static struct tw_buf read_file(const char *path)
{
    static char part[65536];
    struct tw_buf out = {0};
    FILE *file = fopen(path, "rbe");
    if (file != NULL) {
        for (size_t got = fread(part, 1, sizeof part, file); got > 0;
             got = fread(part, 1, sizeof part, file)) {
            tw_buf_add(&out, part, got);
        }
        (void)fclose(file);
    } else {
        bench_stop(path, "cannot be read");
    }
    bench_must("reading the file", tw_buf_status(&out));
    return out;
}

static void count(void *ctx, struct tw_slice bytes)
{
    size_t *len = ctx;
    *len += bytes.len;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;
    return (*x > *y) - (*x < *y);
}

struct settings {
    size_t mib, rounds, piece;
    const struct tw_guard *guard;
    const char *before; // what is printed before it
};

// One round: all bytes through a stream, over and over until there were enough. Returns seconds.
static double one_round(const struct settings *with, struct tw_slice bytes, size_t *total, uint64_t *masked)
{
    struct tw_guard_stream *stream = NULL;
    size_t out = 0;
    *total = 0;
    bench_must("making the stream", tw_guard_stream_new(with->guard, count, &out, &stream));
    int64_t begin = cpu_ns();
    while (*total < with->mib * MIB) {
        for (size_t at = 0; at < bytes.len; at += with->piece) {
            size_t len = bytes.len - at < with->piece ? bytes.len - at : with->piece;
            tw_guard_stream_feed(stream, (struct tw_slice){bytes.ptr + at, len});
        }
        tw_guard_stream_flush(stream);
        *total += bytes.len;
    }
    double seconds = (double)(cpu_ns() - begin) / 1e9;
    *masked = tw_guard_stream_masked(stream);
    tw_guard_stream_free(stream);
    if (out != *total) {
        bench_stop("the stream", "gave out another number of bytes than it took");
    }
    return seconds;
}

static void measure(struct settings *with, const char *name, struct tw_slice bytes)
{
    double rates[ROUNDS_MAX] = {0};
    size_t total = 0;
    uint64_t masked = 0;
    for (size_t i = 0; i < with->rounds; i++) {
        double seconds = one_round(with, bytes, &total, &masked);
        rates[i] = (double)total / 1e6 / seconds;
    }
    qsort(rates, with->rounds, sizeof rates[0], by_value);
    (void)printf("%s\"%s\":{\"bytes\":%zu,\"mb_per_s\":%.1f,\"slowest_mb_per_s\":%.1f,\"masked_bytes\":%llu}",
                 with->before, name, total, rates[with->rounds / 2], rates[0], (unsigned long long)masked);
    with->before = ",";
}

static void measure_made(struct settings *with, const char *name, add_fn *add)
{
    struct tw_buf bytes = fill(add, 4 * MIB);
    measure(with, name, tw_buf_slice(&bytes));
    tw_buf_free(&bytes);
}

int main(int argc, char **argv)
{
    static const struct tw_card_rule card = {.scheme = "club", .pattern = "^97\\d{10}$"};
    struct tw_scan_rules *rules = NULL;
    struct tw_error_text err = {0};
    bench_must("reading the card", tw_scan_rules_new(&card, 1, &rules, &err));
    const struct tw_guard plain = {0};
    const struct tw_guard cards = tw_scan_guard(rules);
    struct settings with = {.mib = bench_number(argc, argv, "--mib", 64),
                            .rounds = bench_number(argc, argv, "--rounds", 5),
                            .piece = bench_number(argc, argv, "--piece", 4096),
                            .guard = &plain,
                            .before = "{"};
    if (with.mib == 0 || with.rounds == 0 || with.rounds > ROUNDS_MAX || with.piece == 0) {
        bench_stop("guard_bench", "--mib, --rounds (at most 99) and --piece are at least 1");
    }
    const char *path = bench_option(argc, argv, "--file", NULL);
    measure_made(&with, "receipts", add_receipt);
    measure_made(&with, "scans", add_scan);
    measure_made(&with, "text", add_text);
    measure_made(&with, "digits", add_digits);
    with.guard = &cards;
    measure_made(&with, "receipts, cards configured", add_receipt);
    if (path != NULL) {
        struct tw_buf bytes = read_file(path);
        measure(&with, "file", tw_buf_slice(&bytes));
        tw_buf_free(&bytes);
    }
    (void)puts("}");
    tw_scan_rules_free(rules);
    return 0;
}
