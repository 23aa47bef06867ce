// SPDX-License-Identifier: Apache-2.0
//
// The receipt reader, from printer bytes to facts: where one receipt ends and the next begins, and
// that no cut, truncation or noise changes or stops anything (P1's positions, P6, P8).
#include "tests/unit/reader_facts.h"

// --- cuts and damage ---

static void describe(const struct facts *facts, struct tw_buf *out)
{
    for (size_t i = 0; i < facts->count; i++) {
        const struct fact *fact = &facts->list[i];
        tw_buf_printf(out, "%s %zu lines %zu bytes to %llu, %zu masked: %s\n",
                      fact->sale != NULL ? tw_sale_kind_name(fact->sale->kind)
                                         : tw_unparsed_name(fact->reason),
                      fact->lines, fact->bytes, (unsigned long long)fact->end, fact->masked, fact->text);
        for (size_t n = 0; fact->sale != NULL && n < fact->sale->line_count; n++) {
            tw_buf_printf(out, " %lld", (long long)fact->sale->lines[n].amount_minor);
        }
    }
    tw_buf_printf(out, "to %llu\n", (unsigned long long)facts->end);
}

static void check_cuts(const struct fixture *fixture, struct tw_slice bytes)
{
    struct tw_buf whole = {0};
    for (enum cuts cuts = WHOLE; cuts <= RANDOM; cuts++) {
        struct facts facts = {0};
        struct tw_buf now = {0};
        read_stream(fixture, bytes, cuts, &facts);
        describe(&facts, cuts == WHOLE ? &whole : &now);
        if (cuts != WHOLE) {
            assert_string_equal((const char *)now.ptr, (const char *)whole.ptr);
        }
        tw_buf_free(&now);
        free_facts(&facts);
    }
    tw_buf_free(&whole);
}

typedef void stream_fn(const struct fixture *fixture, struct tw_slice bytes);

// Every nth receipt of our tape.
static void each_of_tape(const struct fixture *fixture, size_t nth, stream_fn *use)
{
    const char *folder = TW_SOURCE_DIR "/tools/sim/tape/receipts";
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    size_t used = 0;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[600];
        struct tw_buf bytes = {0};
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        bool ours = strstr(entry->d_name, ".bin") != NULL && atoi(entry->d_name) % (int)nth == 0;
        if (ours) {
            assert_true(load(path, &bytes));
            use(fixture, tw_buf_slice(&bytes));
            used++;
        }
        tw_buf_free(&bytes);
    }
    (void)closedir(dir);
    assert_true(used > 3);
}

static void cuts_change_nothing(void **state)
{
    each_of_tape(*state, 7, check_cuts);
}

// A stream that ends early gives no sale that closes with another total than the whole one.
static void check_truncated(const struct fixture *fixture, struct tw_slice bytes)
{
    struct facts whole = {0};
    read_stream(fixture, bytes, WHOLE, &whole);
    for (size_t len = 97; len < bytes.len; len += 97) {
        struct facts facts = {0};
        read_stream(fixture, tw_slice_make(bytes.ptr, len), WHOLE, &facts);
        for (size_t i = 0; i < facts.count; i++) {
            const struct tw_sale *sale = facts.list[i].sale;
            bool same = false;
            for (size_t k = 0; sale != NULL && k < whole.count; k++) {
                same = same ||
                       (whole.list[k].sale != NULL && whole.list[k].sale->total.minor == sale->total.minor);
            }
            assert_true(sale == NULL || !sale->reconciled || same);
        }
        free_facts(&facts);
    }
    free_facts(&whole);
}

static void truncation_invents_nothing(void **state)
{
    each_of_tape(*state, 13, check_truncated);
}

static void noise_stops_nothing(void **state)
{
    print_message("seed %u\n", SEED);
    struct tw_buf noise = {0};
    uint32_t random = SEED;
    for (size_t i = 0; i < 1024 * 1024; i++) {
        uint8_t byte = (uint8_t)next_random(&random);
        tw_buf_add(&noise, &byte, 1);
    }
    struct facts *facts = calloc(1, sizeof *facts);
    struct tw_reader *reader = NULL;
    struct tw_reader_options options = {
        .profile = ((struct fixture *)*state)->profile, .on_fact = on_fact, .ctx = facts};
    assert_int_equal(tw_reader_new(&options, &reader), TW_OK);
    for (size_t at = 0; at < noise.len; at += 4096) {
        assert_int_equal(tw_reader_feed(reader, tw_slice_make(noise.ptr + at, 4096)), TW_OK);
        for (size_t i = 0; i < facts->count; i++) {
            assert_null(facts->list[i].sale);
        }
        uint64_t end = facts->end;
        free_facts(facts);
        facts->end = end;
    }
    assert_int_equal(tw_reader_close(reader), TW_OK);
    assert_int_equal(facts->end, noise.len);
    tw_reader_free(reader);
    free_facts(facts);
    free(facts);
    tw_buf_free(&noise);
}

// --- where one receipt ends and the next begins ---

#define ESC_INIT "\x1b@"
#define CUT      "\x1dV\x01"

static const char *const heading = "LARCH AND LOOM\n1 Mill Lane\n";
static const char *const articles = "WOOL HAT                  12.00\nSCARF                      8.00\n";
static const char *const payment =
    "TOTAL                     20.00\nCASH                      50.00\nCHANGE                    30.00\n";
static const char *const foot = "Receipt 4711   2026-11-22 10:15\nMember ************1016\n";

// Feeds the pieces one after another and closes.
static void read_pieces(const struct fixture *fixture, const char *const *pieces, struct facts *facts)
{
    struct tw_buf bytes = {0};
    for (; *pieces != NULL; pieces++) {
        tw_buf_add_text(&bytes, *pieces);
    }
    read_stream(fixture, tw_buf_slice(&bytes), WHOLE, facts);
    tw_buf_free(&bytes);
}

static void expect_sale(const struct facts *facts, size_t i, int64_t total, const char *number)
{
    assert_true(i < facts->count);
    const struct tw_sale *sale = facts->list[i].sale;
    assert_non_null(sale);
    assert_true(sale->reconciled);
    assert_int_equal(sale->total.minor, total);
    if (number != NULL) {
        assert_non_null(sale->receipt_number);
        assert_string_equal(sale->receipt_number, number);
    } else {
        assert_null(sale->receipt_number);
    }
}

static void cut_may_fall_inside(void **state)
{
    const char *const before_total[] = {ESC_INIT, heading, foot, articles, CUT, payment, CUT, NULL};
    const char *const before_foot[] = {ESC_INIT, heading, articles, payment, CUT, foot, CUT, NULL};
    const char *const twice[] = {heading, foot,     articles, CUT,     payment, CUT, heading,
                                 foot,    articles, CUT,      payment, CUT,     NULL};
    const char *const *const streams[] = {before_total, before_foot, twice};
    for (size_t i = 0; i < 3; i++) {
        struct facts facts = {0};
        read_pieces(*state, streams[i], &facts);
        assert_int_equal(facts.count, i == 2 ? 2 : 1);
        expect_sale(&facts, 0, 2000, "4711");
        expect_sale(&facts, facts.count - 1, 2000, "4711");
        free_facts(&facts);
    }
}

static void reset_may_fall_inside(void **state)
{
    const char *const inside[] = {ESC_INIT, heading, articles, ESC_INIT, payment, foot, CUT, NULL};
    struct facts facts = {0};
    read_pieces(*state, inside, &facts);
    assert_int_equal(facts.count, 1);
    expect_sale(&facts, 0, 2000, "4711");
    free_facts(&facts);
    // What was broken off does not spoil the next one.
    const char *const broken[] = {ESC_INIT, heading, articles, ESC_INIT, heading,
                                  articles, payment, foot,     CUT,      NULL};
    read_pieces(*state, broken, &facts);
    assert_int_equal(facts.count, 2);
    assert_null(facts.list[0].sale);
    assert_int_equal(facts.list[0].reason, TW_UNPARSED_NO_TOTAL);
    expect_sale(&facts, 1, 2000, "4711");
    free_facts(&facts);
}

static void tills_that_never_cut(void **state)
{
    const char *const other = "Receipt 4712   2026-11-22 10:19\n";
    const char *const stream[] = {heading, articles, payment, foot,     heading, articles,
                                  payment, other,    heading, articles, NULL};
    struct facts facts = {0};
    read_pieces(*state, stream, &facts);
    assert_int_equal(facts.count, 3);
    expect_sale(&facts, 0, 2000, "4711");
    expect_sale(&facts, 1, 2000, "4712");
    assert_null(facts.list[2].sale);
    assert_int_equal(facts.list[2].reason, TW_UNPARSED_TRUNCATED);
    assert_int_equal(facts.list[0].end, strlen(heading) + strlen(articles) + strlen(payment) + strlen(foot));
    free_facts(&facts);
}

static void notes_between_sales(void **state)
{
    const char *const kitchen = "KITCHEN\nTable 4\n2 x Soup\n";
    const char *const stream[] = {kitchen, CUT, heading, articles, payment, foot, CUT, kitchen, CUT, NULL};
    struct facts facts = {0};
    read_pieces(*state, stream, &facts);
    assert_int_equal(facts.count, 3);
    assert_null(facts.list[0].sale);
    expect_sale(&facts, 1, 2000, "4711");
    assert_null(facts.list[2].sale);
    assert_int_equal(facts.list[2].reason, TW_UNPARSED_NOT_A_SALE);
    free_facts(&facts);
}

static void feed_text(struct tw_reader *reader, const char *text)
{
    assert_int_equal(tw_reader_feed(reader, tw_slice_of(text)), TW_OK);
}

static void idle_gives_out_what_is_complete(void **state)
{
    struct facts facts = {0};
    struct tw_reader *reader = open_reader(*state, &facts);
    feed_text(reader, heading);
    feed_text(reader, articles);
    assert_int_equal(tw_reader_idle(reader), TW_OK);
    assert_int_equal(facts.count, 0);
    feed_text(reader, payment);
    assert_int_equal(tw_reader_idle(reader), TW_OK);
    assert_int_equal(facts.count, 1);
    expect_sale(&facts, 0, 2000, NULL);
    assert_int_equal(facts.end, strlen(heading) + strlen(articles) + strlen(payment)); // nothing is left out
    feed_text(reader, heading);
    assert_int_equal(tw_reader_close(reader), TW_OK);
    assert_int_equal(facts.count, 2);
    tw_reader_free(reader);
    free_facts(&facts);
}

static void restored_reader_goes_on(void **state)
{
    struct facts facts = {0};
    struct tw_reader *reader = open_reader(*state, &facts);
    feed_text(reader, heading);
    tw_reader_restore(reader, 5000, NULL);
    feed_text(reader, articles);
    feed_text(reader, payment);
    assert_int_equal(tw_reader_close(reader), TW_OK);
    assert_int_equal(facts.count, 1);
    expect_sale(&facts, 0, 2000, NULL);
    assert_int_equal(facts.end, 5000 + strlen(articles) + strlen(payment));
    tw_reader_free(reader);
    free_facts(&facts);
}

// P6: a card number leaves no trace in the text that is hashed; a member's number survives.
static void card_numbers_are_masked(void **state)
{
    const char *const stream[] = {
        heading, articles, payment, "Card 4111 1111 1111 1111\nMember 6009200000041016\n", foot, CUT, NULL};
    struct facts facts = {0};
    read_pieces(*state, stream, &facts);
    assert_int_equal(facts.count, 1);
    assert_int_equal(facts.list[0].masked, 1);
    assert_null(strstr(facts.list[0].text, "4111"));
    assert_non_null(facts.list[0].sale->card);
    assert_string_equal(facts.list[0].sale->card, "6009200000041016");
    assert_string_equal(facts.list[0].sale->card_scheme, "club");
    free_facts(&facts);
}

static void reasons_are_told(void **state)
{
    static const struct {
        const char *bytes;
        enum tw_unparsed reason;
    } table[] = {
        {"Hello\n" CUT, TW_UNPARSED_NOT_A_SALE},
        {"HAT  12.00\nSCARF  8.00\n" CUT, TW_UNPARSED_NO_TOTAL},
        {"HAT  12.00\nSCARF  8.00\n", TW_UNPARSED_TRUNCATED},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        const char *const stream[] = {table[i].bytes, NULL};
        struct facts facts = {0};
        read_pieces(*state, stream, &facts);
        assert_int_equal(facts.count, 1);
        assert_null(facts.list[0].sale);
        assert_int_equal(facts.list[0].reason, table[i].reason);
        free_facts(&facts);
    }
    static const uint8_t picture[] = {0x1d, 'v', '0', 0, 1, 0, 2, 0, 0xff, 0x81, 0x1d, 'V', 1};
    struct facts facts = {0};
    read_stream(*state, tw_slice_make(picture, sizeof picture), WHOLE, &facts);
    assert_int_equal(facts.count, 1);
    assert_int_equal(facts.list[0].reason, TW_UNPARSED_RASTER_ONLY);
    free_facts(&facts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_change_nothing),     cmocka_unit_test(truncation_invents_nothing),
        cmocka_unit_test(noise_stops_nothing),     cmocka_unit_test(cut_may_fall_inside),
        cmocka_unit_test(reset_may_fall_inside),   cmocka_unit_test(tills_that_never_cut),
        cmocka_unit_test(notes_between_sales),     cmocka_unit_test(idle_gives_out_what_is_complete),
        cmocka_unit_test(restored_reader_goes_on), cmocka_unit_test(card_numbers_are_masked),
        cmocka_unit_test(reasons_are_told),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
