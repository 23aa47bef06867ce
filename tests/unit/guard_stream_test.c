// SPDX-License-Identifier: Apache-2.0
//
// The payment guard as a filter (P6): every published test number, in every disguise, in any pieces,
// is masked; what comes out does not depend on the pieces; what is held back is bounded.
//
// Usage: guard_stream_test [--cases N] [--seed N]     100,000 cases by default; the promise is made of
// 1,000,000
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/decode/gs1.h"
#include "tillwire/guard.h"
#include "tillwire/scan.h"

static unsigned long cases = 100000;
static unsigned long first_seed = 20261122;

static const struct tw_guard plain = {0};

// What payment processors publish for tests.
// clang-format off
static const char *const test_numbers[] = {
    // Visa, Visa Electron, Dankort
    "4111111111111111", "4012888888881881", "4242424242424242", "4000056655665556", "4005519200000004",
    "4009348888881881", "4012000033330026", "4217651111111119", "4500600000000061", "4222222222222",
    "4007000000027", "4444333322221111", "4917610000000000", "4571736000000075", "4111111111111111110",
    "4484070000000000", "4462030000000000", "4917300800000000", "4110144110144115", "4005550000000019",
    // Mastercard, both ranges
    "5555555555554444", "5105105105105100", "5200828282828210", "5454545454545454", "5500005555555559",
    "5111111111111118", "5123450000000008", "5436031030606378", "2223000048400011", "2223003122003222",
    "2222420000001113", "2222630000001125", "2223000000000007", "2720992593319364", "2512777777777772",
    // American Express
    "378282246310005", "371449635398431", "378734493671000", "343434343434343", "373953244361001",
    "370000000000002", "340353278080900", "371881634498004",
    // Diners Club, Discover
    "30569309025904", "38520000023237", "36259600000004", "36148900647913", "36110361103612",
    "36438936438936", "30000000000004", "6011111111111117", "6011000990139424", "6011601160116611",
    "6011000991300009", "6445644564456445", "6510000000000034", "6011016011016011",
    // JCB, UnionPay
    "3530111333300000", "3566002020360505", "3566111111111113", "3569990010095841", "3566003566003566",
    "6200000000000005", "6243030000000001", "6212345678901232", "6221261111117766", "6223164991230014",
    "6212345678900000003", "8171999927660000",
    // Maestro, Bancontact, Switch and Solo, Bankcard
    "6759649826438453", "6799990100000000019", "6304000000000000", "6759411100000008",
    "5000000000000611", "6759560045005727054", "586824160825533338", "5641821111166669",
    "50339619890917", "67034200554565015", "6703444444444449", "67030000000000003",
    "6333333333333333336", "6331101999990016", "6767622222222222222", "5610591081018250",
    "5611111111111113", "5019717010103742",
    // Mir, RuPay, Elo, Hipercard, Troy, UATP
    "2200000000000004", "2200770212727079", "6073849700004947", "5066991111111118", "6362970000457013",
    "6062826786276634", "9792030394440796", "135412345678911",
};
// clang-format on
#define NUMBERS (sizeof test_numbers / sizeof test_numbers[0])

struct seed {
    uint64_t state;
};

static unsigned next(struct seed *seed, size_t below)
{
    seed->state = seed->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)((seed->state >> 33) % below);
}

// What goes in, and which bytes of it must come out as '*'.
struct text {
    char bytes[2048];
    bool secret[2048];
    size_t len;
};

static void add(struct text *t, const char *bytes, size_t len)
{
    assert_true(t->len + len <= sizeof t->bytes);
    memcpy(t->bytes + t->len, bytes, len);
    t->len += len;
}

static void add_text(struct text *t, const char *text)
{
    add(t, text, strlen(text));
}

static void add_secret(struct text *t, const char *bytes, size_t len)
{
    memset(t->secret + t->len, 1, len);
    add(t, bytes, len);
}

// ---- disguises ----

struct piece {
    const char *bytes;
    size_t len;
};
// clang-format off
static const struct piece betweens[] = {
    {" ", 1}, {"-", 1}, {".", 1}, {"/", 1}, {"_", 1}, {"\xC2\xA0", 2}, {"\xA0", 1}, {"\xFF", 1},
    {"\r", 1}, {"\n", 1}, {"\r\n", 2}, {"\n\r", 2}, {"\t", 1}, {"\x1B$", 2}, {"\x1B\\", 2}, {"\0", 1},
    {"\n    ", 5}, {" \r\n ", 4}, {"\x1B" "d\x01", 3}, {"\x1BJ\x18", 3}, {"\xE2\x80\x93", 3},
    {"\xE2\x80\xAF", 3}, {"\x1D$", 2},
};
// clang-format on
static const char *const shapes[] = {"4", "4", "4", "5", "6", "3", "2", "1", "46", "64", "465", "23456"};

// Style: they print nothing. The last byte is an argument of any value.
// clang-format off
static const struct piece styles[] = {
    {"\x1B" "E\x01", 3}, {"\x1B!\x08", 3}, {"\x1B-\x01", 3}, {"\x1BG\x01", 3}, {"\x1Bt\x13", 3},
    {"\x1BR\x02", 3}, {"\x1BM\x01", 3}, {"\x1D!\x11", 3}, {"\x1D" "B\x01", 3}, {"\x1B{\x01", 3},
    {"\x1B \x02", 3}, {"\x1B" "a\x01", 3}, {"\x1Br\x01", 3}, {"\x10\x04\x01", 3}, {"\x1DL\x10\x00", 4},
    {"\x1C-\x01", 3}, {"\x1B" "3\x18", 3}, {"\x1BV\x01", 3},
};
// clang-format on

static void add_style(struct text *t, struct seed *seed)
{
    static const char arguments[] = {0, 1, 2, '0', '1', '4', 'A', 8, 0x11, '\r', '\n', 0x1B};
    struct piece style = styles[next(seed, sizeof styles / sizeof styles[0])];
    char bytes[8];
    memcpy(bytes, style.bytes, style.len);
    if (bytes[0] != 0x10) {
        bytes[style.len - 1] = arguments[next(seed, sizeof arguments)];
    }
    add(t, bytes, style.len);
}

static void add_between(struct text *t, struct seed *seed, struct piece between)
{
    add(t, between.bytes, between.len);
    if (between.len == 2 && (between.bytes[1] == '$' || between.bytes[1] == '\\')) {
        char position[2] = {(char)next(seed, 256), (char)next(seed, 3)};
        add(t, position, 2);
    }
}

// The digits in groups, style commands among them now and then.
static void add_grouped(struct text *t, struct seed *seed, const char *number, bool styled)
{
    struct piece between = betweens[next(seed, sizeof betweens / sizeof betweens[0])];
    const char *shape = shapes[next(seed, sizeof shapes / sizeof shapes[0])];
    size_t len = strlen(number);
    size_t group = 0;
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && group == (size_t)(*shape - '0')) {
            add_between(t, seed, between);
            shape += shape[1] != '\0' ? 1 : 0;
            group = 0;
        }
        if (styled && i > 0 && next(seed, 3) == 0) {
            add_style(t, seed);
        }
        t->secret[t->len] = i + 4 < len;
        add(t, number + i, 1);
        group++;
    }
}

static void add_in_groups(struct text *t, struct seed *seed, const char *number)
{
    add_grouped(t, seed, number, false);
}

static void add_in_styled_groups(struct text *t, struct seed *seed, const char *number)
{
    add_grouped(t, seed, number, true);
}

static void add_alone(struct text *t, struct seed *seed, const char *number)
{
    (void)seed;
    add_secret(t, number, strlen(number) - 4);
    add_text(t, number + strlen(number) - 4);
}

static void add_one_per_command(struct text *t, struct seed *seed, const char *number)
{
    size_t style = next(seed, 4);
    for (size_t i = 0; number[i] != '\0'; i++) {
        char command[4] = {0x1B,
                           style == 0   ? '!'
                           : style == 1 ? '\\'
                                        : '$',
                           (char)next(seed, 256), (char)next(seed, 3)};
        add(t, command, style == 0 ? 3 : 4);
        if (style == 3) {
            add_style(t, seed);
        }
        t->secret[t->len] = number[i + 1] != '\0' && i + 4 < strlen(number);
        add(t, number + i, 1);
    }
}

static void add_track_1(struct text *t, struct seed *seed, const char *number)
{
    static const char *const begins[] = {"%B", "%b", "B", "b", "", "%M"};
    static const char *const ends[] = {"?", "\r\n", "\n", "?\x03", "\r"};
    add_text(t, begins[next(seed, 6)]);
    bool grouped = next(seed, 4) == 0;
    for (size_t i = 0; number[i] != '\0'; i++) {
        if (grouped && i > 0 && i % 4 == 0) {
            add_text(t, " ");
        }
        add_secret(t, number + i, 1);
    }
    static const char data[] = "^DOE/JOHN             ^30121010000012300000";
    add_secret(t, data, sizeof data - 1);
    add_text(t, ends[next(seed, 5)]);
}

static void add_track_2(struct text *t, struct seed *seed, const char *number)
{
    bool bare = next(seed, 2) == 0;
    const char *split = bare && next(seed, 2) == 0 ? (next(seed, 2) == 0 ? "D" : "d") : "=";
    add_text(t, bare ? "" : ";");
    add_secret(t, number, strlen(number));
    add_secret(t, split, 1);
    add_secret(t, "301210100000123", 15);
    add_text(t, bare ? "\r" : "?");
}

static void add_track_3(struct text *t, struct seed *seed, const char *number)
{
    static const char *const begins[] = {";", "+", "#", "", " "};
    static const char data[] = "=724724100000000000030300000040400099010==1=100000000000000000";
    add_text(t, begins[next(seed, 5)]);
    add_secret(t, next(seed, 2) == 0 ? "01" : "59", 2);
    add_secret(t, number, strlen(number));
    add_secret(t, data, sizeof data - 1);
    add_text(t, "?");
}

static const char *const disguises[] = {
    "alone", "grouped", "grouped, with style commands", "one per command", "track 1", "track 2", "track 3"};
#define DISGUISES (sizeof disguises / sizeof disguises[0])

static void add_disguised(struct text *t, struct seed *seed, const char *number, size_t disguise)
{
    typedef void add_fn(struct text *, struct seed *, const char *);
    static add_fn *const adds[] = {add_alone,   add_in_groups, add_in_styled_groups, add_one_per_command,
                                   add_track_1, add_track_2,   add_track_3};
    adds[disguise](t, seed, number);
}

// ---- the stream ----

struct out {
    char bytes[8192];
    size_t len;
};

static void take(void *ctx, struct tw_slice bytes)
{
    struct out *out = ctx;
    assert_true(out->len + bytes.len <= sizeof out->bytes);
    memcpy(out->bytes + out->len, bytes.ptr, bytes.len);
    out->len += bytes.len;
}

// In pieces of at most `piece` bytes; of any size when it is 0.
static void filter(const struct tw_guard *guard, const char *bytes, size_t len, size_t piece,
                   struct seed *seed, struct out *out)
{
    struct tw_guard_stream *stream = NULL;
    out->len = 0;
    assert_int_equal(tw_guard_stream_new(guard, take, out, &stream), TW_OK);
    for (size_t at = 0; at < len;) {
        size_t more = piece > 0 ? piece : 1 + next(seed, 40);
        more = more < len - at ? more : len - at;
        tw_guard_stream_feed(stream, tw_slice_make(bytes + at, more));
        at += more;
        assert_int_equal(out->len + tw_guard_stream_held(stream), at);
        assert_true(tw_guard_stream_held(stream) <= TW_GUARD_HOLD_MAX);
    }
    tw_guard_stream_flush(stream);
    assert_int_equal(tw_guard_stream_held(stream), 0);
    tw_guard_stream_free(stream);
    assert_int_equal(out->len, len);
}

// clang-format off
static const struct piece befores[] = {
    {"", 0}, {"Card: ", 6}, {"EUR 12.50 ", 10}, {"12,50\n", 6}, {"\x1B@", 2}, {"\x1B" "a1", 3},
    {"VISA\x1B$\x34\x31", 8}, {"\x1D!\x00No", 5}, {"\x1D(k\x13\x00\x31P0", 8}, {"\x1Dk\x49\x30", 4},
    {"]C0", 3}, {"4006381333931 X ", 16}, {"\x02", 1}, {"22.11.2026 10:15 Card ", 22},
    // Scanners' prefixes; a printer would take the first digits for a command's.
    {"\x1B", 1}, {"\x1D", 1},
};
// clang-format on
#define BEFORES     (sizeof befores / sizeof befores[0])
#define BEFORES_ANY (BEFORES - 2)
// clang-format off
static const struct piece afters[] = {
    {"", 0}, {"\n", 1}, {" 12/30", 6}, {"exp", 3}, {"\x1DV\x00", 3}, {"\r\n1,00", 6},
    {" OK 123456", 10}, {"\x1B" "E\x00X", 4}, {"\x1B@", 2}, {";", 1},
};
// clang-format on

static bool is_gtin_too(const char *number)
{
    return strlen(number) <= 14 && tw_gs1_gtin_valid(number, strlen(number)) && number[0] != '3';
}

static void show(const char *what, const char *bytes, size_t len)
{
    print_error("%s ", what);
    for (size_t i = 0; i < len; i++) {
        print_error(bytes[i] >= 0x20 && bytes[i] < 0x7F ? "%c" : "\\x%02X", (unsigned char)bytes[i]);
    }
    print_error("\n");
}

static bool one_case(unsigned long n, size_t disguise, struct seed *seed)
{
    static struct text t;
    static struct out out;
    const char *number = test_numbers[next(seed, NUMBERS)];
    struct piece before = befores[next(seed, disguise == 0 ? BEFORES : BEFORES_ANY)];
    struct piece after = afters[next(seed, sizeof afters / sizeof afters[0])];
    memset(t.secret, 0, sizeof t.secret);
    t.len = 0;
    // Track data begins where its reader begins to send.
    if (disguise < 4) {
        add(&t, before.bytes, before.len);
    } else if (before.len > 0 && next(seed, 2) == 0) {
        add_text(&t, "swiped\r\n");
    }
    add_disguised(&t, seed, number, disguise);
    add(&t, after.bytes, after.len);
    filter(&plain, t.bytes, t.len, n % 3 == 0 ? t.len : n % 3 == 1 ? 1 : 0, seed, &out);
    for (size_t i = 0; i < t.len; i++) {
        if (t.secret[i] ? out.bytes[i] != '*' : out.bytes[i] != t.bytes[i] && out.bytes[i] != '*') {
            print_error("case %lu, %s\n", n, disguises[disguise]);
            show("in ", t.bytes, t.len);
            show("out", out.bytes, out.len);
            return false;
        }
    }
    return true;
}

static void test_p6_no_test_number_leaks_in_any_disguise_and_split(void **state)
{
    (void)state;
    struct seed seed = {first_seed};
    unsigned long leaks = 0;
    unsigned long in[DISGUISES] = {0};
    for (size_t i = 0; i < NUMBERS; i++) {
        assert_true(tw_luhn_valid(test_numbers[i], strlen(test_numbers[i])));
        assert_false(is_gtin_too(test_numbers[i]));
    }
    for (unsigned long n = 0; n < cases; n++) {
        size_t disguise = next(&seed, DISGUISES);
        in[disguise]++;
        leaks += one_case(n, disguise, &seed) ? 0 : 1;
        assert_true(leaks < 10);
    }
    print_message("{\"seed\":%lu,\"numbers\":%zu,\"cases\":%lu,\"leaks\":%lu", first_seed, NUMBERS, cases,
                  leaks);
    for (size_t i = 0; i < DISGUISES; i++) {
        print_message(",\"%s\":%lu", disguises[i], in[i]);
    }
    print_message("}\n");
    assert_int_equal(leaks, 0);
}

// ---- what else it promises ----

static void test_pieces_do_not_matter(void **state)
{
    (void)state;
    static const char *const alphabets[] = {"0123456789", "01234 -\r\n.", "4115 \x1B\x1D$E!a\x01\n=^;B",
                                            "45 =D^?\x10\x04\x1Bt"};
    struct seed seed = {first_seed};
    for (size_t n = 0; n < cases / 50; n++) {
        char bytes[600];
        struct out whole;
        struct out pieces;
        const char *alphabet = alphabets[n % 4];
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = alphabet[next(&seed, strlen(alphabet))];
        }
        filter(&plain, bytes, sizeof bytes, sizeof bytes, &seed, &whole);
        filter(&plain, bytes, sizeof bytes, n % 2 == 0 ? 1 : 0, &seed, &pieces);
        assert_memory_equal(whole.bytes, pieces.bytes, whole.len);
    }
}

static void test_little_is_held(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t held;
    } rows[] = {{"SUMME EUR", 0},
                {"SUMME 12,50", 5},
                {"4111 1111\n", 10},
                {"4111111111111111", 16},
                {"%B4111111111111111^DOE", 0},
                {"4111111111111111=30", 19},
                {"\x1B$", 2},
                {"4006381333931 A", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tw_guard_stream *stream = NULL;
        struct out out = {.len = 0};
        assert_int_equal(tw_guard_stream_new(&plain, take, &out, &stream), TW_OK);
        tw_guard_stream_feed(stream, tw_slice_of(rows[i].text));
        assert_int_equal(tw_guard_stream_held(stream), rows[i].held);
        size_t given = out.len;
        tw_guard_stream_free(stream); // what was held is not given out
        assert_int_equal(out.len, given);
    }
}

static void test_what_is_held_is_bounded(void **state)
{
    (void)state;
    static char bytes[8192];
    static struct out out;
    struct seed seed = {first_seed};
    for (size_t n = 0; n < 200; n++) {
        struct text t = {.len = 0};
        size_t len = 0;
        while (len + 200 < sizeof bytes) {
            t.len = 0;
            size_t many = next(&seed, 24);
            for (size_t i = 0; i < many; i++) {
                add_style(&t, &seed);
            }
            add(&t, &"0123456789"[next(&seed, 10)], 1);
            memcpy(bytes + len, t.bytes, t.len);
            len += t.len;
        }
        filter(&plain, bytes, len, 7, &seed, &out); // asserts the bound
    }
}

static void test_a_flush_begins_anew(void **state)
{
    (void)state;
    struct tw_guard_stream *stream = NULL;
    struct out out = {.len = 0};
    assert_int_equal(tw_guard_stream_new(&plain, take, &out, &stream), TW_OK);
    tw_guard_stream_feed(stream, tw_slice_of("41111111"));
    tw_guard_stream_flush(stream);
    assert_int_equal(out.len, 8);
    tw_guard_stream_feed(stream, tw_slice_of("11111111 4111111111111111"));
    tw_guard_stream_flush(stream);
    assert_memory_equal(out.bytes, "4111111111111111 ************1111", 33);
    assert_int_equal(tw_guard_stream_masked(stream), 12);
    tw_guard_stream_free(stream);
    tw_guard_stream_free(NULL);
}

static void test_what_is_exempt_stays(void **state)
{
    (void)state;
    const struct tw_card_rule rule = {.scheme = "club", .pattern = "^6009200\\d{9}$", .check = "luhn"};
    struct tw_scan_rules *rules = NULL;
    assert_int_equal(tw_scan_rules_new(&rule, 1, &rules, NULL), TW_OK);
    struct tw_guard guard = tw_scan_guard(rules);
    // clang-format off
    static const char *const texts[] = {
        "MEMBER 6009200000009310\r\n", "6009 2000 0000 9310", ";6009200000009310=99121010000?\r",
        "]C06009200000009310\r", "(8018)400000000000000006", "8018400000000000000006",
        "]C18018400000000000000006\r", "8018 400000000000000006",
        "]E04006381333931\r\n4006381333931\r\n", "0104006381333931", "14006381333938",
        "************1111", "4111 11** **** 1111",
        "6009\x1B$\x10\x01" "2000\x1B$\x20\x01" "0000\x1B$\x30\x01" "9310",
    };
    // clang-format on
    struct seed seed = {first_seed};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct out out;
        filter(&guard, texts[i], strlen(texts[i]), 0, &seed, &out);
        assert_memory_equal(out.bytes, texts[i], out.len);
    }
    tw_scan_rules_free(rules);
}

int main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        unsigned long *to = strcmp(argv[i], "--cases") == 0 ? &cases : &first_seed;
        *to = strtoul(argv[i + 1], NULL, 10);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_p6_no_test_number_leaks_in_any_disguise_and_split),
        cmocka_unit_test(test_pieces_do_not_matter),
        cmocka_unit_test(test_little_is_held),
        cmocka_unit_test(test_what_is_held_is_bounded),
        cmocka_unit_test(test_a_flush_begins_anew),
        cmocka_unit_test(test_what_is_exempt_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
