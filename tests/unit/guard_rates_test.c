// SPDX-License-Identifier: Apache-2.0
//
// How often the payment guard takes for a card number what is none, by kind: generated GTINs,
// GSRNs, loyalty numbers, coupons, receipt numbers, dates and times as tills print and scanners
// send them; and all codes and receipts of the shared data.
//
// Coupons are those of public schemes. A code of 13 to 20 digits that is numbered freely is measured apart:
// one of 13 to 19 digits that begins with an issuer's range and passes Luhn is a card number by every rule
// there is, and how many are so is counted as well ("cards by rule"). A tenant that has such lists their
// pattern, which is measured too.
//
// Usage: guard_rates_test [--cases N] [--seed N]     100,000 numbers by default
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <ftw.h>

#include "agent/decode/gs1.h"
#include "agent/decode/issuer_ranges.h"
#include "tillwire/guard.h"
#include "tillwire/scan.h"

static unsigned long cases = 100000;
static unsigned long first_seed = 20261122;

struct seed {
    uint64_t state;
};

static unsigned next(struct seed *seed, size_t below)
{
    seed->state = seed->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((seed->state >> 33) % below);
}

// ---- kinds ----

static void digits(struct seed *seed, const char *prefix, size_t len, char *out)
{
    size_t at = strlen(prefix);
    memcpy(out, prefix, at);
    for (; at < len; at++) {
        out[at] = (char)('0' + next(seed, 10));
    }
    out[len] = '\0';
}

// The last digit becomes GS1's check digit.
static void gs1(struct seed *seed, const char *prefix, size_t len, char *out)
{
    digits(seed, prefix, len, out);
    for (out[len - 1] = '0'; !tw_gs1_check_valid(out, len); out[len - 1]++) {
    }
}

static void gtin_8(struct seed *seed, char *out)
{
    gs1(seed, "", 8, out);
}

static void gtin_12(struct seed *seed, char *out)
{
    gs1(seed, "", 12, out);
}

static void gtin_13(struct seed *seed, char *out)
{
    static const char *const prefixes[] = {"40", "42", "43", "50", "30", "87",
                                           "76", "80", "84", "54", "69", "20"};
    gs1(seed, prefixes[next(seed, 12)], 13, out);
}

// Mostly cases (indicator 1 and 2), or a GTIN-13 with a zero before it (GS1 General Specifications, 2.1.7).
static void gtin_14(struct seed *seed, char *out)
{
    static const char *const prefixes[] = {"1", "1", "1", "1", "2", "2", "0", "0", "9", "5", "3"};
    gs1(seed, prefixes[next(seed, 11)], 14, out);
}

static void gtin_element(struct seed *seed, char *out)
{
    (void)strcpy(out, "01");
    gs1(seed, "0", 14, out + 2);
}

static void gsrn(struct seed *seed, char *out)
{
    static const char *const identifiers[] = {"(8018)", "8018", "(8017)"};
    (void)strcpy(out, identifiers[next(seed, 3)]);
    gs1(seed, "4", 18, out + strlen(out));
}

static void loyalty(struct seed *seed, char *out)
{
    if (next(seed, 2) == 0) {
        digits(seed, "600920", 16, out);
    } else {
        gs1(seed, "2977", 13, out);
    }
}

// GTIN-13 of coupons (GS1 General Specifications, 1.4.2 and 2.6): 981 to 984 with issuer, offer and value in
// a common currency; 99, to which each country gives a structure; 20 to 29, a store's own. UPC-A has 5 before
// maker, family and value (ended in 2011 with AI 8110, still printed), and 2 for a store's own.
static void coupon_gtin(struct seed *seed, char *out)
{
    static const char *const prefixes[] = {"981", "982", "983", "984", "99", "20", "22", "29"};
    if (next(seed, 3) == 0) {
        gs1(seed, next(seed, 4) == 0 ? "2" : "5", 12, out);
    } else {
        gs1(seed, prefixes[next(seed, 8)], 13, out);
    }
}

// The Global Coupon Number (AI 255), without and with a serial number of up to 12 digits, as a scanner sends
// the symbol and as it stands below it.
static void coupon_gcn(struct seed *seed, char *out)
{
    static const char *const identifiers[] = {"]e0255", "]C1255", "]d2255", "(255)"};
    static const char *const prefixes[] = {"54", "40", "87", "50", "73", "99"};
    (void)strcpy(out, identifiers[next(seed, 4)]);
    gs1(seed, prefixes[next(seed, 6)], 13, out + strlen(out));
    digits(seed, "", next(seed, 13), out + strlen(out));
}

// A length indicator, and so many digits and `more`.
static void counted(struct seed *seed, unsigned least, unsigned most, unsigned more, char *out)
{
    unsigned count = least + next(seed, most - least + 1);
    out[0] = (char)('0' + count);
    digits(seed, "", count + more, out + 1);
}

static void add_date(struct seed *seed, char *out)
{
    (void)sprintf(out, "%02u%02u%02u", 24 + next(seed, 5), 1 + next(seed, 12), 1 + next(seed, 28));
}

static void add_purchase(struct seed *seed, char *out)
{
    counted(seed, 1, 2, 0, out);
    (void)strcat(out, next(seed, 4) == 0 ? "1" : "0");
    digits(seed, "", 3, out + strlen(out));
}

// The North American coupon (AI 8110; "North American Coupon Application Guideline Using GS1 DataBar Expanded
// Symbols", R2.0), with some of its optional fields, and the paperless one (AI 8112).
static void coupon_8110(struct seed *seed, char *out)
{
    bool paperless = next(seed, 4) == 0;
    (void)sprintf(out, "%s%s", next(seed, 2) == 0 ? "]e0" : "", paperless ? "81120" : "8110");
    counted(seed, 0, 6, 6, out + strlen(out));
    digits(seed, "", 6, out + strlen(out));
    if (paperless) {
        counted(seed, 0, 9, 6, out + strlen(out));
        return;
    }
    counted(seed, 1, 5, 0, out + strlen(out));
    add_purchase(seed, out + strlen(out));
    if (next(seed, 4) == 0) {
        (void)strcat(out, "10");
        add_purchase(seed, out + strlen(out));
        (void)strcat(out, "9");
    }
    (void)strcat(out, "3");
    add_date(seed, out + strlen(out));
    if (next(seed, 4) == 0) {
        (void)strcat(out, "91000");
    }
}

static void coupon_short(struct seed *seed, char *out)
{
    digits(seed, "", 10 + next(seed, 3), out);
}

static void coupon_free(struct seed *seed, char *out)
{
    digits(seed, "", 13 + next(seed, 8), out);
}

static void receipt_number(struct seed *seed, char *out)
{
    digits(seed, "", 4 + next(seed, 9), out);
}

static void date(struct seed *seed, char *out)
{
    static const char *const formats[] = {
        "%3$02u.%2$02u.%1$04u %4$02u:%5$02u:%6$02u",  "%1$04u-%2$02u-%3$02u %4$02u:%5$02u:%6$02u",
        "%1$04u-%2$02u-%3$02uT%4$02u:%5$02u:%6$02uZ", "%2$02u/%3$02u/%1$04u %4$02u:%5$02u",
        "%1$04u%2$02u%3$02u%4$02u%5$02u%6$02u",       "%3$02u.%2$02u.%1$04u  %4$02u:%5$02u",
        "%3$02u-%2$02u-%1$04u %4$02u.%5$02u",         "%1$04u%2$02u%3$02u %4$02u%5$02u%6$02u"};
    const unsigned p[] = {2015 + next(seed, 20), 1 + next(seed, 12), 1 + next(seed, 28),
                          next(seed, 24),        next(seed, 60),     next(seed, 60)};
    const char *at = formats[next(seed, 8)];
    // The six numbers in the format's order; "%3$02u" is the third, two digits.
    for (; *at != '\0'; at++) {
        if (*at == '%') {
            out += sprintf(out, "%0*u", at[4] - '0', p[at[1] - '1']);
            at += 5;
        } else {
            *out++ = *at;
        }
    }
    *out = '\0';
}

typedef void make_fn(struct seed *seed, char *out);

struct kind {
    const char *name;
    make_fn *make;
    unsigned share; // of 1,000
    unsigned long made, taken, by_rule;
};

#define KINDS 14
static const struct kind kinds[KINDS] = {
    {.name = "GTIN-13", .make = gtin_13, .share = 330},
    {.name = "GTIN-12", .make = gtin_12, .share = 120},
    {.name = "GTIN-8", .make = gtin_8, .share = 50},
    {.name = "GTIN-14", .make = gtin_14, .share = 40},
    {.name = "GTIN with 01", .make = gtin_element, .share = 40},
    {.name = "GSRN", .make = gsrn, .share = 40},
    {.name = "loyalty", .make = loyalty, .share = 100},
    {.name = "coupon, GTIN", .make = coupon_gtin, .share = 60},
    {.name = "coupon, AI 255", .make = coupon_gcn, .share = 15},
    {.name = "coupon, AI 8110 and 8112", .make = coupon_8110, .share = 15},
    {.name = "coupon, 10 to 12", .make = coupon_short, .share = 30},
    {.name = "receipt number", .make = receipt_number, .share = 80},
    {.name = "date", .make = date, .share = 80},
    {.name = "coupon, 13 to 20, numbered freely", .make = coupon_free, .share = 0}, // measured apart
};
static const size_t free_kind = KINDS - 1;
static const unsigned free_share = 30; // of 1,000, beside all others

// ---- where they stand ----

// %s is the number. Those that end in \f are followed by a pause, as a scanner makes one; in \v by
// the next number at once; all others by a word.
static const char *const frames[] = {
    "%s\r\n\v",
    "%s\r\f",
    "]E0%s\r\n\f",
    "%s STABILO BOSS\n",
    "  %s  2 x 1,29     2,58\r\n",
    "Nr. %s\n",
    "Bon %s Kasse 4\n",
    "\x1B"
    "E\x01"
    "%s\x1B"
    "E\x02\n1,29 A\n",
    "%s\x1B$\x40\x01"
    "2,58 A\r\n",
    "\"%s\",\n",
    "Coupon: %s\r\n\x1B"
    "d\x03",
    "%s\tEUR 2,58\n",
    "\x1Dk\x49\x0D%s\x1DV\x01",
};

struct out {
    size_t len, stars;
};

static void take(void *ctx, struct tw_slice bytes)
{
    struct out *out = ctx;
    out->len += bytes.len;
    for (size_t i = 0; i < bytes.len; i++) {
        out->stars += bytes.ptr[i] == '*' ? 1 : 0;
    }
}

static bool is_taken(struct tw_guard_stream *stream, const char *frame, const char *number)
{
    char text[160];
    const char *mark = strstr(frame, "%s");
    uint64_t before = tw_guard_stream_masked(stream);
    (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(mark - frame), frame, number, mark + 2);
    size_t len = strlen(text);
    bool pause = text[len - 1] == '\f';
    tw_guard_stream_feed(stream, tw_slice_make(text, pause || text[len - 1] == '\v' ? len - 1 : len));
    if (pause) {
        tw_guard_stream_flush(stream);
    } else if (text[len - 1] != '\v') {
        tw_guard_stream_feed(stream, tw_slice_of("Z")); // what follows begins with a word
    }
    return tw_guard_stream_masked(stream) > before;
}

static size_t pick(struct seed *seed)
{
    unsigned at = next(seed, 1000);
    size_t k = 0;
    while (k + 1 < KINDS && at >= kinds[k].share) {
        at -= kinds[k++].share;
    }
    return k;
}

static bool is_card_by_rule(const char *number)
{
    size_t len = strlen(number);
    return len >= TW_PAN_MIN && tw_issuer_knows(number, len, false) && tw_luhn_valid(number, len);
}

// The share that was taken, of `count` kinds.
static double percent(const struct kind *counted, size_t count)
{
    unsigned long made = 0;
    unsigned long taken = 0;
    for (size_t k = 0; k < count; k++) {
        made += counted[k].made;
        taken += counted[k].taken;
    }
    return made > 0 ? 100.0 * (double)taken / (double)made : 0.0;
}

static void print_rates(const char *title, const struct kind *counted)
{
    print_message("{\"%s\":{", title);
    for (size_t k = 0; k < KINDS; k++) {
        const struct kind *kind = &counted[k];
        print_message("\"%s\":{\"made\":%lu,\"taken\":%lu,\"percent\":%.4f,\"cards_by_rule\":%lu},",
                      kind->name, kind->made, kind->taken, percent(kind, 1), kind->by_rule);
    }
    print_message("\"all\":{\"made\":%lu,\"percent\":%.4f},\"and numbered freely\":{\"percent\":%.4f}}}\n",
                  cases, percent(counted, free_kind), percent(counted, KINDS));
}

static void try_one(struct kind *kind, struct seed *seed, struct tw_guard_stream *stream)
{
    char number[96];
    kind->make(seed, number);
    kind->made++;
    kind->by_rule += is_card_by_rule(number) ? 1 : 0;
    kind->taken += is_taken(stream, frames[next(seed, sizeof frames / sizeof frames[0])], number) ? 1 : 0;
}

// The share that was taken of all numbers, and with those that are numbered freely.
static void measure(const char *title, const struct tw_card_rule *cards, size_t count, double *all,
                    double *with_free)
{
    struct kind counted[KINDS];
    struct tw_scan_rules *rules = NULL;
    struct tw_guard_stream *stream = NULL;
    struct out out = {0};
    struct seed seed = {first_seed};
    memcpy(counted, kinds, sizeof kinds);
    assert_int_equal(tw_scan_rules_new(cards, count, &rules, NULL), TW_OK);
    struct tw_guard guard = tw_scan_guard(rules);
    assert_int_equal(tw_guard_stream_new(&guard, take, &out, &stream), TW_OK);
    for (unsigned long n = 0; n < cases; n++) {
        try_one(&counted[pick(&seed)], &seed, stream);
    }
    for (unsigned long n = 0; n < cases * free_share / 1000; n++) {
        try_one(&counted[free_kind], &seed, stream);
    }
    tw_guard_stream_free(stream);
    tw_scan_rules_free(rules);
    print_rates(title, counted);
    *all = percent(counted, free_kind);
    *with_free = percent(counted, KINDS);
}

static const struct tw_card_rule cards[] = {
    {.scheme = "club", .pattern = "^600920\\d{10}$"},
    {.scheme = "club", .pattern = "^2977\\d{9}$", .check = "gtin"},
    {.scheme = "coupon", .pattern = "^\\d{13,20}$"}, // of the second measurement only
};

static void test_little_else_is_taken(void **state)
{
    (void)state;
    double all = 0;
    double with_free = 0;
    print_message("seed %lu\n", first_seed);
    measure("as installed, cards configured", cards, 2, &all, &with_free);
    print_message("taken: %.4f %% of all, %.4f %% with %u in 1,000 more of 13 to 20 digits of any form\n",
                  all, with_free, free_share);
    assert_true(all < 0.1);
    assert_true(with_free < 0.5); // 10 % of 30 in 1,000: what Luhn and a glued number let through
    measure("coupons configured too", cards, 3, &all, &with_free);
    assert_true(all < 0.1 && with_free < 0.1);
}

// ---- the shared data ----

static struct given {
    unsigned long files, bytes, masked, runs;
} given[2];                         // what holds test numbers of cards on purpose, and the rest
static struct tw_guard given_guard; // knows the data's loyalty cards

static int one_file(const char *path, const struct stat *info, int type, struct FTW *where)
{
    (void)info;
    (void)where;
    static char part[65536];
    FILE *file = type == FTW_F ? fopen(path, "rb") : NULL;
    if (file == NULL) {
        return 0;
    }
    struct given *to = &given[strstr(path, "test_pans") != NULL];
    struct tw_guard_stream *stream = NULL;
    struct out out = {0};
    assert_int_equal(tw_guard_stream_new(&given_guard, take, &out, &stream), TW_OK);
    bool in_digits = false;
    for (size_t got = fread(part, 1, sizeof part, file); got > 0; got = fread(part, 1, sizeof part, file)) {
        tw_guard_stream_feed(stream, tw_slice_make(part, got));
        to->bytes += got;
        for (size_t i = 0; i < got; i++) {
            bool digit = part[i] >= '0' && part[i] <= '9';
            to->runs += digit && !in_digits ? 1 : 0;
            in_digits = digit;
        }
    }
    tw_guard_stream_flush(stream);
    if (tw_guard_stream_masked(stream) > 0) {
        print_message("%s: %lu bytes masked\n", strrchr(path, '/') + 1,
                      (unsigned long)tw_guard_stream_masked(stream));
    }
    to->masked += tw_guard_stream_masked(stream);
    to->files++;
    tw_guard_stream_free(stream);
    (void)fclose(file);
    return 0;
}

static void test_of_the_given_data_little_is_taken(void **state)
{
    (void)state;
    struct tw_scan_rules *rules = NULL;
    assert_int_equal(tw_scan_rules_new(cards, 2, &rules, NULL), TW_OK);
    given_guard = tw_scan_guard(rules);
    const char *root =
        getenv("TILLWIRE_DATA") != NULL ? getenv("TILLWIRE_DATA") : TW_SOURCE_DIR "/../shared/data";
    static const char *const folders[] = {"barcode", "retail", "escpos"};
    for (size_t i = 0; i < 3; i++) {
        char path[1024];
        (void)snprintf(path, sizeof path, "%s/%s", root, folders[i]);
        (void)nftw(path, one_file, 16, FTW_PHYS);
    }
    tw_scan_rules_free(rules);
    if (given[0].files == 0) {
        print_message("skipped: no data\n");
        skip();
    }
    print_message("{\"files\":%lu,\"bytes\":%lu,\"numbers\":%lu,\"masked_bytes\":%lu}\n", given[0].files,
                  given[0].bytes, given[0].runs, given[0].masked);
    assert_true(given[1].masked > 0);
    assert_true(given[0].masked / 12 * 1000 < given[0].runs);
}

int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        unsigned long *to = strcmp(argv[i], "--cases") == 0 ? &cases : &first_seed;
        *to = strtoul(argv[i + 1], NULL, 10);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_little_else_is_taken),
        cmocka_unit_test(test_of_the_given_data_little_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
