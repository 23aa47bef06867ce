// SPDX-License-Identifier: Apache-2.0
//
// agent/lane on a real journal, member store and receipt reader; only the device is played by hand.
// What is asserted is what the journal would publish.
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <sys/stat.h>

#include "agent/lane/parts.h"
#include "tillwire/json.h"
#include "tillwire/supervise.h"
#include "tillwire/tap_link.h"

#define CARD "6009200000009310"

static const uint8_t BOOT[16] = {1, 2, 3, 4};
static const uint8_t OTHER_BOOT[16] = {9};

struct world {
    char folder[64];
    struct tw_config *config;
    struct tw_seal *seal;
    struct tw_scan_rules *rules;
    struct tw_clock *clock;
    struct tw_metrics *metrics;
    struct tw_loop *loop;
    struct tw_journal *journal;
    struct tw_members *members;
    struct tw_lane *lane;
    struct tw_lane_tap *tap;
    uint64_t offset; // of the tap's stream
    atomic_int answers;
    struct tw_lane_answer answer;
    struct tw_lane_member member;
    char id[37];
    struct tw_rows *rows;
};

// ---- the world ----

static void put(const struct world *world, const char *name, const char *text, mode_t mode)
{
    char path[256];
    (void)snprintf(path, sizeof path, "%s/%s", world->folder, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void open_world(struct world *world)
{
    struct tw_error_text err = {0};
    char path[256];
    (void)snprintf(path, sizeof path, "%s/tillwire.yaml", world->folder);
    if (tw_config_load(path, &world->config, &err) != TW_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(tw_seal_new(&world->seal, &err), TW_OK);
    assert_int_equal(tw_seal_load_key(world->seal, world->config->loyalty.pseudonym_key, &err), TW_OK);
    assert_int_equal(tw_scan_rules_new(world->config->loyalty.cards, world->config->loyalty.card_count,
                                       &world->rules, &err),
                     TW_OK);
    world->clock = tw_supervise_clock_new();
    world->metrics = tw_metrics_new();
    assert_int_equal(tw_loop_new(&world->loop), TW_OK);
    char journal[256];
    char members[256];
    (void)snprintf(journal, sizeof journal, "%s/journal.db", world->folder);
    (void)snprintf(members, sizeof members, "%s/members.db", world->folder);
    const struct tw_journal_options journal_options = {.path = journal,
                                                       .source = "/acme/0042/07",
                                                       .clock = world->clock,
                                                       .seal = world->seal,
                                                       .merge = tw_lane_merge};
    if (tw_journal_open(&journal_options, &world->journal, &err) != TW_OK) {
        fail_msg("%s", err.text);
    }
    const struct tw_members_options member_options = {.path = members, .clock = world->clock};
    assert_int_equal(tw_members_open(&member_options, &world->members, &err), TW_OK);
    const struct tw_lane_options options = {.config = world->config,
                                            .config_path = path,
                                            .rules = world->rules,
                                            .clock = world->clock,
                                            .loop = world->loop,
                                            .journal = world->journal,
                                            .members = world->members,
                                            .seal = world->seal,
                                            .metrics = world->metrics};
    if (tw_lane_new(&options, &world->lane, &err) != TW_OK) {
        fail_msg("%s", err.text);
    }
    world->tap = tw_lane_tap_named(world->lane, "printer");
    assert_non_null(world->tap);
}

static void close_world(struct world *world)
{
    tw_lane_stop(world->lane);
    tw_members_close(world->members);
    tw_loop_drain(world->loop);
    tw_journal_close(world->journal);
    tw_loop_drain(world->loop);
    tw_lane_free(world->lane);
    tw_loop_free(world->loop);
    tw_metrics_free(world->metrics);
    tw_supervise_clock_free(world->clock);
    tw_scan_rules_free(world->rules);
    tw_seal_free(world->seal);
    tw_config_free(world->config);
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    (void)snprintf(world->folder, sizeof world->folder, "/tmp/tw-lane-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    put(world, "tillwire.yaml",
        "tenant: acme\nstore: \"0042\"\nterminal: \"07\"\ncurrency: EUR\ntimezone: Europe/Berlin\n"
        "state_dir: .\nrun_dir: .\n"
        "devices:\n  - {name: printer, class: tap, transport: tcp, listen: \"127.0.0.1:0\", forward: "
        "\"127.0.0.1:1\"}\n"
        "loyalty:\n  pseudonym_key: k\n  cards: [{scheme: club, pattern: '^6009200\\d{9}$', check: luhn}]\n"
        "uplink: {url: \"mqtts://127.0.0.1:1\", ca: a, cert: b, key: c}\n",
        0600);
    put(world, "k", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", 0600);
    assert_int_equal(setenv("TZ", "Europe/Berlin", 1), 0);
    open_world(world);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    close_world(world);
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", world->folder);
    int rc = system(command); // NOLINT(cert-env33-c): a test's own temporary folder
    free(world);
    return rc;
}

static void reopen(struct world *world)
{
    close_world(world);
    open_world(world);
}

// ---- playing a till ----

static void hello(struct world *world, const uint8_t boot[16], uint64_t first)
{
    world->offset = tw_lane_tap_hello(world->tap, boot, first, first);
}

static void print(struct world *world, const char *text)
{
    struct tw_slice bytes = tw_slice_of(text);
    tw_lane_tap_bytes(world->tap, world->offset, bytes);
    world->offset += bytes.len;
}

static void cut(struct world *world)
{
    tw_lane_tap_bytes(world->tap, world->offset, tw_slice_make("\x1dV\x00\x1b@", 5));
    world->offset += 5;
}

static void print_sale(struct world *world, const char *number, const char *extra)
{
    char text[1024];
    (void)snprintf(
        text, sizeof text,
        "SHOP OF TESTS\nReceipt %s\n2026-11-22 10:15\nCOFFEE 2.50\nTEA 1.50\nTOTAL 4.00\nCASH 5.00\n"
        "CHANGE 1.00\n%s\n",
        number, extra);
    print(world, text);
    cut(world);
}

// ---- looking at the journal ----

static void stop_when_read(void *ctx)
{
    tw_loop_stop(((struct world *)ctx)->loop);
}

static void take_rows(void *ctx, struct tw_rows *rows)
{
    struct world *world = ctx;
    tw_rows_free(world->rows);
    world->rows = rows;
    assert_int_equal(tw_loop_post(world->loop, stop_when_read, world), TW_OK);
}

// Runs the loop until the journal holds `sequence`, which is then the first of world->rows. The first read
// after opening begins at the first row, wherever it was asked to.
static void read_row(struct world *world, uint64_t sequence)
{
    do {
        assert_int_equal(tw_journal_read(world->journal, sequence, 1, take_rows, world), TW_OK);
        assert_int_equal(tw_loop_run(world->loop), TW_OK);
    } while (world->rows->rows[0].sequence < sequence);
    assert_int_equal(world->rows->rows[0].sequence, sequence);
}

static void drop_rows(struct world *world)
{
    tw_rows_free(world->rows);
    world->rows = NULL;
}

// Waits for event `count` and checks that the journal holds no other one.
static void expect_events(struct world *world, uint64_t count)
{
    struct tw_journal_stats stats = {0};
    read_row(world, count);
    drop_rows(world);
    tw_journal_stats(world->journal, &stats);
    assert_int_equal(stats.next_sequence, count + 1);
}

// The event as published; free with tw_json_free.
static tw_json *event(struct world *world, uint64_t sequence)
{
    tw_json *json = NULL;
    read_row(world, sequence);
    assert_int_equal(tw_json_parse(world->rows->rows[0].bytes, &json, NULL), TW_OK);
    drop_rows(world);
    return json;
}

static void expect_type(struct world *world, uint64_t sequence, const char *type)
{
    tw_json *json = event(world, sequence);
    assert_string_equal(tw_json_text(tw_json_get(json, "type")), type);
    tw_json_free(json);
}

static bool has_customer(struct world *world, uint64_t sequence)
{
    char expected[TW_PSEUDONYM_LEN + 1];
    tw_json *json = event(world, sequence);
    assert_int_equal(tw_seal_pseudonym(world->seal, "club", CARD, expected), TW_OK);
    const char *found =
        tw_json_text(tw_json_get(tw_json_get(tw_json_get(json, "data"), "customer"), "pseudonym"));
    bool same = found != NULL && strcmp(found, expected) == 0;
    tw_json_free(json);
    return same;
}

// ---- tests ----

// A scan identifies the next sale, and only that one; the card itself is nowhere.
static void a_scan_belongs_to_the_next_sale(void **state)
{
    struct world *world = *state;
    hello(world, BOOT, 0);
    tw_lane_scan(world->lane, "scanner", NULL, tw_slice_of(CARD), NULL, NULL);
    print_sale(world, "1001", "MEMBER ************9310");
    print_sale(world, "1002", "");
    expect_events(world, 3);
    expect_type(world, 1, "io.tillwire.loyalty.scanned");
    expect_type(world, 2, "io.tillwire.sale.completed");
    assert_true(has_customer(world, 2));
    assert_false(has_customer(world, 3));
}

static void a_scan_of_another_card_is_not_attached(void **state)
{
    struct world *world = *state;
    hello(world, BOOT, 0);
    tw_lane_scan(world->lane, "scanner", NULL, tw_slice_of(CARD), NULL, NULL);
    print_sale(world, "1001", "MEMBER ************0077");
    expect_events(world, 2);
    assert_false(has_customer(world, 2));
}

// The agent dies between scan and receipt: the identity was committed with the scan (P1).
static void an_identity_survives_a_restart(void **state)
{
    struct world *world = *state;
    tw_lane_scan(world->lane, "scanner", NULL, tw_slice_of(CARD), NULL, NULL);
    expect_events(world, 1);
    reopen(world);
    hello(world, BOOT, 0);
    print_sale(world, "1001", "");
    expect_events(world, 2);
    assert_true(has_customer(world, 2));
}

// P3: the position is committed with the events, so a restarted agent asks for what comes after.
static void bytes_are_read_once(void **state)
{
    struct world *world = *state;
    hello(world, BOOT, 0);
    print_sale(world, "", "no number here");
    uint64_t end = world->offset;
    expect_events(world, 1);
    reopen(world);
    hello(world, BOOT, 0);
    assert_true(world->offset > 0 && world->offset <= end);
    print_sale(world, "", "no number here");
    expect_events(world, 2); // the same paper without a number is another sale
}

static void a_receipt_printed_again_is_one_sale(void **state)
{
    struct world *world = *state;
    hello(world, BOOT, 0);
    print_sale(world, "1001", "");
    print_sale(world, "1001", "");
    print_sale(world, "1001", "*** COPY ***");
    print_sale(world, "1002", "");
    expect_events(world, 2);
    expect_type(world, 2, "io.tillwire.sale.completed");
}

// What the tap gave up and what a new boot cut short is told (P7).
static void losses_are_events(void **state)
{
    struct world *world = *state;
    hello(world, BOOT, 0);
    print_sale(world, "1001", "");
    tw_lane_tap_lost(world->tap, world->offset, world->offset + 500);
    world->offset += 500;
    print_sale(world, "1002", "");
    print(world, "SHOP OF TESTS\nCOFFEE 2.50\n");
    hello(world, OTHER_BOOT, 0);
    print_sale(world, "1003", "");
    expect_events(world, 6);
    expect_type(world, 1, "io.tillwire.sale.completed");
    expect_type(world, 2, "io.tillwire.capture.gap");
    expect_type(world, 3, "io.tillwire.sale.completed");
    expect_type(world, 4, "io.tillwire.capture.unparsed");
    expect_type(world, 5, "io.tillwire.capture.gap");
    expect_type(world, 6, "io.tillwire.sale.completed");
    tw_json *gap = event(world, 2);
    int64_t bytes = 0;
    assert_int_equal(tw_json_int(tw_json_get(tw_json_get(gap, "data"), "bytes"), &bytes), TW_OK);
    assert_int_equal(bytes, 500);
    tw_json_free(gap);
}

static void a_strange_store_number_is_told_once(void **state)
{
    struct world *world = *state;
    hello(world, BOOT, 0);
    print_sale(world, "1001", "Store 99");
    print_sale(world, "1002", "Store 99");
    print_sale(world, "1003", "Store 42");
    expect_events(world, 4);
    expect_type(world, 2, "io.tillwire.capture.drift");
}

static void other_paper_is_unparsed(void **state)
{
    struct world *world = *state;
    hello(world, BOOT, 0);
    print(world, "KITCHEN\n2 x SOUP\n1 x BREAD\n");
    cut(world);
    print_sale(world, "1001", "");
    expect_events(world, 2);
    expect_type(world, 1, "io.tillwire.capture.unparsed");
}

// ---- requests ----

static void answered(void *ctx, const struct tw_lane_answer *answer)
{
    struct world *world = ctx;
    world->answer = *answer;
    (void)snprintf(world->id, sizeof world->id, "%s", answer->id != NULL ? answer->id : "");
    atomic_fetch_add(&world->answers, 1);
    tw_loop_stop(world->loop);
}

static void ask_sale(struct world *world, const char *body, const char *key)
{
    struct tw_sale *sale = NULL;
    struct tw_error_text err = {0};
    if (tw_sale_from_request(tw_slice_of(body), world->rules, &sale, &err, NULL, 0) != TW_OK) {
        fail_msg("%s", err.text);
    }
    tw_lane_sale(world->lane, sale, key, tw_slice_of(body), answered, world);
    assert_int_equal(tw_loop_run(world->loop), TW_OK);
}

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
    ask_sale(world, body, "key-1");
    assert_int_equal(world->answer.error, TW_OK);
    assert_int_equal(world->answer.outcome, TW_OUTCOME_NEW);
    (void)snprintf(first, sizeof first, "%s", world->id);
    ask_sale(world, body, "key-1");
    assert_int_equal(world->answer.outcome, TW_OUTCOME_REPEAT);
    assert_string_equal(world->id, first);
    ask_sale(world, other, "key-1");
    assert_int_equal(world->answer.error, TW_ERR_MISMATCH);
    ask_sale(world, body, "key-2");
    assert_int_equal(world->answer.outcome, TW_OUTCOME_NEW);
    expect_events(world, 2);
    assert_true(has_customer(world, 1));
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
    hello(world, BOOT, 0);
    print_sale(world, "1001", "");
    expect_events(world, 1);
    ask_sale(world, body, NULL);
    assert_int_equal(world->answer.error, TW_OK);
    assert_int_equal(world->answer.outcome, TW_OUTCOME_REPEAT);
    expect_events(world, 1);
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
    expect_events(world, 2);
    tw_json *audit = event(world, 2);
    assert_string_equal(tw_json_text(tw_json_get(tw_json_get(audit, "data"), "asked_by")), "17");
    tw_json_free(audit);
}

static void payment_cards_are_refused(void **state)
{
    struct world *world = *state;
    tw_lane_scan(world->lane, "scanner", NULL, tw_slice_of("4111111111111111"), answered, world);
    assert_int_equal(tw_loop_run(world->loop), TW_OK);
    assert_int_equal(world->answer.error, TW_ERR_REFUSED);
    tw_lane_scan(world->lane, "scanner", NULL, tw_slice_of("4006381333931"), answered, world);
    assert_int_equal(tw_loop_run(world->loop), TW_OK);
    assert_int_equal(world->answer.error, TW_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_scan_belongs_to_the_next_sale, setup, teardown),
        cmocka_unit_test_setup_teardown(a_scan_of_another_card_is_not_attached, setup, teardown),
        cmocka_unit_test_setup_teardown(an_identity_survives_a_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(bytes_are_read_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_receipt_printed_again_is_one_sale, setup, teardown),
        cmocka_unit_test_setup_teardown(losses_are_events, setup, teardown),
        cmocka_unit_test_setup_teardown(a_strange_store_number_is_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(other_paper_is_unparsed, setup, teardown),
        cmocka_unit_test_setup_teardown(requests_are_idempotent, setup, teardown),
        cmocka_unit_test_setup_teardown(two_witnesses_are_one_sale, setup, teardown),
        cmocka_unit_test_setup_teardown(lookups_are_answered_and_audited, setup, teardown),
        cmocka_unit_test_setup_teardown(payment_cards_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
