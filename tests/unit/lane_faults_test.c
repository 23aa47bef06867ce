// SPDX-License-Identifier: Apache-2.0
//
// agent/lane when things go wrong: a journal without room, requests that come again, witnesses that
// come late, lines that come and go in between.
#include "agent/lane/tap_flow.h"
#include "tests/fakes/lane_world.h"

static const uint8_t BOOT[16] = {1, 2, 3, 4};

#define NEXT_CARD "6009200000000012"

#define SALE_BODY(number, total)                                                                             \
    "{\"kind\":\"sale\",\"receipt_number\":\"" number                                                        \
    "\",\"business_day\":\"2026-11-22\",\"printed_time\":\"2026-11-22T10:15:00+01:00\",\"total\":" total     \
    ",\"lines\":[{\"kind\":\"item\",\"description\":\"COFFEE\",\"quantity\":\"1\",\"amount\":250},"          \
    "{\"kind\":\"item\",\"description\":\"TEA\",\"quantity\":\"1\",\"amount\":150}],"                        \
    "\"tenders\":[{\"type\":\"cash\",\"amount\":500}],\"change\":100}"

static void scan(struct world *world, const char *card)
{
    tw_lane_scan(world->lane, "scanner", NULL, tw_slice_of(card), NULL, NULL);
}

static bool has_repeat(struct world *world)
{
    struct tw_journal_stats stats;
    tw_journal_stats(world->journal, &stats);
    return stats.repeats > 0;
}

// ---- whose sale ----

// P3: who is scanned next is not the customer of a sale that is told a second time.
static void a_late_receipt_does_not_take_the_next_customer(void **state)
{
    struct world *world = *state;
    world_hello(world, BOOT, 0);
    scan(world, CARD);
    world_ask_sale(world, SALE_BODY("1001", "400"), NULL);
    assert_int_equal(world->answer.outcome, TW_OUTCOME_NEW);
    scan(world, OTHER_CARD);
    world_print_sale(world, "1001", "");
    world_run_until(world, has_repeat);
    tw_loop_drain(world->loop);
    world_print_sale(world, "1002", "");
    world_expect_events(world, 4); // scan, sale, scan, sale
    assert_true(world_has_customer(world, 2, CARD));
    world_expect_type(world, 4, "io.tillwire.sale.completed");
    assert_true(world_has_customer(world, 4, OTHER_CARD));
}

// The same across a restart: what is durable agrees with what was in memory.
static void a_repeat_leaves_the_next_customer_in_the_journal(void **state)
{
    struct world *world = *state;
    world_hello(world, BOOT, 0);
    world_ask_sale(world, SALE_BODY("1001", "400"), "key");
    scan(world, OTHER_CARD);
    world_ask_sale(world, SALE_BODY("1001", "400"), "key");
    assert_int_equal(world->answer.outcome, TW_OUTCOME_REPEAT);
    world_print_sale(world, "1001", "");
    world_expect_events(world, 2);
    world_reopen(world);
    world_hello(world, BOOT, 0);
    world_print_sale(world, "1002", "");
    world_expect_events(world, 3);
    assert_true(world_has_customer(world, 3, OTHER_CARD));
}

// A contradiction is a correction, and still not the next customer's.
static void a_correction_keeps_the_customer(void **state)
{
    struct world *world = *state;
    world_hello(world, BOOT, 0);
    scan(world, CARD);
    world_print_sale(world, "1001", "");
    world_expect_events(world, 2);
    scan(world, OTHER_CARD);
    world_ask_sale(world, SALE_BODY("1001", "410"), NULL);
    assert_int_equal(world->answer.outcome, TW_OUTCOME_CORRECTED);
    world_print_sale(world, "1002", "");
    world_expect_events(world, 5);
    world_expect_type(world, 4, "io.tillwire.sale.corrected");
    assert_true(world_has_customer(world, 4, CARD));
    assert_true(world_has_customer(world, 5, OTHER_CARD));
    tw_json *first = world_event(world, 2);
    tw_json *second = world_event(world, 4);
    assert_string_equal(tw_json_text(tw_json_get(tw_json_get(second, "data"), "corrects")),
                        tw_json_text(tw_json_get(first, "id")));
    tw_json_free(first);
    tw_json_free(second);
}

// A till that is refused corrects its request and asks again: the customer still stands there.
static void a_refused_request_leaves_the_customer(void **state)
{
    struct world *world = *state;
    world_ask_sale(world, SALE_BODY("1001", "400"), "key");
    scan(world, CARD);
    world_ask_sale(world, SALE_BODY("1002", "400"), "key");
    assert_int_equal(world->answer.error, TW_ERR_MISMATCH);
    world_ask_sale(world, SALE_BODY("1002", "400"), "other");
    assert_int_equal(world->answer.error, TW_OK);
    world_expect_events(world, 3);
    assert_true(world_has_customer(world, 3, CARD));
}

// ---- a journal without room ----

// P1, P7: what has no room is not acknowledged, and is read again from the tap once there is.
static void a_full_journal_costs_no_sale(void **state)
{
    struct world *world = *state;
    uint64_t before = world_fill(world);
    world_hello(world, BOOT, 0);
    scan(world, CARD);
    world_settle(world);
    for (int i = 0; i < 3; i++) { // the second and third wait behind the first
        world_print_sale(world, i == 0 ? "1001" : i == 1 ? "1002" : "1003", "");
    }
    uint64_t end = world->offset;
    world_settle(world);
    tw_loop_drain(world->loop);
    assert_int_equal(world_stats_of(world).next_sequence, before + 1);
    world_hello(world, BOOT, 0); // the line was opened again, still no room
    assert_int_equal(world->offset, 0);
    world_print_sale(world, "1001", "");
    world_settle(world);
    tw_loop_drain(world->loop);
    world_empty(world, before);
    world_print_sale(world, "1002", ""); // ignored: the tap is to begin again
    world_hello(world, BOOT, 0);
    assert_int_equal(world->offset, 0);
    world_print_sale(world, "1001", "");
    world_print_sale(world, "1002", "");
    world_print_sale(world, "1003", "");
    assert_int_equal(world->offset, end);
    world_expect_events(world, before + 3);
    assert_true(world_has_customer(world, before + 1, CARD));
    assert_false(world_has_customer(world, before + 2, CARD));
}

// P3: each paper that waits has its own customer on the second reading, and so has who comes after them.
static void papers_that_wait_keep_their_customers(void **state)
{
    struct world *world = *state;
    uint64_t before = world_fill(world);
    world_hello(world, BOOT, 0);
    world_print_sale(world, "1001", ""); // nobody's
    scan(world, CARD);
    world_print_sale(world, "1002", "");
    scan(world, OTHER_CARD);
    world_print_sale(world, "1003", "");
    scan(world, NEXT_CARD);
    world_settle(world);
    tw_loop_drain(world->loop);
    world_hello(world, BOOT, 0); // still no room: the first two come again, and fail again
    world_print_sale(world, "1001", "");
    world_print_sale(world, "1002", "");
    world_settle(world);
    tw_loop_drain(world->loop);
    world_empty(world, before);
    world_hello(world, BOOT, 0);
    for (int i = 0; i < 4; i++) {
        world_print_sale(world, i == 0 ? "1001" : i == 1 ? "1002" : i == 2 ? "1003" : "1004", "");
    }
    world_expect_events(world, before + 4);
    const char *const cards[] = {CARD, OTHER_CARD, NEXT_CARD};
    for (uint64_t paper = 0; paper < 4; paper++) {
        for (uint64_t card = 0; card < 3; card++) {
            assert_int_equal(world_has_customer(world, before + 1 + paper, cards[card]), paper == card + 1);
        }
    }
}

// A paper that is lost takes its customer along: nobody else gets it.
static void a_lost_paper_takes_its_customer_along(void **state)
{
    struct world *world = *state;
    uint64_t before = world_fill(world);
    world_hello(world, BOOT, 0);
    scan(world, CARD);
    world_print_sale(world, "1001", "");
    uint64_t lost_to = world->offset;
    scan(world, OTHER_CARD);
    world_print_sale(world, "1002", "");
    world_settle(world);
    tw_loop_drain(world->loop);
    world_empty(world, before);
    world_hello(world, BOOT, 0);
    tw_lane_tap_lost(world->tap, 0, lost_to);
    world->offset = lost_to;
    world_print_sale(world, "1002", "");
    world_print_sale(world, "1003", "");
    world_expect_events(world, before + 3);
    world_expect_type(world, before + 1, "io.tillwire.capture.gap");
    assert_true(world_has_customer(world, before + 2, OTHER_CARD));
    assert_false(world_has_customer(world, before + 3, CARD));
}

// P7: the tap starts anew while what it sent before could not be kept: told once, when there is room.
static void a_restart_of_the_tap_is_told_once_there_is_room(void **state)
{
    static const uint8_t other_boot[16] = {9};
    struct world *world = *state;
    uint64_t before = world_fill(world);
    world_hello(world, BOOT, 0);
    world_print_sale(world, "1001", "");
    world_settle(world);
    tw_loop_drain(world->loop);
    for (int i = 0; i < 2; i++) {
        world_hello(world, other_boot, 0);
        world_print_sale(world, "1002", "");
        world_settle(world);
        tw_loop_drain(world->loop);
    }
    world_empty(world, before);
    world_hello(world, other_boot, 0);
    world_print_sale(world, "1002", "");
    world_expect_events(world, before + 2);
    world_expect_type(world, before + 1, "io.tillwire.capture.gap");
    world_hello(world, other_boot, 0);
    world_print_sale(world, "1003", "");
    world_expect_events(world, before + 3);
}

// The line comes back while a commit is on its way: nothing is skipped, whatever becomes of it.
static void a_line_that_returns_during_a_commit_skips_nothing(void **state)
{
    struct world *world = *state;
    uint64_t before = world_fill(world);
    world_hello(world, BOOT, 0);
    world_print_sale(world, "1001", ""); // with the journal; the loop has not heard of it yet
    world_settle(world);
    world_hello(world, BOOT, 0);
    world_print_sale(world, "1002", "");
    world_settle(world);
    tw_loop_drain(world->loop);
    world_empty(world, before);
    world_hello(world, BOOT, 0);
    assert_int_equal(world->offset, 0);
    world_print_sale(world, "1001", "");
    world_print_sale(world, "1002", "");
    world_expect_events(world, before + 2);
}

// P7: a scanner cannot be asked again.
static void scans_without_room_are_told_of_later(void **state)
{
    struct world *world = *state;
    uint64_t before = world_fill(world);
    scan(world, CARD);
    scan(world, OTHER_CARD);
    world_settle(world);
    tw_loop_drain(world->loop);
    world_empty(world, before);
    scan(world, CARD);
    scan(world, OTHER_CARD);
    world_expect_events(world, before + 3);
    world_expect_type(world, before + 1, "io.tillwire.loyalty.scanned");
    world_expect_type(world, before + 2, "io.tillwire.capture.gap");
    tw_json *gap = world_event(world, before + 2);
    const tw_json *data = tw_json_get(gap, "data");
    assert_string_equal(tw_json_text(tw_json_get(data, "reason")), "quota");
    assert_string_equal(tw_json_text(tw_json_get(data, "detail")), "Scans that could not be kept: 2.");
    tw_json_free(gap);
}

// An API sale without room is told so, and takes nobody's place.
static void a_full_journal_refuses_requests(void **state)
{
    struct world *world = *state;
    uint64_t before = world_fill(world);
    scan(world, CARD);
    world_ask_sale(world, SALE_BODY("1001", "400"), "key");
    assert_int_equal(world->answer.error, TW_ERR_FULL);
    world_empty(world, before);
    world_ask_sale(world, SALE_BODY("1001", "400"), "key");
    assert_int_equal(world->answer.outcome, TW_OUTCOME_NEW);
    world_expect_events(world, before + 1);
    assert_true(world_has_customer(world, before + 1, CARD));
}

// ---- who stands there after a restart ----

static void stop_lane(void *ctx)
{
    tw_lane_stop(((struct world *)ctx)->lane);
}

// What is known is stored in the order in which it became known: a sale that waits its turn does not write
// over who was scanned meanwhile.
static void a_late_commit_leaves_who_was_scanned_since(void **state)
{
    struct world *world = *state;
    world_hello(world, BOOT, 0);
    world_print_sale(world, "1001", "");
    scan(world, CARD);
    world_print_sale(world, "1002", ""); // waits behind the first
    scan(world, OTHER_CARD);
    world_expect_events(world, 4);
    world_reopen(world);
    world_hello(world, BOOT, 0);
    world_print_sale(world, "1003", "");
    world_expect_events(world, 5);
    assert_true(world_has_customer(world, 4, CARD));
    assert_true(world_has_customer(world, 5, OTHER_CARD));
}

// P11: nor does it bring back somebody whose sale is over.
static void a_late_commit_brings_nobody_back(void **state)
{
    struct world *world = *state;
    uint64_t before = world_fill(world);
    world_hello(world, BOOT, 0);
    world_print_sale(world, "1001", "");
    scan(world, CARD);
    world_print_sale(world, "1002", "");
    world_settle(world);
    tw_loop_drain(world->loop);
    world_empty(world, before);
    scan(world, OTHER_CARD);
    world_hello(world, BOOT, 0);
    world_print_sale(world, "1001", "");
    world_print_sale(world, "1002", ""); // waits, and the other one still stands there
    world_ask_sale(world, SALE_BODY("2001", "400"), NULL);
    world_expect_events(world, before + 5); // scan, gap, three sales
    world_reopen(world);
    world_hello(world, BOOT, 0);
    world_print_sale(world, "1003", "");
    world_expect_events(world, before + 6);
    assert_false(world_has_customer(world, before + 6, OTHER_CARD));
}

// A paper that waits is read again after a restart: its customer is there then.
static void a_paper_that_waits_finds_its_customer_after_a_restart(void **state)
{
    struct world *world = *state;
    world_hello(world, BOOT, 0);
    world_print_sale(world, "1001", "");
    scan(world, CARD);
    world_print_sale(world, "1002", "");
    for (int i = 1; i < TW_TAP_FLOW_TOGETHER; i++) { // no room for more beside the second
        world_print(world, "STAFF NOTE\n");
        world_cut(world);
    }
    scan(world, OTHER_CARD);
    world_print_sale(world, "1003", "");
    world_settle(world);
    assert_int_equal(tw_loop_post(world->loop, stop_lane, world), TW_OK); // once the second is on its way
    tw_loop_drain(world->loop);
    world_reopen(world);
    world_expect_events(world, 3 + TW_TAP_FLOW_TOGETHER);
    world_hello(world, BOOT, 0);
    world_print_sale(world, "1003", "");
    world_expect_events(world, 4 + TW_TAP_FLOW_TOGETHER);
    assert_true(world_has_customer(world, 4, CARD));
    assert_true(world_has_customer(world, 4 + TW_TAP_FLOW_TOGETHER, OTHER_CARD));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_late_receipt_does_not_take_the_next_customer, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_repeat_leaves_the_next_customer_in_the_journal, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_correction_keeps_the_customer, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_refused_request_leaves_the_customer, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_full_journal_costs_no_sale, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(papers_that_wait_keep_their_customers, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_lost_paper_takes_its_customer_along, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_restart_of_the_tap_is_told_once_there_is_room, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_line_that_returns_during_a_commit_skips_nothing, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(scans_without_room_are_told_of_later, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_full_journal_refuses_requests, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_late_commit_leaves_who_was_scanned_since, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(a_late_commit_brings_nobody_back, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_paper_that_waits_finds_its_customer_after_a_restart, world_setup,
                                        world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
