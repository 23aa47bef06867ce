// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/lane_world.h"

#include <time.h>
#include <unistd.h>

#include <sys/stat.h>

#include "tillwire/supervise.h"

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

static void world_open(struct world *world)
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
    char key[256];
    (void)snprintf(key, sizeof key, "%s/journal.key", world->folder);
    assert_int_equal(tw_vault_load(world->seal, key, true, &world->vault, &err), TW_OK);
    const struct tw_journal_options journal_options = {.path = journal,
                                                       .source = "/acme/0042/07",
                                                       .clock = world->clock,
                                                       .seal = world->seal,
                                                       .vault = world->vault,
                                                       .merge = tw_lane_merge,
                                                       .max_bytes = world->max_bytes};
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

static void world_close(struct world *world)
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
    tw_vault_free(world->vault);
    tw_seal_free(world->seal);
    tw_config_free(world->config);
}

int world_setup(void **state)
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
        "  - {name: export, class: poslog, transport: directory, path: /nonexistent}\n"
        "  - {name: till-8, class: poslog, transport: directory, path: /nonexistent, workstation: \"08\"}\n"
        "loyalty:\n  pseudonym_key: k\n  cards: [{scheme: club, pattern: '^6009200\\d{9}$', check: luhn}]\n"
        "uplink: {url: \"mqtts://127.0.0.1:1\", ca: a, cert: b, key: c}\n",
        0600);
    put(world, "k", "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n", 0600);
    assert_int_equal(setenv("TZ", "Europe/Berlin", 1), 0);
    world_open(world);
    *state = world;
    return 0;
}

int world_teardown(void **state)
{
    struct world *world = *state;
    world_close(world);
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", world->folder);
    int rc = system(command); // NOLINT(cert-env33-c): a test's own temporary folder
    free(world);
    return rc;
}

void world_reopen(struct world *world)
{
    world_close(world);
    world_open(world);
}

// ---- playing a till ----

void world_hello(struct world *world, const uint8_t boot[16], uint64_t first)
{
    world->offset = tw_lane_tap_hello(world->tap, boot, first, first);
}

void world_print(struct world *world, const char *text)
{
    struct tw_slice bytes = tw_slice_of(text);
    tw_lane_tap_bytes(world->tap, world->offset, world->tap_us, bytes);
    world->offset += bytes.len;
}

void world_cut(struct world *world)
{
    tw_lane_tap_bytes(world->tap, world->offset, world->tap_us, tw_slice_make("\x1dV\x00\x1b@", 5));
    world->offset += 5;
}

void world_print_sale(struct world *world, const char *number, const char *extra)
{
    char text[1024];
    (void)snprintf(
        text, sizeof text,
        "SHOP OF TESTS\nReceipt %s\n2026-11-22 10:15\nCOFFEE 2.50\nTEA 1.50\nTOTAL 4.00\nCASH 5.00\n"
        "CHANGE 1.00\n%s\n",
        number, extra);
    world_print(world, text);
    world_cut(world);
}

void world_tap_scan(struct world *world, uint64_t number, const char *card)
{
    const struct tw_tap_scan scan = {
        .number = number, .time_us = world->tap_us, .age_ms = 0, .code = tw_slice_of(card)};
    tw_lane_tap_scan(world->tap, &scan);
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
void world_expect_events(struct world *world, uint64_t count)
{
    struct tw_journal_stats stats = {0};
    read_row(world, count);
    drop_rows(world);
    tw_journal_stats(world->journal, &stats);
    assert_int_equal(stats.next_sequence, count + 1);
}

// The event as published; free with tw_json_free.
tw_json *world_event(struct world *world, uint64_t sequence)
{
    tw_json *json = NULL;
    read_row(world, sequence);
    assert_int_equal(tw_json_parse(world->rows->rows[0].bytes, &json, NULL), TW_OK);
    drop_rows(world);
    return json;
}

void world_expect_type(struct world *world, uint64_t sequence, const char *type)
{
    tw_json *json = world_event(world, sequence);
    assert_string_equal(tw_json_text(tw_json_get(json, "type")), type);
    tw_json_free(json);
}

bool world_has_customer(struct world *world, uint64_t sequence, const char *card)
{
    char expected[TW_PSEUDONYM_LEN + 1];
    tw_json *json = world_event(world, sequence);
    assert_int_equal(tw_seal_pseudonym(world->seal, "club", card, expected), TW_OK);
    const char *found =
        tw_json_text(tw_json_get(tw_json_get(tw_json_get(json, "data"), "customer"), "pseudonym"));
    bool same = found != NULL && strcmp(found, expected) == 0;
    tw_json_free(json);
    return same;
}

void world_answered(void *ctx, const struct tw_lane_answer *answer)
{
    struct world *world = ctx;
    world->answer = *answer;
    (void)snprintf(world->id, sizeof world->id, "%s", answer->id != NULL ? answer->id : "");
    atomic_fetch_add(&world->answers, 1);
    tw_loop_stop(world->loop);
}

void world_ask_sale(struct world *world, const char *body, const char *key)
{
    struct tw_sale *sale = NULL;
    struct tw_error_text err = {0};
    if (tw_sale_from_request(tw_slice_of(body), world->rules, &sale, &err, NULL, 0) != TW_OK) {
        fail_msg("%s", err.text);
    }
    tw_lane_sale(world->lane, sale, key, tw_slice_of(body), world_answered, world);
    assert_int_equal(tw_loop_run(world->loop), TW_OK);
}

static void stop_loop(void *ctx)
{
    tw_loop_stop(ctx);
}

void world_run_until(struct world *world, bool (*done)(struct world *world))
{
    struct tw_timer *look = tw_timer_new(world->loop, stop_loop, world->loop);
    assert_non_null(look);
    for (int turn = 0; !done(world); turn++) {
        assert_true(turn < 3000); // 30 s
        tw_timer_start(look, 10);
        assert_int_equal(tw_loop_run(world->loop), TW_OK);
    }
    tw_timer_close(look);
}

// ---- a journal without room ----

#define ROOM_BYTES 400000
#define FILLING    15 // events of 45 KB

struct tw_journal_stats world_stats_of(struct world *world)
{
    struct tw_journal_stats stats;
    tw_journal_stats(world->journal, &stats);
    return stats;
}

// What was submitted is through: the question behind it is answered.
void world_settle(struct world *world)
{
    struct tw_buf nothing = {0};
    assert_int_equal(tw_journal_lane(world->journal, "", &nothing), TW_OK);
    tw_buf_free(&nothing);
}

static void wait_ms(long ms)
{
    const struct timespec pause = {.tv_nsec = ms * 1000000};
    (void)nanosleep(&pause, NULL);
}

// Data that no compression makes smaller than three quarters.
static void make_data(char *data, size_t size)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    unsigned seed = 11;
    size_t at = (size_t)snprintf(data, size, "{\"x\":\"");
    while (at < size - 3) {
        data[at++] = letters[rand_r(&seed) % 64];
    }
    (void)snprintf(data + at, size - at, "\"}");
}

// Reopens with a journal of ROOM_BYTES and fills it; gives the last event that had room.
uint64_t world_fill(struct world *world)
{
    static char data[59100];
    make_data(data, sizeof data);
    world->max_bytes = ROOM_BYTES;
    world_reopen(world);
    for (int i = 0; i < FILLING; i++) {
        struct tw_batch *batch = tw_batch_new();
        tw_batch_time(batch, world->clock);
        tw_batch_event(batch, TW_EVENT_CAPTURE_UNPARSED, "printer", tw_slice_of(data));
        assert_int_equal(tw_journal_submit(world->journal, batch, NULL, NULL), TW_OK);
        world_settle(world);
        wait_ms(110); // the room is looked at every 100 ms
    }
    struct tw_journal_stats stats = world_stats_of(world);
    assert_in_range(stats.next_sequence, 3, FILLING);
    return stats.next_sequence - 1;
}

// The centre has them: there is room again.
void world_empty(struct world *world, uint64_t through)
{
    struct tw_journal_stats stats = world_stats_of(world);
    assert_int_equal(tw_journal_acknowledge(world->journal, stats.epoch, through, NULL, NULL), TW_OK);
    world_settle(world);
    wait_ms(110);
}
