// SPDX-License-Identifier: Apache-2.0
//
// Real logs (TILLWIRE_DATA) against figures that were added up by hand, and the forms of their values.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/decode/poslog_value.h"
#include "tests/fakes/poslog_play.h"

static uint32_t seed(void)
{
    const char *text = getenv("TW_SEED");
    uint32_t value = text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 20261122u;
    print_message("seed %u (TW_SEED)\n", value);
    return value;
}

// ---- values

static void values_have_their_forms(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned decimals;
        bool good;
        int64_t minor;
    } money[] = {{"1.26", 2, true, 126},      {"-0.19", 2, true, -19},
                 {"+3", 2, true, 300},        {".5", 2, true, 50},
                 {"2.990", 2, true, 299},     {"1,5", 2, true, 150},
                 {"2.999", 2, false, 0},      {"", 2, false, 0},
                 {"-", 2, false, 0},          {"1.2.3", 2, false, 0},
                 {"12 ", 2, false, 0},        {"1e3", 2, false, 0},
                 {"1,234", 2, false, 0},      {"150", 0, true, 150},
                 {"1.234", 3, true, 1234},    {"999999999.99", 2, true, TW_MONEY_MAX},
                 {"1000000000", 2, false, 0}, {"99999999999999999999", 2, false, 0}};
    for (size_t i = 0; i < sizeof money / sizeof money[0]; i++) {
        int64_t minor = 77;
        assert_int_equal(tw_poslog_money(money[i].text, money[i].decimals, &minor), money[i].good);
        assert_int_equal(minor, money[i].good ? money[i].minor : 77);
    }
    assert_int_equal(tw_poslog_decimals("EUR"), 2);
    assert_int_equal(tw_poslog_decimals("JPY"), 0);
    assert_int_equal(tw_poslog_decimals("KWD"), 3);
    char out[26];
    assert_true(tw_poslog_time("2017-10-01T02:02:54.123+02:00", out));
    assert_string_equal(out, "2017-10-01T02:02:54+02:00");
    assert_true(tw_poslog_time("2017-10-01T02:02:54Z", out));
    assert_false(tw_poslog_time("2017-10-01 02:02:54", out));
    assert_false(tw_poslog_time("2017-13-01T02:02:54", out));
    assert_true(tw_poslog_day("2024-02-29", out));
    assert_false(tw_poslog_day("2023-02-29", out));
    assert_false(tw_poslog_day("1900-02-29", out));
    assert_false(tw_poslog_day("2026-06-31", out));
    assert_true(tw_poslog_quantity("00.4200", out));
    assert_string_equal(out, "0.42");
    assert_false(tw_poslog_quantity("1.1234567", out));
    static const char *const gtins[][2] = {{"00852421006143", "852421006143"},
                                           {"00018627703389", "018627703389"},
                                           {"4006381333931", "4006381333931"},
                                           {"04006381333931", "4006381333931"},
                                           {"96385074", "96385074"},
                                           {"00000000067591", NULL},
                                           {"4006381333932", NULL},
                                           {"TEA", NULL}};
    for (size_t i = 0; i < sizeof gtins / sizeof gtins[0]; i++) {
        assert_int_equal(tw_poslog_gtin(gtins[i][0], out), gtins[i][1] != NULL);
        if (gtins[i][1] != NULL) {
            assert_string_equal(out, gtins[i][1]);
        }
    }
}

// ---- logs of others

static bool read_shared(const char *name, struct tw_buf *out)
{
    char path[1024];
    const char *data = getenv("TILLWIRE_DATA");
    (void)snprintf(path, sizeof path, "%s/poslog/ncr/%s",
                   data != NULL ? data : TW_SOURCE_DIR "/../shared/data", name);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        print_message("skipped: no data\n");
        return false;
    }
    char bytes[4096];
    for (size_t len = fread(bytes, 1, sizeof bytes, file); len > 0;
         len = fread(bytes, 1, sizeof bytes, file)) {
        tw_buf_add(out, bytes, len);
    }
    (void)fclose(file);
    return true;
}

// What each of the 27 transactions says, added up by hand: till, number, articles that count, discounts, tax,
// total, given, change; articles 0: no sale.
struct truth {
    const char *till, *number;
    size_t articles;
    int64_t discount, tax, total, given, change;
    enum tw_tender_type tender;
};
static const struct truth small[] = {{.articles = 0}, {"34", "161", 1, -19, 0, 107, 107, 0, TW_TENDER_CARD}};
static const struct truth first25[] = {
    {"31", "114", 6, 0, 94, 2045, 2045, 0, TW_TENDER_CARD},
    {"3", "86", 3, 0, 0, 900, 900, 0, TW_TENDER_CARD},
    {"2", "297", 4, 0, 0, 748, 748, 0, TW_TENDER_CARD},
    {"1", "376", 72, -585, 532, 35421, 35421, 0, TW_TENDER_CARD},
    {.articles = 0},
    {"2", "298", 1, 0, 91, 990, 990, 0, TW_TENDER_CARD},
    {"32", "113", 4, 0, 0, 1475, 1475, 0, TW_TENDER_CARD},
    {"2", "299", 1, 0, 0, 527, 527, 0, TW_TENDER_CARD},
    {"3", "87", 23, 0, 363, 9184, 9184, 0, TW_TENDER_CARD},
    {.articles = 0},
    {.articles = 0},
    {"34", "99", 8, 0, 37, 3022, 3022, 0, TW_TENDER_CARD},
    {"32", "114", 1, 0, 94, 1020, 1020, 0, TW_TENDER_CARD},
    {"31", "115", 7, 0, 177, 4390, 4390, 0, TW_TENDER_CARD},
    {"34", "100", 2, 0, 0, 1738, 2000, 262, TW_TENDER_CASH},
    {"1", "377", 38, -2226, 246, 20284, 20284, 0, TW_TENDER_CARD},
    {"3", "88", 5, 0, 40, 1930, 1930, 0, TW_TENDER_CARD},
    {.articles = 0},
    {.articles = 0},
    {"3", "89", 2, 0, 0, 107, 200, 93, TW_TENDER_CASH},
    {"32", "115", 4, 0, 39, 792, 800, 8, TW_TENDER_CASH},
    {"31", "116", 7, 0, 81, 2966, 2966, 0, TW_TENDER_CARD},
    {"3", "90", 7, 0, 557, 6934, 8934, 2000, TW_TENDER_CARD},
    {.articles = 0},
    {.articles = 0},
};

struct judge {
    const struct truth *truths;
    size_t count, at;
};

static void compare(void *ctx, struct tw_poslog_fact *fact)
{
    struct judge *judge = ctx;
    assert_true(judge->at < judge->count);
    const struct truth *truth = &judge->truths[judge->at++];
    assert_int_equal(fact->kind, truth->articles > 0 ? TW_POSLOG_SALE : TW_POSLOG_OTHER);
    if (truth->articles == 0) {
        return;
    }
    const struct tw_sale *sale = fact->sale;
    size_t articles = 0;
    for (size_t i = 0; i < sale->line_count; i++) {
        articles += sale->lines[i].kind != TW_LINE_DISCOUNT && !sale->lines[i].voided;
    }
    assert_string_equal(sale->workstation, truth->till);
    assert_string_equal(sale->receipt_number, truth->number);
    assert_int_equal(articles, truth->articles);
    assert_int_equal(tw_sale_discount_minor(sale), truth->discount);
    assert_int_equal(sale->tax.minor, truth->tax);
    assert_int_equal(sale->total.minor, truth->total);
    assert_int_equal(sale->tender_count, 1);
    assert_int_equal(sale->tenders[0].type, truth->tender);
    assert_int_equal(sale->tenders[0].amount_minor, truth->given);
    assert_int_equal(sale->change.minor, truth->change);
    assert_true(sale->reconciled);
    assert_int_equal(sale->card != NULL, truth->discount == -19 || truth->discount == -2226);
}

static void check_real(const char *name, const struct truth *truths, size_t count)
{
    struct tw_buf file = {0};
    if (!read_shared(name, &file)) {
        return;
    }
    // Zero-filled as the log has them: 95094045403 and 3387117817.
    const struct tw_card_rule cards[] = {{"member", "^(95094045403|3387117817)$", NULL}};
    struct tw_scan_rules *made = NULL;
    struct tw_error_text err = {0};
    assert_int_equal(tw_scan_rules_new(cards, 1, &made, &err), TW_OK);
    struct judge judge = {truths, count, 0};
    const struct tw_poslog_options options = {"USD", made, compare, &judge};
    struct tw_poslog *poslog = NULL;
    assert_int_equal(tw_poslog_new(&options, &poslog), TW_OK);
    for (size_t at = 0; at < file.len; at += 8187) {
        size_t len = file.len - at < 8187 ? file.len - at : 8187;
        assert_int_equal(tw_poslog_feed(poslog, tw_slice_make(file.ptr + at, len), &err), TW_OK);
    }
    assert_int_equal(tw_poslog_finish(poslog, &err), TW_OK);
    assert_int_equal(judge.at, count);
    tw_poslog_free(poslog);
    tw_scan_rules_free(made);
    tw_buf_free(&file);
}

static void real_logs_are_read_to_the_cent(void **state)
{
    (void)state;
    check_real("SMALL.xml", small, sizeof small / sizeof small[0]);
    check_real("POSLog-first25.xml", first25, sizeof first25 / sizeof first25[0]);
}

// However a real log is cut, the same comes out; however it is damaged, nothing crashes and the beginning
// stays.
static void real_logs_in_any_pieces(void **state)
{
    (void)state;
    struct tw_buf file = {0};
    if (!read_shared("SMALL.xml", &file)) {
        return;
    }
    uint32_t random = seed();
    struct poslog_play whole;
    poslog_play(&whole, NULL, "USD", tw_buf_slice(&file), 0, 1);
    assert_int_equal(whole.sales + whole.others, 2);
    for (int i = 0; i < 200; i++) {
        struct poslog_play play;
        random = random * 1664525u + 1013904223u;
        size_t len = i < 20 ? file.len : (random >> 8) % file.len;
        poslog_play(&play, NULL, "USD", tw_slice_make(file.ptr, len), 1 + (random >> 20), random);
        size_t same =
            play.rc == TW_OK ? play.out.len : (size_t)(strrchr((const char *)play.out.ptr, ':') != NULL);
        assert_true(play.rc != TW_OK ||
                    (same == whole.out.len && memcmp(play.out.ptr, whole.out.ptr, same) == 0));
        assert_true(play.sales + play.others <= 2);
        poslog_play_free(&play);
    }
    poslog_play_free(&whole);
    tw_buf_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_have_their_forms),
        cmocka_unit_test(real_logs_are_read_to_the_cent),
        cmocka_unit_test(real_logs_in_any_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
