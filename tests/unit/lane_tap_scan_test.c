// SPDX-License-Identifier: Apache-2.0
//
// Scans of a tap's own scanner among its receipts: each is an event once, and each receipt has the customer
// who was scanned before it, across lines, agents and taps that start anew and a journal without room.
#include <limits.h>

#include "tests/fakes/lane_world.h"

static const uint8_t BOOT[16] = {1, 2, 3, 4};
static const uint8_t NEXT_BOOT[16] = {5};

#define NEXT_CARD "6009200000000012"
#define SALE                                                                                                 \
    "{\"kind\":\"sale\",\"total\":400,\"lines\":[{\"kind\":\"item\",\"description\":\"TEA\","                \
    "\"quantity\":\"1\",\"amount\":400}],\"tenders\":[{\"type\":\"cash\",\"amount\":400}]}"

static bool no_seal;               // tw_seal_pseudonym has no memory
static int commits_left = INT_MAX; // before the agent is killed: what is submitted then leaves no trace

// The linker puts them in the place of what they wrap (agent/lane/CMakeLists.txt).
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
int __real_tw_seal_pseudonym(struct tw_seal *seal, const char *scheme, const char *identifier, char *out);
int __wrap_tw_seal_pseudonym(struct tw_seal *seal, const char *scheme, const char *identifier, char *out);
int __wrap_tw_seal_pseudonym(struct tw_seal *seal, const char *scheme, const char *identifier, char *out)
{
    return no_seal ? TW_ERR_NOMEM : __real_tw_seal_pseudonym(seal, scheme, identifier, out);
}
int __real_tw_journal_submit(struct tw_journal *journal, struct tw_batch *batch, tw_journal_done_fn *done,
                             void *ctx);
int __wrap_tw_journal_submit(struct tw_journal *journal, struct tw_batch *batch, tw_journal_done_fn *done,
                             void *ctx);
int __wrap_tw_journal_submit(struct tw_journal *journal, struct tw_batch *batch, tw_journal_done_fn *done,
                             void *ctx)
{
    if (commits_left == 0) {
        tw_batch_free(batch);
        return TW_ERR_CLOSED;
    }
    commits_left--;
    return __real_tw_journal_submit(journal, batch, done, ctx);
}
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

static void go_on(struct world *world)
{
    world_settle(world);
    tw_loop_drain(world->loop);
}

static bool is_text(const tw_json *object, const char *name, const char *text)
{
    const char *value = tw_json_text(tw_json_get(object, name));
    return value != NULL && strcmp(value, text) == 0;
}

// The same as any scanner's, but for the device.
static void a_scan_of_a_tap_is_a_scan(void **state)
{
    struct world *world = *state;
    world_hello(world, BOOT, 0);
    world_tap_scan(world, 1, CARD);
    world_print_sale(world, "1001", "");
    world_expect_events(world, 2);
    world_expect_type(world, 1, "io.tillwire.loyalty.scanned");
    assert_true(world_has_customer(world, 2, CARD));
    tw_json *event = world_event(world, 1);
    const tw_json *data = tw_json_get(event, "data");
    assert_true(is_text(data, "device", "printer") && is_text(data, "workstation", "07"));
    assert_true(is_text(data, "scheme", "club"));
    tw_json_free(event);
}

// P6: what is no loyalty card leaves no event, and what may be a payment card is counted apart.
static void other_codes_are_counted_only(void **state)
{
    struct world *world = *state;
    struct tw_buf metrics = {0};
    world_hello(world, BOOT, 0);
    world_tap_scan(world, 1, "]E05449000000996");
    world_tap_scan(world, 2, "4111111111111111");
    world_tap_scan(world, 3, "");
    world_tap_scan(world, 4, CARD);
    world_tap_scan(world, 4, CARD); // told again
    world_expect_events(world, 1);
    tw_loop_drain(world->loop);
    tw_metrics_write(world->metrics, &metrics);
    tw_buf_add(&metrics, "", 1);
    const char *text = (const char *)metrics.ptr;
    assert_non_null(strstr(text, "tillwire_scans_total{device=\"printer\",result=\"ignored\"} 2"));
    assert_non_null(strstr(text, "tillwire_scans_total{device=\"printer\",result=\"refused\"} 1"));
    assert_non_null(strstr(text, "tillwire_scans_total{device=\"printer\",result=\"loyalty\"} 1"));
    tw_buf_free(&metrics);
}

// P3: after each restart of the agent the tap tells again what was not acknowledged.
static void p3_each_scan_once_across_restarts(void **state)
{
    struct world *world = *state;
    world_hello(world, BOOT, 0);
    world_tap_scan(world, 1, CARD);
    world_expect_events(world, 1);
    world_reopen(world); // before the receipt
    world_hello(world, BOOT, 0);
    world_tap_scan(world, 1, CARD);
    world_print_sale(world, "1001", "");
    world_tap_scan(world, 2, OTHER_CARD);
    world_expect_events(world, 3);
    assert_true(world_has_customer(world, 2, CARD));
    world_reopen(world);
    world_hello(world, BOOT, 0);
    world_tap_scan(world, 1, CARD);
    world_tap_scan(world, 2, OTHER_CARD);
    world_print_sale(world, "1002", "");
    world_expect_events(world, 4);
    assert_true(world_has_customer(world, 4, OTHER_CARD));
    world_hello(world, NEXT_BOOT, 0);
    world_tap_scan(world, 1, CARD); // another boot counts anew
    world_print_sale(world, "1003", "");
    world_expect_events(world, 6);
    assert_true(world_has_customer(world, 6, CARD));
}

// A tap that nobody listened to for long: whoever was scanned before a receipt is its customer.
static void p3_a_backlog_keeps_who_belongs_to_what(void **state)
{
    struct world *world = *state;
    static const char *const cards[] = {CARD, OTHER_CARD, NEXT_CARD};
    char number[8];
    world_hello(world, BOOT, 0);
    for (unsigned i = 0; i < 12; i++) { // at once
        (void)snprintf(number, sizeof number, "%u", 1001 + i);
        world_tap_scan(world, 1 + i, cards[i % 3]);
        world_print_sale(world, number, "");
    }
    world_expect_events(world, 24);
    for (unsigned i = 0; i < 12; i++) {
        world_expect_type(world, 1 + 2 * i, "io.tillwire.loyalty.scanned");
        assert_true(world_has_customer(world, 2 + 2 * i, cards[i % 3]));
    }
}

// The next customer was scanned after a pause, and no receipt had followed the last: by the tap's clock it
// was complete.
static void a_pause_in_a_backlog_ends_a_receipt(void **state)
{
    struct world *world = *state;
    world->tap_us = 1000000;
    world_hello(world, BOOT, 0);
    world_tap_scan(world, 1, CARD);
    world_print(world, "SHOP OF TESTS\nReceipt 1001\n2026-11-22 10:15\nCOFFEE 2.50\nTEA 1.50\nTOTAL 4.00\n"
                       "CASH 5.00\nCHANGE 1.00\n\n\n");
    world->tap_us += 3000000;
    world_tap_scan(world, 2, OTHER_CARD);
    world_expect_events(world, 3);
    world_expect_type(world, 2, "io.tillwire.sale.completed");
    assert_true(world_has_customer(world, 2, CARD));
    world_print_sale(world, "1002", "");
    world_expect_events(world, 4);
    assert_true(world_has_customer(world, 4, OTHER_CARD));
}

// The paper was cut, and nothing has followed yet. The sale might still learn its time, but not its customer.
static void a_cut_ends_a_receipt_for_who_is_scanned_next(void **state)
{
    static const char *const cards[] = {CARD, OTHER_CARD, NEXT_CARD};
    struct world *world = *state;
    world_hello(world, BOOT, 0);
    for (unsigned i = 0; i < 3; i++) {
        char text[256];
        (void)snprintf(text, sizeof text,
                       "SHOP OF TESTS\nReceipt 100%u\nCOFFEE 2.50\nTEA 1.50\nTOTAL 4.00\n"
                       "CASH 5.00\nCHANGE 1.00\n\n\x1d"
                       "V1",
                       i);
        world_tap_scan(world, 1 + i, cards[i]);
        world_print(world, text);
    }
    world_tap_scan(world, 4, CARD);
    world_expect_events(world, 7);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(world_has_customer(world, 2 + 2 * i, cards[i]));
    }
}

static void a_card_of_an_hour_before_is_nobodys(void **state)
{
    struct world *world = *state;
    world->tap_us = 1000000;
    world_hello(world, BOOT, 0);
    world_tap_scan(world, 1, CARD);
    world_hello(world, BOOT, 0); // the line broke meanwhile
    world->tap_us += UINT64_C(3600000000);
    world_print_sale(world, "1001", "");
    world_expect_events(world, 2);
    assert_false(world_has_customer(world, 2, CARD));
}

// P1, P3: what has no room is told again, and a card identifies nobody a second time.
static void p1_scans_wait_for_room_with_their_receipts(void **state)
{
    struct world *world = *state;
    uint64_t before = world_fill(world);
    static const char *const cards[] = {CARD, OTHER_CARD, NEXT_CARD};
    static const char *const numbers[] = {"1001", "1002", "1003"};
    for (unsigned turn = 0; turn < 3; turn++) {
        world_hello(world, BOOT, 0);
        for (unsigned i = 0; i < 3; i++) {
            world_tap_scan(world, 1 + i, cards[i]);
            world_print_sale(world, numbers[i], "");
        }
        go_on(world);
        if (turn == 1) {
            assert_int_equal(world_stats_of(world).next_sequence, before + 1);
            world_empty(world, before);
        }
    }
    world_print_sale(world, "1004", "");
    world_expect_events(world, before + 7);
    for (unsigned i = 0; i < 3; i++) {
        world_expect_type(world, before + 1 + 2 * i, "io.tillwire.loyalty.scanned");
        assert_true(world_has_customer(world, before + 2 + 2 * i, cards[i]));
        assert_false(world_has_customer(world, before + 7, cards[i]));
    }
}

// P1: the tap still holds a scan that could not be sealed, and tells it again.
static void p1_a_scan_that_cannot_be_sealed_is_told_again(void **state)
{
    struct world *world = *state;
    world_hello(world, BOOT, 0);
    no_seal = true;
    world_tap_scan(world, 1, CARD);
    no_seal = false;
    go_on(world);
    assert_int_equal(world_stats_of(world).next_sequence, 1);
    world_hello(world, BOOT, 0);
    world_tap_scan(world, 1, CARD);
    go_on(world);
    assert_int_equal(world_stats_of(world).next_sequence, 2);
    world_print_sale(world, "1001", "");
    world_expect_events(world, 2);
    world_expect_type(world, 1, "io.tillwire.loyalty.scanned");
    assert_true(world_has_customer(world, 2, CARD));
}

// What came before the journal was full is told again, by the same clock.
static void p3_a_customer_outlasts_a_long_time_without_room(void **state)
{
    struct world *world = *state;
    uint64_t before = world_fill(world);
    for (unsigned turn = 0; turn < 2; turn++) {
        world->tap_us = 1000000;
        world_hello(world, BOOT, 0);
        world_tap_scan(world, 1, CARD);
        world_print_sale(world, "1001", "");
        world->tap_us += UINT64_C(31) * 60 * 1000000;
        world_tap_scan(world, 2, OTHER_CARD);
        go_on(world);
        if (turn == 0) {
            assert_int_equal(world_stats_of(world).next_sequence, before + 1);
            world_empty(world, before);
        }
    }
    world_print_sale(world, "1002", "");
    world_expect_events(world, before + 4);
    assert_true(world_has_customer(world, before + 2, CARD));
    assert_true(world_has_customer(world, before + 4, OTHER_CARD));
}

// The scan is committed before its sale, and the agent is killed between the two. Both wait for room before,
// so that the sale has taken its customer already when the scan is committed.
static void p3_a_crash_between_a_scan_and_its_sale(void **state)
{
    struct world *world = *state;
    uint64_t before = world_fill(world);
    for (unsigned turn = 0; turn < 3; turn++) {
        world_hello(world, BOOT, 0);
        world_tap_scan(world, 1, CARD);
        world_print_sale(world, "1001", "");
        go_on(world);
        assert_int_equal(world_stats_of(world).next_sequence, before + 1 + turn);
        if (turn == 0) {
            world_empty(world, before);
            commits_left = 1;
        } else {
            commits_left = INT_MAX;
            world_reopen(world);
        }
    }
    world_expect_type(world, before + 1, "io.tillwire.loyalty.scanned");
    assert_true(world_has_customer(world, before + 2, CARD));
}

static void tell_old_scan(struct world *world, uint64_t number)
{
    const struct tw_tap_scan scan = {.number = number,
                                     .time_us = world->tap_us,
                                     .age_ms = INT64_C(40) * 60 * 1000,
                                     .code = tw_slice_of(CARD)};
    tw_lane_tap_scan(world->tap, &scan);
}

// The half hour counts from the scan. The tap's own papers are as old as it is.
static void an_old_scan_is_nobody_for_other_devices(void **state)
{
    struct world *world = *state;
    world->tap_us = 1000000;
    world_hello(world, BOOT, 0);
    tell_old_scan(world, 1);
    world_ask_sale(world, SALE, NULL);
    world_expect_events(world, 2);
    assert_false(world_has_customer(world, 2, CARD));
    tell_old_scan(world, 2);
    world->tap_us += UINT64_C(60000000);
    world_print_sale(world, "1001", "");
    world_expect_events(world, 4);
    assert_true(world_has_customer(world, 4, CARD));
    tell_old_scan(world, 3);
    world_expect_events(world, 5);
    world_reopen(world);
    world_ask_sale(world, SALE, NULL);
    world_expect_events(world, 6);
    assert_false(world_has_customer(world, 6, CARD));
}

// Whoever paid at another device meanwhile is not who stands there after the next restart.
static void a_scan_told_again_does_not_name_who_has_paid(void **state)
{
    struct world *world = *state;
    uint64_t before = world_fill(world);
    world_hello(world, BOOT, 0);
    world_tap_scan(world, 1, CARD);
    go_on(world);
    world_empty(world, before);
    world_ask_sale(world, SALE, NULL);
    world_hello(world, BOOT, 0);
    world_tap_scan(world, 1, CARD);
    world_expect_events(world, before + 2);
    assert_true(world_has_customer(world, before + 1, CARD));
    world_reopen(world);
    world_ask_sale(world, SALE, NULL);
    world_expect_events(world, before + 3);
    assert_false(world_has_customer(world, before + 3, CARD));
}

// P7.
static void p7_scans_the_tap_gave_up_are_told_of(void **state)
{
    struct world *world = *state;
    world_hello(world, BOOT, 0);
    tw_lane_tap_scans_lost(world->tap, 1, 8);
    world_tap_scan(world, 8, CARD);
    tw_lane_tap_scans_lost(world->tap, 1, 8); // on a new line
    world_expect_events(world, 2);
    tw_json *event = world_event(world, 1);
    const tw_json *data = tw_json_get(event, "data");
    assert_true(is_text(event, "type", "io.tillwire.capture.gap") && is_text(data, "reason", "tap_overrun"));
    assert_true(is_text(data, "detail", "Scans that the tap had no more room for: 7."));
    tw_json_free(event);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_scan_of_a_tap_is_a_scan),
        TEST(other_codes_are_counted_only),
        TEST(p3_each_scan_once_across_restarts),
        TEST(p3_a_backlog_keeps_who_belongs_to_what),
        TEST(a_pause_in_a_backlog_ends_a_receipt),
        TEST(a_cut_ends_a_receipt_for_who_is_scanned_next),
        TEST(a_card_of_an_hour_before_is_nobodys),
        TEST(p1_scans_wait_for_room_with_their_receipts),
        TEST(p1_a_scan_that_cannot_be_sealed_is_told_again),
        TEST(p3_a_customer_outlasts_a_long_time_without_room),
        TEST(p3_a_crash_between_a_scan_and_its_sale),
        TEST(an_old_scan_is_nobody_for_other_devices),
        TEST(a_scan_told_again_does_not_name_who_has_paid),
        TEST(p7_scans_the_tap_gave_up_are_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
