// SPDX-License-Identifier: Apache-2.0
//
// agent/lane/poslog*: from the files of a folder to events, on a real journal; only the folder is played by
// hand.
#include "tests/fakes/export_world.h"

static const uint8_t BOOT[16] = {1, 2, 3, 4};

// ---- tests ----

// P3: a file read twice, under another name, with other prefixes, is the same sales.
static void each_transaction_is_one_event(void **state)
{
    struct world *world = *state;
    static const char text[] = SALE("7", "1", AT, "2.50") SALE(
        "7", "2", AT, "3.50") "<Transaction><ControlTransaction/></Transaction>" SALE("7", "3", AT, "4.50");
    export_drop(world, text);
    world_expect_events(world, 3);
    assert_int_equal(export_files(world, "export", "done"), 1);
    assert_int_equal(export_files(world, "export", "waiting"), 2);
    export_expect_data(world, 1, "transaction_id", "0042/07/2026-11-22/1");
    export_expect_data(world, 3, "receipt_number", "3");
    export_expect_data(world, 2, "printed_time", "2026-11-22T10:15:07+01:00");
    export_drop(world, text);
    export_drop(world, "\n\n" SALE("07", "2", AT, "3.50") "\n" SALE("7", "4", AT, "5.50"));
    world_expect_events(world, 4);
    assert_int_equal(export_files(world, "export", "done"), 3);
}

// P3: the receipt and the log of one sale are one event; what the log adds is a correction with two
// witnesses.
static void a_receipt_and_a_poslog_are_one_sale(void **state)
{
    struct world *world = *state;
    static const char text[] =
        HEAD("7", "1001", AT) ITEM("COFFEE", "4006381333931", "2.50") ITEM("TEA", "96385074", "1.50")
            CASH("5.00") TOTAL("4.00") "<LineItem><Tender TenderType=\"Cash\"><Amount>"
                                       "-1.00</Amount><TenderChange><Amount>-1.00</Amount></TenderChange></"
                                       "Tender></LineItem>" END;
    world_hello(world, BOOT, 0);
    world_print_sale(world, "1001", "");
    world_expect_events(world, 1);
    export_drop(world, text);
    world_expect_events(world, 2);
    world_expect_type(world, 2, "io.tillwire.sale.corrected");
    assert_int_equal(export_witnesses(world, 2), 2);
    export_drop(world, text);
    export_drop(world, text);
    world_expect_events(world, 2);
}

// P1, P3: killed in the middle of a file, and started again: each once.
static void a_file_begun_twice_is_read_once(void **state)
{
    struct world *world = *state;
    static const char first[] =
        "<POSLog>" SALE("7", "1", AT, "2.50") SALE("7", "2", AT, "3.50") "<Transaction><Ret";
    static const char rest[] = "ailStoreID/></Transaction>" SALE("7", "3", AT, "4.50") "</POSLog>";
    export_begin(world, "export");
    export_feed(world, "export", tw_slice_of(first));
    world_expect_events(world, 2);
    assert_int_equal(export_files(world, "export", "done"), 0);
    world_reopen(world);
    export_begin(world, "export");
    export_feed(world, "export", tw_slice_of(first));
    tw_lane_poslog_lost(export_folder(world, "export")); // the folder goes as well
    export_begin(world, "export");
    export_feed(world, "export", tw_slice_of(first));
    export_feed(world, "export", tw_slice_of(rest));
    tw_lane_poslog_end(export_folder(world, "export"), true);
    export_wait_for_answer(world, 0);
    world_expect_events(world, 3);
    assert_int_equal(export_files(world, "export", "done"), 1);
}

// TRAPS: numbers repeat across workstations and operators; none of those sales may be lost to another.
static void numbers_that_repeat_are_other_sales(void **state)
{
    struct world *world = *state;
    static const char text[] = SALE("31", "5", AT, "2.50") SALE("32", "5", AT, "3.50")
        SALE("32", "5", "2026-11-22T18:00:00", "9.50");
    export_drop(world, text);
    world_expect_events(world, 3);
    export_expect_data(world, 1, "transaction_id", "0042/31/2026-11-22/5");
    export_expect_data(world, 2, "transaction_id", "0042/32/2026-11-22/5");
    export_expect_data(world, 2, "workstation", "32");
    export_expect_data(world, 3, "receipt_number", "5");
    world_expect_type(world, 3, "io.tillwire.sale.completed");
    export_drop(world, text);
    world_expect_events(world, 3);
}

static void sales_without_a_number_have_a_place(void **state)
{
    struct world *world = *state;
    static const char two[] =
        "<Transaction><RetailTransaction>" TEA("2.50") "<Transaction><RetailTransaction>" TEA("2.50");
    static const char timed[] =
        "<Transaction><EndDateTime>" AT "</EndDateTime><RetailTransaction>" TEA("2.50");
    export_drop(world, two);
    export_drop(world, two);
    world_expect_events(world, 2);
    export_drop(world, timed);
    export_drop(world, "<Transaction/>"
                       "<Transaction><EndDateTime>" AT "</EndDateTime><RetailTransaction>" TEA("2.50"));
    world_expect_events(world, 3);
}

// The configured workstation wins where there is one; a store that differs is told, once a file.
static void what_differs_from_the_configuration_is_told(void **state)
{
    struct world *world = *state;
    static const char text[] = "<POSLog>" SALE("9", "1", AT, "2.50") SALE("9", "2", AT, "3.50")
        SALE("8", "3", AT, "4.50") "</POSLog>";
    export_drop_text(world, "till-8", tw_slice_of(text));
    world_expect_events(world, 4);
    export_expect_data(world, 1, "transaction_id", "0042/08/2026-11-22/1");
    world_expect_type(world, 2, "io.tillwire.capture.drift");
    export_expect_data(world, 2, "what", "workstation");
    export_expect_data(world, 2, "found", "9");
}

// P8, P7: what cannot be read is told once, with its place, however often the file is read.
static void what_cannot_be_read_is_told_once(void **state)
{
    struct world *world = *state;
    static const char bad[] =
        SALE("7", "1", AT, "2.50") SALE("7", "2", AT, "2,5O") SALE("7", "3", AT, "4.50");
    export_drop(world, bad);
    export_drop(world, bad);
    world_expect_events(world, 3);
    world_expect_type(world, 2, "io.tillwire.capture.unparsed");
    export_expect_data(world, 2, "reason", "malformed");
    assert_int_equal(export_files(world, "export", "done"), 2);
    export_drop_text(world, "export", tw_slice_of("<POSLog>" SALE("7", "4", AT, "2.50") "<oops"));
    export_drop_text(world, "export", tw_slice_of("<POSLog>" SALE("7", "4", AT, "2.50") "<oops"));
    world_expect_events(world, 5);
    export_expect_data(world, 5, "reason", "truncated");
    assert_int_equal(export_files(world, "export", "failed"), 2);
    export_drop(world, "<Transaction><CurrencyCode>CHF</CurrencyCode><RetailTransaction>" TEA("2.50"));
    world_expect_events(world, 6);
    export_expect_data(world, 6, "reason", "currency");
}

static void a_sale_too_large_for_an_event_is_told(void **state)
{
    struct world *world = *state;
    struct tw_buf text = {0};
    tw_buf_add_text(&text, HEAD("7", "1", AT));
    for (int i = 0; i < 900; i++) {
        tw_buf_add_text(&text, ITEM("A TEA WITH QUITE A LONG NAME OF ITS OWN", "4006381333931", "1.00"));
    }
    tw_buf_add_text(&text, CASH("900.00") TOTAL("900.00") END SALE("7", "2", AT, "2.50"));
    export_drop(world, (const char *)text.ptr);
    export_drop(world, (const char *)text.ptr);
    tw_buf_free(&text);
    world_expect_events(world, 2);
    assert_int_equal(export_files(world, "export", "done"), 2);
}

// ---- who ----

// P11: a scan belongs to a sale that ended after it, and while it counts; to one at most.
static void a_scan_belongs_to_a_sale_that_ended_after_it(void **state)
{
    struct world *world = *state;
    const time_t now = time(NULL);
    tw_lane_scan(world->lane, "scanner", NULL, tw_slice_of(CARD), NULL, NULL);
    world_expect_events(world, 1);
    export_drop_at(world, "1", now - 60);      // came late: the customer before
    export_drop_at(world, "2", now + 40 * 60); // a clock that is far ahead
    export_drop_at(world, "3", now + 60);
    export_drop_at(world, "4", now + 61);
    export_drop_at(world, "3", now + 60);
    world_expect_events(world, 5);
    assert_false(world_has_customer(world, 2, CARD));
    assert_false(world_has_customer(world, 3, CARD));
    assert_true(world_has_customer(world, 4, CARD));
    assert_false(world_has_customer(world, 5, CARD));
}

// P6: a loyalty number stands where a payment card belongs, and becomes a pseudonym; a payment card becomes
// nothing.
static void cards_are_pseudonyms_or_nothing(void **state)
{
    struct world *world = *state;
#define PAID(number, pan)                                                                                    \
    HEAD("7", number, AT)                                                                                    \
    ITEM("TEA", "4006381333931", "2.50")                                                                     \
    "<LineItem><Tender TenderType=\"CreditDebit\"><Amount>"                                                  \
    "2.50</Amount><CreditDebit><PrimaryAccountNumber>" pan                                                   \
    "</PrimaryAccountNumber></CreditDebit></Tender></LineItem>" TOTAL("2.50") END
    export_drop(world, PAID("1", CARD) PAID("2", "4111111111111111"));
    world_expect_events(world, 2);
    assert_true(world_has_customer(world, 1, CARD));
    for (uint64_t sequence = 1; sequence <= 2; sequence++) {
        struct tw_buf text = {0};
        tw_json *event = world_event(world, sequence);
        tw_json_dump(event, &text);
        assert_null(strstr((const char *)text.ptr, "411111111111"));
        assert_null(strstr((const char *)text.ptr, "600920000000"));
        tw_json_free(event);
        tw_buf_free(&text);
    }
}

// ---- limits ----

// Memory is bounded: however large a file is, few of its transactions are on their way at a time.
static void a_large_file_waits_for_the_journal(void **state)
{
    struct world *world = *state;
    unsigned held = 0;
    export_begin(world, "export");
    assert_true(tw_lane_poslog_bytes(export_folder(world, "export"), tw_slice_of("<POSLog>")));
    for (int i = 0; i < 500; i++) {
        char text[1024];
        (void)snprintf(text, sizeof text, SALE("7", "%d", AT, "2.50"), i);
        if (!tw_lane_poslog_bytes(export_folder(world, "export"), tw_slice_of(text))) {
            held++;
            export_let_be(world);
        }
    }
    assert_true(tw_lane_poslog_bytes(export_folder(world, "export"), tw_slice_of("</POSLog>")) || held > 0);
    tw_lane_poslog_end(export_folder(world, "export"), true);
    world_expect_events(world, 500);
    export_wait_for_answer(world, 0);
    assert_in_range(held, 500 / TW_LANE_POSLOG_FLYING - 1, 500 / (TW_LANE_POSLOG_FLYING / 2));
    assert_int_equal(export_files(world, "export", "done"), 1);
}

// P1: a journal without room leaves the file where it is; with room again everything of it is there, once.
static void a_full_journal_leaves_the_file(void **state)
{
    struct world *world = *state;
    struct tw_buf text = {0};
    for (int i = 0; i < 300; i++) {
        tw_buf_printf(&text, SALE("7", "%d", AT, "2.50"), i);
    }
    uint64_t before = world_fill(world);
    for (int i = 0; i < 2; i++) {
        export_begin(world, "export");
        export_feed(world, "export", tw_slice_of("<POSLog>"));
        export_feed(world, "export", tw_buf_slice(&text));
        export_feed(world, "export", tw_slice_of("</POSLog>"));
        tw_lane_poslog_end(export_folder(world, "export"), true);
        export_let_be(world);
    }
    assert_int_equal(export_put_away(world), 0);
    struct tw_journal_stats stats = world_stats_of(world);
    assert_true(stats.full);
    assert_in_range(stats.next_sequence, before + 1, before + 2); // nothing but that it is full
    world->max_bytes = 0;
    world_reopen(world);
    export_drop(world, (const char *)text.ptr);
    assert_int_equal(export_files(world, "export", "done"), 1);
    assert_int_equal(world_stats_of(world).next_sequence, stats.next_sequence + 300);
    tw_buf_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_transaction_is_one_event, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_receipt_and_a_poslog_are_one_sale, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_file_begun_twice_is_read_once, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(numbers_that_repeat_are_other_sales, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(sales_without_a_number_have_a_place, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(what_differs_from_the_configuration_is_told, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_told_once, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_sale_too_large_for_an_event_is_told, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_scan_belongs_to_a_sale_that_ended_after_it, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(cards_are_pseudonyms_or_nothing, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_large_file_waits_for_the_journal, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_full_journal_leaves_the_file, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
