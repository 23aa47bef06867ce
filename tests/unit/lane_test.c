// SPDX-License-Identifier: Apache-2.0
//
// agent/lane on a real journal, member store and receipt reader (tests/fakes/lane_world.h).
#include <unistd.h>

#include "tests/fakes/lane_world.h"

static const uint8_t BOOT[16] = {1, 2, 3, 4};
static const uint8_t OTHER_BOOT[16] = {9};

// ---- tests ----

// A scan identifies the next sale, and only that one; the card itself is nowhere.
static void a_scan_belongs_to_the_next_sale(void **state)
{
    struct world *world = *state;
    world_hello(world, BOOT, 0);
    tw_lane_scan(world->lane, "scanner", NULL, tw_slice_of(CARD), NULL, NULL);
    world_print_sale(world, "1001", "MEMBER ************9310");
    world_print_sale(world, "1002", "");
    world_expect_events(world, 3);
    world_expect_type(world, 1, "io.tillwire.loyalty.scanned");
    world_expect_type(world, 2, "io.tillwire.sale.completed");
    assert_true(world_has_customer(world, 2, CARD));
    assert_false(world_has_customer(world, 3, CARD));
}

static void a_scan_of_another_card_is_not_attached(void **state)
{
    struct world *world = *state;
    world_hello(world, BOOT, 0);
    tw_lane_scan(world->lane, "scanner", NULL, tw_slice_of(CARD), NULL, NULL);
    world_print_sale(world, "1001", "MEMBER ************0077");
    world_expect_events(world, 2);
    assert_false(world_has_customer(world, 2, CARD));
}

// The agent dies between scan and receipt: the identity was committed with the scan (P1).
static void an_identity_survives_a_restart(void **state)
{
    struct world *world = *state;
    tw_lane_scan(world->lane, "scanner", NULL, tw_slice_of(CARD), NULL, NULL);
    world_expect_events(world, 1);
    world_reopen(world);
    world_hello(world, BOOT, 0);
    world_print_sale(world, "1001", "");
    world_expect_events(world, 2);
    assert_true(world_has_customer(world, 2, CARD));
}

// P3: the position is committed with the events, so a restarted agent asks for what comes after.
static void bytes_are_read_once(void **state)
{
    struct world *world = *state;
    world_hello(world, BOOT, 0);
    world_print_sale(world, "", "no number here");
    uint64_t end = world->offset;
    world_expect_events(world, 1);
    world_reopen(world);
    world_hello(world, BOOT, 0);
    assert_true(world->offset > 0 && world->offset <= end);
    world_print_sale(world, "", "no number here");
    world_expect_events(world, 2); // the same paper without a number is another sale
}

static void a_receipt_printed_again_is_one_sale(void **state)
{
    struct world *world = *state;
    world_hello(world, BOOT, 0);
    world_print_sale(world, "1001", "");
    world_print_sale(world, "1001", "");
    world_print_sale(world, "1001", "*** COPY ***");
    world_print_sale(world, "1002", "");
    world_expect_events(world, 2);
    world_expect_type(world, 2, "io.tillwire.sale.completed");
}

// What the tap gave up and what a new boot cut short is told (P7).
static void losses_are_events(void **state)
{
    struct world *world = *state;
    world_hello(world, BOOT, 0);
    world_print_sale(world, "1001", "");
    tw_lane_tap_lost(world->tap, world->offset, world->offset + 500);
    world->offset += 500;
    world_print_sale(world, "1002", "");
    world_print(world, "SHOP OF TESTS\nCOFFEE 2.50\n");
    world_hello(world, OTHER_BOOT, 0);
    world_print_sale(world, "1003", "");
    world_expect_events(world, 6);
    world_expect_type(world, 1, "io.tillwire.sale.completed");
    world_expect_type(world, 2, "io.tillwire.capture.gap");
    world_expect_type(world, 3, "io.tillwire.sale.completed");
    world_expect_type(world, 4, "io.tillwire.capture.unparsed");
    world_expect_type(world, 5, "io.tillwire.capture.gap");
    world_expect_type(world, 6, "io.tillwire.sale.completed");
    tw_json *gap = world_event(world, 2);
    int64_t bytes = 0;
    assert_int_equal(tw_json_int(tw_json_get(tw_json_get(gap, "data"), "bytes"), &bytes), TW_OK);
    assert_int_equal(bytes, 500);
    tw_json_free(gap);
}

static void a_strange_store_number_is_told_once(void **state)
{
    struct world *world = *state;
    world_hello(world, BOOT, 0);
    world_print_sale(world, "1001", "Store 99");
    world_print_sale(world, "1002", "Store 99");
    world_print_sale(world, "1003", "Store 42");
    world_expect_events(world, 4);
    world_expect_type(world, 2, "io.tillwire.capture.drift");
}

static void other_paper_is_unparsed(void **state)
{
    struct world *world = *state;
    world_hello(world, BOOT, 0);
    world_print(world, "KITCHEN\n2 x SOUP\n1 x BREAD\n");
    world_cut(world);
    world_print_sale(world, "1001", "");
    world_expect_events(world, 2);
    world_expect_type(world, 1, "io.tillwire.capture.unparsed");
}

// ---- requests ----

static void requests_are_idempotent(void **state)
{
    static const char body[] =
        "{\"kind\":\"sale\",\"total\":400,\"lines\":[{\"kind\":\"item\",\"description\":\"TEA\",\"quantity\":"
        "\"1\","
        "\"amount\":400}],\"tenders\":[{\"type\":\"cash\",\"amount\":400}],\"card\":\"" CARD "\"}";
    static const char other[] = "{\"kind\":\"sale\",\"total\":500,\"lines\":[{\"kind\":\"item\","
                                "\"description\":\"TEA\",\"quantity\":\"1\","
                                "\"amount\":500}],\"tenders\":[{\"type\":\"cash\",\"amount\":500}]}";
    struct world *world = *state;
    char first[37];
    world_ask_sale(world, body, "key-1");
    assert_int_equal(world->answer.error, TW_OK);
    assert_int_equal(world->answer.outcome, TW_OUTCOME_NEW);
    (void)snprintf(first, sizeof first, "%s", world->id);
    world_ask_sale(world, body, "key-1");
    assert_int_equal(world->answer.outcome, TW_OUTCOME_REPEAT);
    assert_string_equal(world->id, first);
    world_ask_sale(world, other, "key-1");
    assert_int_equal(world->answer.error, TW_ERR_MISMATCH);
    world_ask_sale(world, body, "key-2");
    assert_int_equal(world->answer.outcome, TW_OUTCOME_NEW);
    world_expect_events(world, 2);
    assert_true(world_has_customer(world, 1, CARD));
}

// P3: the same sale from the till's API and from its receipt is one event.
static void two_witnesses_are_one_sale(void **state)
{
    static const char body[] =
        "{\"kind\":\"sale\",\"receipt_number\":\"1001\",\"business_day\":\"2026-11-22\",\"total\":400,"
        "\"lines\":["
        "{\"kind\":\"item\",\"description\":\"COFFEE\",\"quantity\":\"1\",\"amount\":250},"
        "{\"kind\":\"item\",\"description\":\"TEA\",\"quantity\":\"1\",\"amount\":150}],"
        "\"tenders\":[{\"type\":\"cash\",\"amount\":500}],\"change\":100}";
    struct world *world = *state;
    world_hello(world, BOOT, 0);
    world_print_sale(world, "1001", "");
    world_expect_events(world, 1);
    world_ask_sale(world, body, NULL);
    assert_int_equal(world->answer.error, TW_OK);
    assert_int_equal(world->answer.outcome, TW_OUTCOME_REPEAT);
    world_expect_events(world, 1);
}

static void member_answered(void *ctx, const struct tw_lane_member *member)
{
    struct world *world = ctx;
    world->member = *member;
    tw_loop_stop(world->loop);
}

static void ask_member(struct world *world, const char *card)
{
    const struct tw_lane_asker asker = {.by = "17", .via = "desk"};
    tw_lane_lookup(world->lane, tw_slice_of(card), &asker, member_answered, world);
    assert_int_equal(tw_loop_run(world->loop), TW_OK);
}

static void wait_for_members(struct world *world, uint64_t count)
{
    struct tw_members_stats stats = {0};
    for (int tries = 0; tries < 10000 && stats.count != count; tries++) {
        (void)usleep(1000);
        tw_members_stats(world->members, &stats);
    }
    assert_int_equal(stats.count, count);
}

// P10: a lookup says how old its answer is; who asked is an event.
static void lookups_are_answered_and_audited(void **state)
{
    struct world *world = *state;
    char pseudonym[TW_PSEUDONYM_LEN + 1];
    char page[512];
    ask_member(world, CARD);
    assert_false(world->member.member.found);
    assert_int_equal(world->member.age_s, -1);
    assert_int_equal(tw_seal_pseudonym(world->seal, "club", CARD, pseudonym), TW_OK);
    (void)snprintf(
        page, sizeof page,
        "{\"version\":1,\"base\":0,\"page\":1,\"pages\":1,\"members\":[{\"pseudonym\":\"%s\",\"scheme\":"
        "\"club\",\"tier\":\"gold\",\"points\":1240}],\"gone\":[]}",
        pseudonym);
    assert_int_equal(tw_members_apply(world->members, tw_slice_of(page)), TW_OK);
    wait_for_members(world, 1); // lookups overtake pages
    ask_member(world, CARD);
    assert_int_equal(world->member.error, TW_OK);
    assert_true(world->member.member.found);
    assert_string_equal(world->member.member.tier, "gold");
    assert_int_equal(world->member.member.points, 1240);
    assert_true(world->member.age_s >= 0 && world->member.age_s < 60);
    ask_member(world, "4111111111111111");
    assert_int_equal(world->member.error, TW_ERR_REFUSED);
    ask_member(world, "hello");
    assert_int_equal(world->member.error, TW_ERR_INVALID);
    world_expect_events(world, 2);
    tw_json *audit = world_event(world, 2);
    assert_string_equal(tw_json_text(tw_json_get(tw_json_get(audit, "data"), "asked_by")), "17");
    tw_json_free(audit);
}

static void payment_cards_are_refused(void **state)
{
    struct world *world = *state;
    tw_lane_scan(world->lane, "scanner", NULL, tw_slice_of("4111111111111111"), world_answered, world);
    assert_int_equal(tw_loop_run(world->loop), TW_OK);
    assert_int_equal(world->answer.error, TW_ERR_REFUSED);
    tw_lane_scan(world->lane, "scanner", NULL, tw_slice_of("4006381333931"), world_answered, world);
    assert_int_equal(tw_loop_run(world->loop), TW_OK);
    assert_int_equal(world->answer.error, TW_ERR_NOT_FOUND);
}

// P3: papers that were read while another was at the journal are committed together, each with its customer.
static void papers_that_wait_go_together(void **state)
{
    struct world *world = *state;
    struct tw_journal_stats stats;
    world_hello(world, BOOT, 0);
    for (int i = 0; i < 40; i++) {
        char number[12];
        (void)snprintf(number, sizeof number, "%d", 1001 + i);
        if (i % 10 == 5) {
            tw_lane_scan(world->lane, "scanner", NULL, tw_slice_of(i % 20 == 5 ? CARD : OTHER_CARD), NULL,
                         NULL);
        }
        world_print_sale(world, number, "");
    }
    world_expect_events(world, 44);
    tw_journal_stats(world->journal, &stats);
    assert_true(stats.commits < 20);
    for (uint64_t i = 1; i <= 44; i++) {
        tw_json *event = world_event(world, i);
        const char *type = tw_json_text(tw_json_get(event, "type"));
        const char *number = tw_json_text(tw_json_get(tw_json_get(event, "data"), "receipt_number"));
        if (strcmp(type, "io.tillwire.sale.completed") == 0) {
            assert_int_equal(world_has_customer(world, i, CARD),
                             strcmp(number, "1006") == 0 || strcmp(number, "1026") == 0);
            assert_int_equal(world_has_customer(world, i, OTHER_CARD),
                             strcmp(number, "1016") == 0 || strcmp(number, "1036") == 0);
        }
        tw_json_free(event);
    }
}

// Larger than an event may be.
static void print_huge_sale(struct world *world)
{
    world_print(world, "SHOP OF TESTS\nReceipt 1001\n2026-11-22 10:15\n");
    for (int i = 0; i < 900; i++) {
        char line[64];
        (void)snprintf(line, sizeof line, "ARTICLE OF THIS LONG LIST %04d 1.00\n", i);
        world_print(world, line);
    }
    world_print(world, "TOTAL 900.00\nCASH 900.00\n");
    world_cut(world);
}

// A sale larger than an event is told of, and its customer is not the next one's.
static void a_huge_sale_is_told_of_and_passed(void **state)
{
    struct world *world = *state;
    world_hello(world, BOOT, 0);
    tw_lane_scan(world->lane, "scanner", NULL, tw_slice_of(CARD), NULL, NULL);
    print_huge_sale(world);
    world_print_sale(world, "1002", "");
    world_expect_events(world, 3);
    world_expect_type(world, 2, "io.tillwire.capture.unparsed");
    assert_false(world_has_customer(world, 3, CARD));
    world_reopen(world);
    world_hello(world, BOOT, 0);
    world_print_sale(world, "1003", "");
    world_expect_events(world, 4);
    assert_false(world_has_customer(world, 4, CARD));
}

// P1, P3: one that cannot be kept takes those that were submitted with it back; all are read again, and
// nothing is kept before it.
static void a_huge_sale_among_others_costs_none_of_them(void **state)
{
    struct world *world = *state;
    world_hello(world, BOOT, 0);
    world_print_sale(world, "1001", "");
    uint64_t first_end = world->offset;
    print_huge_sale(world); // waits, as those behind it do
    world_print_sale(world, "1002", "");
    world_print_sale(world, "1003", "");
    world_expect_events(world, 1);
    struct tw_buf nothing = {0};
    assert_int_equal(tw_journal_lane(world->journal, "", &nothing), TW_OK); // the journal is through
    tw_loop_drain(world->loop);
    world_expect_events(world, 1);
    world_hello(world, BOOT, 0);
    assert_true(world->offset > 0 && world->offset <= first_end);
    print_huge_sale(world);
    world_print_sale(world, "1002", "");
    world_print_sale(world, "1003", "");
    world_expect_events(world, 4);
    world_expect_type(world, 2, "io.tillwire.capture.unparsed");
    world_expect_type(world, 4, "io.tillwire.sale.completed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_scan_belongs_to_the_next_sale, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_scan_of_another_card_is_not_attached, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(an_identity_survives_a_restart, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(bytes_are_read_once, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_receipt_printed_again_is_one_sale, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(papers_that_wait_go_together, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_huge_sale_is_told_of_and_passed, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_huge_sale_among_others_costs_none_of_them, world_setup,
                                        world_teardown),
        cmocka_unit_test_setup_teardown(losses_are_events, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(a_strange_store_number_is_told_once, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(other_paper_is_unparsed, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(requests_are_idempotent, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(two_witnesses_are_one_sale, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(lookups_are_answered_and_audited, world_setup, world_teardown),
        cmocka_unit_test_setup_teardown(payment_cards_are_refused, world_setup, world_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
