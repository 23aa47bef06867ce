// SPDX-License-Identifier: Apache-2.0
//
// What squeezing saves and costs (agent/journal/squeeze.h): events of each kind, made from a seed, in and
// out. Prints one JSON object. With --head it prints the head of a dictionary for the words given instead:
// the tables (RFC 8878, section 5) that fit the same events. So words/1.head was made; it never changes.
//
// usage: squeeze_bench [--head WORDS.txt]
#include <inttypes.h>
#include <time.h>

#include <zdict.h>

#include "agent/journal/squeeze.h"

enum { EACH = 200, ROUNDS = 20, HEAD_COLUMNS = 48 };

static uint32_t seed = 1;

static uint32_t next_random(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static void add_hex(struct tw_buf *out, size_t digits)
{
    for (size_t i = 0; i < digits; i++) {
        tw_buf_add(out, &"0123456789abcdef"[next_random(16)], 1);
    }
}

// ---- events, with the keys in the order of the contract ----

enum via { RECEIPT, API, NOISE };

static void add_line(struct tw_buf *out, unsigned n, enum via via, unsigned *total)
{
    static const char *const names[] = {"ROGGENBROT 750G", "Milch 3,5% 1L",  "SOURDOUGH LOAF", "Bananen",
                                        "OLIVES 80G",      "Tragetasche",    "LAMPE E27",      "USB Cable 2m",
                                        "Caffè",           "T-SHIRT BLACK M"};
    unsigned quantity = 1 + next_random(4) * next_random(2);
    unsigned price = 20 + next_random(3000);
    *total += quantity * price;
    tw_buf_printf(out, "%s{\"n\":%u,\"kind\":\"item\",\"gtin\":", n > 1 ? "," : "", n);
    if (via == API) {
        tw_buf_printf(out, "\"4%012" PRIu32 "\",\"sku\":\"%06" PRIu32 "\",\"description\":\"%s\"",
                      next_random(999999999), next_random(1000000), names[next_random(10)]);
    } else if (via == NOISE) {
        tw_buf_add_text(out, "null,\"sku\":\"");
        add_hex(out, 12);
        tw_buf_add_text(out, "\",\"description\":\"");
        add_hex(out, 24);
        tw_buf_add_text(out, "\"");
    } else {
        tw_buf_printf(out, "null,\"sku\":null,\"description\":\"%s\"", names[next_random(10)]);
    }
    tw_buf_printf(out, ",\"quantity\":\"%u\",\"unit_price\":", quantity);
    if (via == RECEIPT && quantity == 1) {
        tw_buf_add_text(out, "null");
    } else {
        tw_buf_printf(out, "%u", price);
    }
    tw_buf_printf(out, ",\"amount\":%u,\"voided\":false}", quantity * price);
}

static void add_customer(struct tw_buf *out)
{
    tw_buf_add_text(out, "{\"scheme\":\"club\",\"pseudonym\":\"v1:");
    add_hex(out, 64);
    tw_buf_add_text(out, "\",\"consent\":null}");
}

static void add_sale(struct tw_buf *out, enum via via)
{
    unsigned total = 0;
    unsigned day = 1 + next_random(28);
    unsigned number = next_random(1000000);
    tw_buf_printf(out,
                  "{\"transaction_id\":\"0042/07/2026-11-%02u/"
                  "%06u\",\"kind\":\"sale\",\"store\":\"0042\",\"workstation\":"
                  "\"07\",\"business_day\":\"2026-11-%02u\",\"receipt_number\":\"%06u\",\"printed_time\":"
                  "\"2026-11-%02uT%02" PRIu32 ":%02" PRIu32 ":%02" PRIu32 "+01:00\",\"operator\":\"%" PRIu32
                  "\",\"currency\":\"EUR\",\"lines\":[",
                  day, number, day, number, day, 8 + next_random(12), next_random(60), next_random(60),
                  next_random(40));
    unsigned lines = via == RECEIPT ? 1 + next_random(6) : 2 + next_random(2);
    for (unsigned n = 1; n <= lines; n++) {
        add_line(out, n, via, &total);
    }
    tw_buf_printf(
        out,
        "],\"subtotal\":%u,\"discount\":null,\"tax\":%u,\"tax_included\":true,\"rounding\":null,\"total\":%u",
        total, total * 19 / 119, total);
    if (next_random(2) == 0) {
        tw_buf_printf(
            out,
            ",\"tenders\":[{\"type\":\"card\",\"amount\":%u,\"brand\":\"VISA\",\"last4\":\"%04" PRIu32 "\"}]",
            total, next_random(10000));
    } else {
        tw_buf_printf(out, ",\"tenders\":[{\"type\":\"cash\",\"amount\":%u}]", (total / 500 + 1) * 500);
    }
    tw_buf_add_text(out, ",\"change\":null,\"customer\":");
    if (next_random(5) < 2) {
        add_customer(out);
    } else {
        tw_buf_add_text(out, "null");
    }
    tw_buf_printf(
        out,
        ",\"coupons\":[],\"corrects\":null,\"witnesses\":[{\"device\":\"%s\",\"via\":\"%s\",\"sha256\":\"",
        via == RECEIPT ? "printer" : "api", via == RECEIPT ? "receipt" : "api");
    add_hex(out, 64);
    tw_buf_add_text(out, "\"}],\"reconciled\":true}");
}

static void add_small(struct tw_buf *out)
{
    switch (next_random(3)) {
    case 0:
        tw_buf_add_text(
            out, "{\"workstation\":\"07\",\"device\":\"scanner\",\"scheme\":\"club\",\"pseudonym\":\"v1:");
        add_hex(out, 64);
        tw_buf_add_text(out, "\"}");
        break;
    case 1:
        tw_buf_add_text(out, "{\"workstation\":\"07\",\"scheme\":\"club\",\"pseudonym\":\"v1:");
        add_hex(out, 64);
        tw_buf_printf(
            out, "\",\"found\":true,\"asked_by\":\"%" PRIu32 "\",\"via\":\"desk\",\"age_s\":%" PRIu32 "}",
            next_random(40), next_random(900));
        break;
    default:
        tw_buf_printf(out,
                      "{\"device\":\"printer\",\"reason\":\"not_a_sale\",\"detail\":null,\"lines\":%" PRIu32
                      ",\"bytes\":%" PRIu32 ",\"sha256\":\"",
                      next_random(40), next_random(2000));
        add_hex(out, 64);
        tw_buf_add_text(out, "\"}");
        break;
    }
}

static void add_digits(struct tw_buf *out)
{
    tw_buf_add_text(out, "{\"x\":\"");
    add_hex(out, 592);
    tw_buf_add_text(out, "\"}");
}

static void add_event(struct tw_buf *out, size_t kind)
{
    if (kind <= NOISE) {
        add_sale(out, (enum via)kind);
    } else if (kind == NOISE + 1) {
        add_small(out);
    } else {
        add_digits(out);
    }
}

// ---- measuring ----

static void stop(const char *what)
{
    (void)fprintf(stderr, "squeeze_bench: %s\n", what);
    exit(1);
}

static double now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void measure(struct tw_squeeze *squeeze, const char *name, size_t kind, const char *before)
{
    struct tw_buf plain = {0};
    struct tw_buf packed = {0};
    struct tw_buf again = {0};
    double in_us = 0;
    double out_us = 0;
    double plain_bytes = 0;
    double packed_bytes = 0;
    for (size_t i = 0; i < EACH; i++) {
        tw_buf_clear(&plain);
        add_event(&plain, kind);
        for (size_t round = 0; round < ROUNDS; round++) {
            tw_buf_clear(&packed);
            tw_buf_clear(&again);
            double start = now_us();
            int rc = tw_squeeze_pack(squeeze, tw_buf_slice(&plain), &packed);
            double middle = now_us();
            rc = rc != TW_OK ? rc : tw_squeeze_unpack(squeeze, tw_buf_slice(&packed), plain.len, &again);
            out_us += now_us() - middle;
            in_us += middle - start;
            if (rc != TW_OK || again.len != plain.len) {
                stop("what was packed did not come back");
            }
        }
        plain_bytes += (double)plain.len;
        packed_bytes += (double)packed.len;
    }
    (void)printf("%s\"%s\":{\"bytes\":%.0f,\"packed_bytes\":%.1f,\"pack_us\":%.1f,\"unpack_us\":%.1f}",
                 before, name, plain_bytes / EACH, packed_bytes / EACH, in_us / (EACH * ROUNDS),
                 out_us / (EACH * ROUNDS));
    tw_buf_free(&plain);
    tw_buf_free(&packed);
    tw_buf_free(&again);
}

// ---- a dictionary's head ----

static void read_words(const char *path, struct tw_buf *out)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        stop("the words cannot be read; name their file");
    }
    for (int c = getc(file); c != EOF; c = getc(file)) {
        const char byte = (char)c;
        tw_buf_add(out, &byte, byte != '\n');
    }
    (void)fclose(file);
}

static void print_head(const char *path)
{
    static const size_t kinds[] = {RECEIPT, RECEIPT, API, NOISE + 1};
    static size_t sizes[EACH * sizeof kinds / sizeof kinds[0]];
    static uint8_t made[64 * 1024];
    const unsigned count = sizeof sizes / sizeof sizes[0];
    struct tw_buf words = {0};
    struct tw_buf samples = {0};
    read_words(path, &words);
    for (size_t i = 0; i < count; i++) {
        size_t before = samples.len;
        add_event(&samples, kinds[i % (sizeof kinds / sizeof kinds[0])]);
        sizes[i] = samples.len - before;
    }
    const ZDICT_params_t parameters = {.compressionLevel = 3, .dictID = 1};
    size_t len = ZDICT_finalizeDictionary(made, sizeof made, words.ptr, words.len, samples.ptr, sizes, count,
                                          parameters);
    if (ZDICT_isError(len) || len < words.len) {
        stop("no dictionary came out");
    }
    for (size_t i = 0; i < len - words.len; i++) {
        (void)printf("%s%02x", i > 0 && i % HEAD_COLUMNS == 0 ? "\n" : "", made[i]);
    }
    (void)printf("\n");
    tw_buf_free(&words);
    tw_buf_free(&samples);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"receipt", "api", "noise", "small", "digits"};
    if (argc == 3 && strcmp(argv[1], "--head") == 0) {
        print_head(argv[2]);
        return 0;
    }
    struct tw_squeeze *squeeze = tw_squeeze_new();
    if (argc != 1 || squeeze == NULL) {
        stop("usage: squeeze_bench [--head WORDS.txt]");
    }
    for (size_t kind = 0; kind < sizeof names / sizeof names[0]; kind++) {
        measure(squeeze, names[kind], kind, kind == 0 ? "{" : ",");
    }
    (void)puts("}");
    tw_squeeze_free(squeeze);
    return 0;
}
