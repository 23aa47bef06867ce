// SPDX-License-Identifier: Apache-2.0
//
// agent/lane/poslog*: what is one sale and what is another, and files that are odd, on a real journal; only
// the folder is played by hand.
#include "tests/fakes/export_world.h"

static const uint8_t BOOT[16] = {1, 2, 3, 4};

// ---- one sale or another ----

// TRAPS: tills whose names differ only in what an id may not have, or far behind.
static void tills_with_odd_names_are_told_apart(void **state)
{
    struct world *world = *state;
    static const char text[] = SALE("REG-1", "5", AT, "2.50") SALE("REG 1", "5", AT, "9.50")
        SALE("8c2f3c1e-1111-2222-3333-aabbccdd0001", "5", AT, "1.50")
            SALE("8c2f3c1e-1111-2222-3333-aabbccdd0002", "5", AT, "3.50") SALE("REG_3", "5", AT, "4.50");
    export_drop(world, text);
    world_expect_events(world, 5);
    export_expect_data(world, 1, "workstation", "REG_1_03968749");
    export_expect_data(world, 3, "workstation", "8c2f3c1e_1111_2222_3333_4d2ece12");
    export_expect_data(world, 5, "workstation", "REG_3");
    export_drop(world, text);
    world_expect_events(world, 5);
}

#define EXPORTED(time)                                                                                       \
    "<Transaction><WorkstationID>7</WorkstationID><SequenceNumber>9</SequenceNumber>"                        \
    "<BusinessDayDate>2026-11-22</BusinessDayDate><BeginDateTime>2026-11-22T10:15:00</BeginDateTime>"        \
    "<POSLogDateTime TypeCode=\"Message\">" time "</POSLogDateTime><RetailTransaction>" TEA("2.50")

// P3: the time of the message is another one with every export.
static void an_export_at_another_time_is_no_other_sale(void **state)
{
    struct world *world = *state;
    export_drop(world, EXPORTED("2026-11-22T10:20:00"));
    export_drop(world, EXPORTED("2026-11-22T23:20:00"));
    world_expect_events(world, 1);
    export_expect_data(world, 1, "printed_time", "2026-11-22T10:15:00+01:00");
}

// P3: a sale that was told apart by its time is known by it when it comes again, with more in it.
static void a_sale_told_apart_is_known_again(void **state)
{
    struct world *world = *state;
    export_drop(world, SALE("7", "5", AT, "2.50") SALE("7", "5", "2026-11-22T18:00:00", "9.50"));
    export_drop(world, HEAD("7", "5", "2026-11-22T18:00:00") "<Note>exported again</Note>" TEA("9.50"));
    export_let_be(world);
    world_expect_events(world, 2);
    export_drop(world, HEAD("7", "5", "2026-11-22T18:00:00") TEA("9.70"));
    world_expect_events(world, 3);
    world_expect_type(world, 3, "io.tillwire.sale.corrected");
}

#define OF_STORE(store, amount)                                                                              \
    "<Transaction><RetailStoreID>" store "</RetailStoreID><WorkstationID>7</WorkstationID>"                  \
    "<SequenceNumber>5</SequenceNumber><BusinessDayDate>2026-11-22</"                                        \
    "BusinessDayDate><RetailTransaction>" TEA(amount)

// Without time or operator the store of the file tells them apart. A drift is told once, even if the batch it
// was in has to be made again.
static void sales_of_another_store_are_other_sales(void **state)
{
    struct world *world = *state;
    export_drop(world, OF_STORE("42", "2.50") OF_STORE("43", "9.50") OF_STORE("44", "7.50"));
    world_expect_events(world, 4);
    world_expect_type(world, 2, "io.tillwire.sale.completed");
    world_expect_type(world, 3, "io.tillwire.capture.drift");
    export_drop(world, OF_STORE("42", "2.50"));
    world_expect_events(world, 4);
}

static void a_drift_is_told_though_its_batch_is_made_anew(void **state)
{
    struct world *world = *state;
    export_drop(world, SALE("7", "5", AT, "2.50"));
    export_drop(world, "<Transaction><RetailStoreID>43</RetailStoreID><WorkstationID>7</WorkstationID>"
                       "<SequenceNumber>5</SequenceNumber><BusinessDayDate>2026-11-22</BusinessDayDate>"
                       "<EndDateTime>2026-11-22T18:00:00</EndDateTime><RetailTransaction>" TEA("9.50"));
    world_expect_events(world, 3);
    world_expect_type(world, 2, "io.tillwire.sale.completed");
    world_expect_type(world, 3, "io.tillwire.capture.drift");
}

static void expect_subject(struct world *world, uint64_t sequence, const char *subject)
{
    tw_json *event = world_event(world, sequence);
    assert_string_equal(tw_json_text(tw_json_get(event, "subject")), subject);
    tw_json_free(event);
    export_expect_data(world, sequence, "transaction_id", subject);
}

static void note(void *ctx, const struct tw_lane_answer *answer)
{
    struct world *world = ctx;
    assert_non_null(answer->transaction_id);
    (void)snprintf(world->transaction_id, sizeof world->transaction_id, "%s", answer->transaction_id);
    world_answered(ctx, answer);
}

static void ask(struct world *world, const char *body, const char *key)
{
    struct tw_sale *sale = NULL;
    struct tw_error_text err = {0};
    assert_int_equal(tw_sale_from_request(tw_slice_of(body), world->rules, &sale, &err, NULL, 0), TW_OK);
    tw_lane_sale(world->lane, sale, key, tw_slice_of(body), note, world);
    assert_int_equal(tw_loop_run(world->loop), TW_OK);
}

// P3: printed 001234, exported and sent as 1234: one sale, under the number that was seen first.
static void zeros_in_front_of_a_number_make_no_other_sale(void **state)
{
    struct world *world = *state;
    static const char first[] = "0042/07/2026-11-22/001234";
    static const char body[] =
        "{\"kind\":\"sale\",\"business_day\":\"2026-11-22\",\"receipt_number\":\"01234\",\"total\":400,"
        "\"lines\":[{\"kind\":\"item\",\"description\":\"TEA\",\"quantity\":\"1\",\"amount\":400}],"
        "\"tenders\":[{\"type\":\"cash\",\"amount\":400}]}";
    world_hello(world, BOOT, 0);
    world_print_sale(world, "001234", "");
    world_expect_events(world, 1);
    expect_subject(world, 1, first);
    export_drop(world, HEAD("7", "1234", AT) ITEM("COFFEE", "4006381333931", "2.50")
                           ITEM("TEA", "96385074", "1.50") CASH("4.00") TOTAL("4.00") END);
    world_expect_events(world, 2);
    world_expect_type(world, 2, "io.tillwire.sale.corrected");
    expect_subject(world, 2, first);
    for (int i = 0; i < 2; i++) { // and with the same Idempotency-Key again
        ask(world, body, "key-1");
        assert_string_equal(world->transaction_id, first);
    }
    world_expect_events(world, 3);
    expect_subject(world, 3, first);
    export_drop(world, HEAD("7", "0", AT) TEA("2.50") HEAD("7", "000", AT) TEA("2.50") HEAD("7", "R-01", AT)
                           TEA("2.50") HEAD("7", "R-1", AT) TEA("2.50"));
    world_expect_events(world, 6);
    expect_subject(world, 4, "0042/07/2026-11-22/0");
    expect_subject(world, 5, "0042/07/2026-11-22/R-01");
}

// ---- odd files ----

// P7: as many files cannot be read, as many are told; each once, however often it comes.
static void files_without_a_text_are_told_one_by_one(void **state)
{
    struct world *world = *state;
    static const char *const texts[] = {"this is no xml",
                                        "this is none either",
                                        "<Sales><a>1</a></Sales>",
                                        "<Other><a>2</a></Other>",
                                        "",
                                        "<POSLog><Transaction><RetailStoreID",
                                        "<POSLog><Transaction><Re"};
    for (size_t i = 0; i < 2 * sizeof texts / sizeof texts[0]; i++) {
        export_drop_text(world, "export", tw_slice_of(texts[i % (sizeof texts / sizeof texts[0])]));
    }
    world_expect_events(world, sizeof texts / sizeof texts[0]);
}

// P6: what stands for such a file went through the payment guard.
static void what_stands_for_a_file_is_masked(void **state)
{
    struct world *world = *state;
    export_drop_text(world, "export", tw_slice_of("card 4111111111111111 <"));
    export_drop_text(world, "export", tw_slice_of("card 4532000000031111 <"));
    world_expect_events(world, 1); // of both the last four digits are left
}

// P7, P8: a file that its till still writes to is not wrong because it stops in the middle.
static void an_open_file_that_stops_is_waited_for(void **state)
{
    struct world *world = *state;
    struct tw_device_file file = {.name = "x.xml", .bytes = 1, .waiting = 1, .open = true};
    tw_lane_poslog_begin(export_folder(world, "export"), &file);
    export_feed(world, "export", tw_slice_of("<POSLog>" SALE("7", "1", AT, "2.50") "<Transaction>"));
    tw_lane_poslog_end(export_folder(world, "export"), true);
    world_expect_events(world, 1);
    export_let_be(world);
    assert_int_equal(export_put_away(world), 0);
    world_expect_events(world, 1);
    file.open = false; // nobody went on with it
    tw_lane_poslog_begin(export_folder(world, "export"), &file);
    export_feed(world, "export", tw_slice_of("<POSLog>" SALE("7", "1", AT, "2.50") "<Transaction>"));
    tw_lane_poslog_end(export_folder(world, "export"), true);
    world_expect_events(world, 2);
    export_wait_for_answer(world, 0);
    assert_int_equal(export_files(world, "export", "failed"), 1);
}

// P11: a sale that is too large for an event has used its customer up, also after a restart.
static void a_sale_that_is_too_large_uses_its_scan_up(void **state)
{
    struct world *world = *state;
    struct tw_buf text = {0};
    char printed[20];
    const time_t now = time(NULL);
    tw_lane_scan(world->lane, "scanner", NULL, tw_slice_of(CARD), NULL, NULL);
    world_expect_events(world, 1);
    export_local_time(now + 60, printed);
    tw_buf_printf(&text, HEAD("7", "1", "%s"), printed);
    for (int i = 0; i < 900; i++) {
        tw_buf_add_text(&text, ITEM("A TEA WITH QUITE A LONG NAME OF ITS OWN", "4006381333931", "1.00"));
    }
    tw_buf_add_text(&text, CASH("900.00") TOTAL("900.00") END);
    export_drop(world, (const char *)text.ptr);
    tw_buf_free(&text);
    world_expect_events(world, 2);
    world_reopen(world);
    export_drop_at(world, "2", now + 70);
    world_expect_events(world, 3);
    assert_false(world_has_customer(world, 3, CARD));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(tills_with_odd_names_are_told_apart, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(an_export_at_another_time_is_no_other_sale, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_sale_told_apart_is_known_again, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(sales_of_another_store_are_other_sales, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_drift_is_told_though_its_batch_is_made_anew, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(zeros_in_front_of_a_number_make_no_other_sale, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(files_without_a_text_are_told_one_by_one, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(what_stands_for_a_file_is_masked, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(an_open_file_that_stops_is_waited_for, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_sale_that_is_too_large_uses_its_scan_up, world_setup,
                                        world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
