// SPDX-License-Identifier: Apache-2.0
//
// The payment guard (P6): every published test number and random numbers of every issuer's range,
// in every disguise a receipt may give them, are masked; what a receipt is made of otherwise is
// not touched.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/decode/gs1.h"
#include "tillwire/guard.h"
#include "tillwire/json.h"
#include "tillwire/scan.h"

#define SEED 20261122u

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static const struct tw_guard plain = {0};

// Data of AI 8110: company 0614141, offer 400005, 2.50 off, until 31 December 2028.
#define NORTH_AMERICAN "1061414140000532501101203281231"

// Numbers that payment libraries publish for tests; the shared data has more.
static const char *const test_numbers[] = {
    "4111111111111111", "5105105105105100",    "2223000048400011", "378282246310005",
    "30569309025904",   "3530111333300000",    "6011111111111117", "6212345678901232",
    "5611111111111113", "4111111111111111110", "5000000000000611", "6799990100000000019",
};

static void assert_masked(const char *number, const char *text)
{
    char copy[256];
    (void)snprintf(copy, sizeof copy, "%s", text);
    assert_true(tw_guard_hits(&plain, tw_slice_of(text)));
    assert_true(tw_guard_mask(&plain, copy, strlen(copy)) >= 1);
    assert_int_equal(strlen(copy), strlen(text));
    // The digits that are left, in order, must not hold more of the number than its last four.
    char left[256];
    size_t count = 0;
    for (const char *c = copy; *c != '\0'; c++) {
        if (*c >= '0' && *c <= '9') {
            left[count++] = *c;
        }
    }
    left[count] = '\0';
    char first[8];
    (void)snprintf(first, sizeof first, "%.7s", number);
    if (strstr(left, first) != NULL) {
        fail_msg("\"%s\" was left as \"%s\"", text, copy);
    }
}

// Writes `number` in groups as `shape` says ("4464": the last repeats), `between` them.
static void grouped(const char *number, const char *shape, const char *between, char *out, size_t room)
{
    size_t used = 0;
    for (size_t at = 0; number[at] != '\0';) {
        size_t group = (size_t)(*shape - '0');
        shape += shape[1] != '\0' ? 1 : 0;
        used += (size_t)snprintf(out + used, room - used, "%s%.*s", at > 0 ? between : "", (int)group,
                                 number + at);
        at += group < strlen(number + at) ? group : strlen(number + at);
    }
}

static void assert_masked_in_disguise(const char *number)
{
    static const char *const frames[] = {
        "%s",
        "Card:%s;exp",
        "PAN=%s",
        "VISA %s OK",
        "a%sb",
        "\t%s\n",
        "EUR 12.50 %s",
        "Card no. %s",
        "%s 12/30",
        "No%sXYZ",
        "Karte \xC3\xA4%s\xC3\xA4",
        "12,50\n%s\n1,00",
    };
    static const char *const betweens[] = {" ", "-", ".", "/", "_", ":", "\xC2\xA0"};
    static const char *const shapes[] = {"4", "5", "6", "3", "2", "1", "46", "64", "465", "23456"};
    char text[256];
    char number_text[128];
    for (size_t f = 0; f < sizeof frames / sizeof frames[0]; f++) {
        const char *mark = strstr(frames[f], "%s");
        (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(mark - frames[f]), frames[f], number, mark + 2);
        assert_masked(number, text);
        (void)snprintf(number_text, sizeof number_text, "%s", number);
        grouped(number, "4", " ", number_text, sizeof number_text);
        (void)snprintf(text, sizeof text, "%.*s%s%s", (int)(mark - frames[f]), frames[f], number_text,
                       mark + 2);
        assert_masked(number, text);
    }
    for (size_t b = 0; b < sizeof betweens / sizeof betweens[0]; b++) {
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
            // A last group of one digit is accepted, a first one is not a card's.
            grouped(number, shapes[s], betweens[b], text, sizeof text);
            assert_masked(number, text);
        }
    }
    grouped(number, "4", " - ", text, sizeof text);
    assert_masked(number, text);
}

static void test_p6_test_numbers_in_every_disguise(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof test_numbers / sizeof test_numbers[0]; i++) {
        assert_masked_in_disguise(test_numbers[i]);
    }
}

static void test_p6_published_numbers(void **state)
{
    (void)state;
    const char *folder = getenv("TILLWIRE_DATA");
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/barcode/test_pans.json",
                   folder != NULL ? folder : TW_SOURCE_DIR "/../shared/data");
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        print_message("skipped: no data\n");
        skip();
    }
    static char text[65536];
    size_t len = fread(text, 1, sizeof text, file);
    (void)fclose(file);
    tw_json *numbers = NULL;
    assert_int_equal(tw_json_parse(tw_slice_make(text, len), &numbers, NULL), TW_OK);
    assert_true(tw_json_size(numbers) > 0);
    for (size_t i = 0; i < tw_json_size(numbers); i++) {
        assert_masked_in_disguise(tw_json_text(tw_json_at(numbers, i)));
    }
    tw_json_free(numbers);
}

// Ranges and lengths, written down apart from the guard's own table.
static const struct issuer {
    const char *prefix;
    size_t len;
} issuers[] = {
    {"4", 16},    {"4", 13},      {"4", 19},      {"51", 16},   {"55", 16},   {"2221", 16},   {"2720", 16},
    {"34", 15},   {"37", 15},     {"6011", 16},   {"644", 16},  {"65", 16},   {"622126", 16}, {"300", 14},
    {"305", 14},  {"3095", 14},   {"36", 14},     {"38", 14},   {"39", 14},   {"3528", 16},   {"3589", 16},
    {"62", 16},   {"62", 19},     {"81", 16},     {"50", 13},   {"56", 14},   {"58", 17},     {"67", 18},
    {"69", 19},   {"2200", 16},   {"2204", 19},   {"9792", 16}, {"1", 15},    {"508", 16},    {"6062", 16},
    {"5061", 16}, {"6500", 16},   {"5019", 16},   {"637", 16},  {"8600", 16}, {"9860", 16},   {"968201", 16},
    {"2131", 15}, {"310000", 19}, {"319999", 19}, {"300", 19},  {"38", 15},   {"9704", 19},   {"1946", 16},
    {"3158", 16},
};

static void random_number(const struct issuer *issuer, uint32_t *seed, char *out)
{
    size_t len = strlen(issuer->prefix);
    memcpy(out, issuer->prefix, len);
    for (; len < issuer->len; len++) {
        out[len] = (char)('0' + next_random(seed) % 10);
    }
    out[len] = '\0';
    for (char digit = '0'; digit <= '9'; digit++) {
        out[len - 1] = digit;
        if (tw_luhn_valid(out, len)) {
            return;
        }
    }
}

static void test_p6_random_numbers_of_every_issuer(void **state)
{
    (void)state;
    uint32_t seed = SEED;
    print_message("seed %u\n", seed);
    for (size_t i = 0; i < sizeof issuers / sizeof issuers[0]; i++) {
        for (size_t n = 0; n < 20; n++) {
            char number[32];
            do {
                random_number(&issuers[i], &seed, number);
            } while (tw_gs1_gtin_valid(number, issuers[i].len)); // a GTIN-13 is a GTIN
            assert_masked_in_disguise(number);
        }
    }
}

static void assert_untouched(const struct tw_guard *guard, const char *text)
{
    char copy[256];
    (void)snprintf(copy, sizeof copy, "%s", text);
    if (tw_guard_hits(guard, tw_slice_of(text)) || tw_guard_mask(guard, copy, strlen(copy)) != 0 ||
        strcmp(copy, text) != 0) {
        print_error("was made: %s\n", copy);
        fail_msg("%zu characters were not left alone", strlen(copy));
    }
}

static void test_what_receipts_are_made_of_stays(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "2026-11-22 10:15:00 Reg 4 Tr 1000",
        "22.11.2026 10:15 4711 0815 1234",
        "4 x 1,29 5,16 4006381333931",
        "4006381333931 STABILO BOSS 2 1.29 2.58",
        "4006381333931 2 129 258", // a GTIN and numbers after it
        "Tel. 040 1234567 Fax 040 1234568",
        "USt-IdNr. DE123456789 St.-Nr. 22/815/08151",
        "4111111111111112", // fails Luhn
        "411111111111",     // too short
        "9111111111111111", // nobody's range
        "************1111",
        "4111 11** **** 1111",
        "xxxx-xxxx-xxxx-1111 APPROVED 123456",
        "1.69 2.50 13.00 4.99 5.50 1.00",
        "(8018)400000000000000006", // a GSRN that begins like a card
        "8018400000000000000006",
        "0104006381333931",   // GTIN-14 with its application identifier
        "4111111111111\n111", // lines are not joined
        "IBAN DE89 3704 0044 0532 0130 00",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_untouched(&plain, texts[i]);
    }
}

// Coupons whose digits hold a card number by every other rule. Where nothing says that they are an element
// string, or the structure is not a coupon's, they are masked.
static void test_coupons_in_element_strings_stay(void **state)
{
    (void)state;
    static const char *const coupons[] = {
        "]e02554006381333931004", // a GCN with serial number 004; its digits are a Visa number
        "]C12554006381333931004\r\n", "(255)4006381333931004",  "(255)4006381333931 004",
        "8110" NORTH_AMERICAN,        "]e08110" NORTH_AMERICAN, "Coupon (8110)" NORTH_AMERICAN " 2,50",
    };
    for (size_t i = 0; i < sizeof coupons / sizeof coupons[0]; i++) {
        assert_untouched(&plain, coupons[i]);
    }
    assert_masked("4006381333931004", "4006381333931004");
    assert_masked("4006381333931004", "2554006381333931004");
    assert_masked("4006381333931004", "]E02554006381333931004");
    assert_masked("4006381333931004", "255)4006381333931004");
    assert_masked("4000053250110120", "8111" NORTH_AMERICAN);
    assert_masked("4000053250110120", "8110" NORTH_AMERICAN "1");
    assert_masked("4111111111111111", "]e02554111111111111111");
    assert_masked("4111111111111111", "81104111111111111111");
    assert_masked("4111111111111111", "(8110)4111111111111111");
    assert_masked("4111111111111111", "(255)4111111111111111");
    assert_masked("4111111111111111", "]e0255400638133393100404111111111111111");
}

static void test_gtin_13_that_passes_luhn_stays(void **state)
{
    (void)state;
    uint32_t seed = SEED;
    size_t both = 0;
    for (size_t i = 0; i < 20000; i++) {
        struct issuer visa = {"4", 13};
        char number[32];
        random_number(&visa, &seed, number);
        if (tw_gs1_gtin_valid(number, 13)) {
            assert_untouched(&plain, number);
            both++;
        } else {
            assert_true(tw_guard_hits(&plain, tw_slice_of(number)));
        }
    }
    assert_true(both > 1000);
}

static void test_loyalty_numbers_that_pass_luhn_stay(void **state)
{
    (void)state;
    const struct tw_card_rule rule = {.scheme = "club", .pattern = "^6009200\\d{9}$", .check = "luhn"};
    struct tw_scan_rules *rules = NULL;
    assert_int_equal(tw_scan_rules_new(&rule, 1, &rules, NULL), TW_OK);
    struct tw_guard guard = tw_scan_guard(rules);
    static const char *const numbers[] = {"MEMBER 6009200000009310", "Club:6009 2000 0000 9310",
                                          "6009-2000-0000-9310;", ";6009200000009310=99121010000?"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        assert_untouched(&guard, numbers[i]);
        assert_true(tw_guard_hits(&plain, tw_slice_of(numbers[i])));
    }
    char both[] = "6009200000009310 4111111111111111 6009200000009310";
    assert_int_equal(tw_guard_mask(&guard, both, strlen(both)), 1);
    assert_string_equal(both, "6009200000009310 ************1111 6009200000009310");
    tw_scan_rules_free(rules);
}

static void test_what_is_left_of_a_number(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"4111111111111111", "************1111"},
        {"Visa 4111 1111 1111 1111 12/30", "Visa **** **** **** 1111 12/30"},
        {"3782-822463-10005", "****-******-*0005"},
        {"Card4111111111111111exp1230", "Card************1111exp1230"},
        // Glued to other digits: at an end of a shorter run, anywhere in a long one.
        {"4111111111111111123", "************1111123"},
        {"0000000411111111111111199999", "0000000************111199999"},
        {"%B4111111111111111^DOE/JOHN^30121010000?x", "%B*************************************?x"},
        {";4111111111111111=30121010000?", ";****************************?"},
        {"5.4111111111111111D30121010000", "5.****************************"},
        {";1234567890123=30121010000?", ";*************************?"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char copy[128];
        (void)snprintf(copy, sizeof copy, "%s", pairs[i][0]);
        assert_int_equal(tw_guard_mask(&plain, copy, strlen(copy)), 1);
        assert_string_equal(copy, pairs[i][1]);
    }
}

// One number in ten passes Luhn, one in three begins like a card; longer ones may have a card
// number at either end. The guard must not take much more, or receipt numbers vanish.
static void test_random_numbers_are_rarely_taken(void **state)
{
    (void)state;
    uint32_t seed = SEED;
    for (size_t len = 13; len <= 19; len++) {
        size_t hits = 0;
        for (size_t i = 0; i < 5000; i++) {
            char number[32];
            for (size_t k = 0; k < len; k++) {
                number[k] = (char)('0' + next_random(&seed) % 10);
            }
            hits += tw_guard_hits(&plain, tw_slice_make(number, len));
        }
        print_message("%zu digits: %zu of 5000 taken\n", len, hits);
        assert_true(hits < (len <= 16 ? 300 : 600));
    }
}

static void test_long_digits_and_noise_are_read_to_the_end(void **state)
{
    (void)state;
    static char text[256 * 1024];
    uint32_t seed = SEED;
    for (size_t kind = 0; kind < 3; kind++) {
        for (size_t i = 0; i < sizeof text; i++) {
            uint32_t r = next_random(&seed);
            text[i] = kind == 0   ? (char)('0' + r % 10)
                      : kind == 1 ? "0123456789 -=^;B\n"[r % 17]
                                  : (char)(r >> 8);
        }
        bool hits = tw_guard_hits(&plain, tw_slice_make(text, sizeof text));
        assert_int_equal(tw_guard_mask(&plain, text, sizeof text) > 0, hits);
    }
}

static void append(void *ctx, struct tw_slice bytes)
{
    tw_buf_add(ctx, bytes.ptr, bytes.len);
}

// The stream moves what it holds when its window of 16 KiB is full, wherever that falls.
static void test_p6_stream_at_the_windows_edge(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {";1234567890123=30121010000?", ";*************************?"},
        {"%M123456789012^DOE^3012?", "%M*********************?"},
        {"\x1B$\x10\x01"
         "4111\x1B$\x40\x01"
         "1111 1111 1111X",
         "\x1B$\x10\x01****\x1B$\x40\x01**** **** 1111X"},
        {"(8018)400000000000000006 ", "(8018)400000000000000006 "},
        {"\x1B!4111 1111 1111 1111X", "\x1B!**** **** **** 1111X"},
    };
    static char filler[2 * 16384];
    memset(filler, 'x', sizeof filler);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0] * 128; i++) {
        const char *const *pair = pairs[i / 128];
        size_t before = (1 + i % 2) * 16384 - i / 2 % 64;
        struct tw_guard_stream *stream = NULL;
        struct tw_buf out = {0};
        assert_int_equal(tw_guard_stream_new(&plain, append, &out, &stream), TW_OK);
        tw_guard_stream_feed(stream, tw_slice_make(filler, before));
        tw_guard_stream_feed(stream, tw_slice_of(pair[0]));
        tw_guard_stream_flush(stream);
        assert_int_equal(out.len, before + strlen(pair[1]));
        assert_memory_equal(out.ptr + before, pair[1], strlen(pair[1]));
        tw_guard_stream_free(stream);
        tw_buf_free(&out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_p6_test_numbers_in_every_disguise),
        cmocka_unit_test(test_p6_published_numbers),
        cmocka_unit_test(test_p6_random_numbers_of_every_issuer),
        cmocka_unit_test(test_what_receipts_are_made_of_stays),
        cmocka_unit_test(test_coupons_in_element_strings_stay),
        cmocka_unit_test(test_gtin_13_that_passes_luhn_stays),
        cmocka_unit_test(test_loyalty_numbers_that_pass_luhn_stay),
        cmocka_unit_test(test_what_is_left_of_a_number),
        cmocka_unit_test(test_random_numbers_are_rarely_taken),
        cmocka_unit_test(test_long_digits_and_noise_are_read_to_the_end),
        cmocka_unit_test(test_p6_stream_at_the_windows_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
