// SPDX-License-Identifier: Apache-2.0
//
// What a link makes of the flow's decisions, with a broker and a journal that only remember: which rows are
// sent in which order, and that nothing counts as taken which was not sent. The whole of it against a real
// broker is tests/system/uplink_delivery.py.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/uplink/link.h"
#include "agent/uplink/link_state.h"
#include "tillwire/clock.h"

#define AHEAD_MS (TW_RELEASE_WALL_MS + INT64_C(13) * 365 * 86400 * 1000) // the journal's newest time
#define EPOCH    "11111111-2222-4333-8444-555555555555"
#define ANOTHER  "66666666-7777-4888-9999-aaaaaaaaaaaa"
#define ROWS     250
#define MAX      20 // the broker's receive maximum

// ---- a broker that remembers ----

struct tw_mqtt {
    uint64_t sent[ROWS]; // sequences; the packet id is the place, from 1 on
    int count;
};

int tw_mqtt_publish(struct tw_mqtt *mqtt, const struct tw_mqtt_message *message, int *mid)
{
    if (message->content_type == NULL) { // the terminal's state
        *mid = ROWS + 1;
        return TW_OK;
    }
    assert_in_range(mqtt->count, 0, ROWS - 1);
    memcpy(&mqtt->sent[mqtt->count], message->payload.ptr, sizeof mqtt->sent[0]);
    *mid = ++mqtt->count;
    return TW_OK;
}

void tw_mqtt_cork(struct tw_mqtt *mqtt, bool corked)
{
    (void)mqtt;
    (void)corked;
}

int tw_mqtt_open(const struct tw_mqtt_options *options, const struct tw_mqtt_hooks *hooks, void *ctx,
                 struct tw_mqtt **out, struct tw_error_text *err)
{
    (void)options;
    (void)hooks;
    (void)ctx;
    (void)out;
    return tw_fail(err, TW_ERR_IO, "there is none");
}

int tw_mqtt_fd(const struct tw_mqtt *mqtt)
{
    (void)mqtt;
    return -1;
}

int tw_mqtt_reason(const struct tw_mqtt *mqtt)
{
    (void)mqtt;
    return 0;
}

short tw_mqtt_prepare(struct tw_mqtt *mqtt)
{
    (void)mqtt;
    return 0;
}

int tw_mqtt_run(struct tw_mqtt *mqtt, short revents, bool *more, struct tw_error_text *err)
{
    (void)mqtt;
    (void)revents;
    (void)err;
    *more = false;
    return TW_OK;
}

int tw_mqtt_subscribe(struct tw_mqtt *mqtt, const char *const *topics, size_t count)
{
    (void)mqtt;
    (void)topics;
    (void)count;
    return TW_OK;
}

void tw_mqtt_close(struct tw_mqtt *mqtt, int wait_ms)
{
    (void)mqtt;
    (void)wait_ms;
}

// ---- a journal that does nothing ----

struct tw_journal {
    int says;              // to a reject
    unsigned acknowledged; // how often
    const char *epoch;
    uint64_t refused; // the last one
};

void tw_rows_free(struct tw_rows *rows)
{
    if (rows != NULL) {
        free(rows->rows);
        free(rows);
    }
}

void tw_journal_stats(struct tw_journal *journal, struct tw_journal_stats *out)
{
    memset(out, 0, sizeof *out);
    (void)snprintf(out->epoch, sizeof out->epoch, "%s", journal->epoch);
    out->next_sequence = ROWS + 1;
    out->latest_ms = AHEAD_MS;
}

int tw_journal_read(struct tw_journal *journal, uint64_t from, size_t max_rows, tw_journal_rows_fn *fn,
                    void *ctx)
{
    (void)journal;
    (void)from;
    (void)max_rows;
    (void)fn;
    (void)ctx;
    return TW_OK;
}

int tw_journal_acknowledge(struct tw_journal *journal, const char *epoch, uint64_t through,
                           void (*done)(void *ctx), void *ctx)
{
    return tw_journal_acknowledge_hash(journal, epoch, through, NULL, done, ctx);
}

int tw_journal_acknowledge_hash(struct tw_journal *journal, const char *epoch, uint64_t through,
                                const uint8_t head[32], void (*done)(void *ctx), void *ctx)
{
    (void)epoch;
    (void)through;
    (void)head;
    (void)done;
    (void)ctx;
    journal->acknowledged++;
    return TW_OK;
}

int tw_journal_reject(struct tw_journal *journal, const char *epoch, uint64_t sequence, const char *reason)
{
    (void)epoch;
    (void)sequence;
    (void)reason;
    return journal->says;
}

int tw_journal_refuse(struct tw_journal *journal, const char *epoch, uint64_t sequence, const char *reason)
{
    assert_string_equal(epoch, EPOCH);
    assert_non_null(strstr(reason, "the centre waits"));
    journal->refused = sequence;
    return TW_OK;
}

int tw_journal_resync(struct tw_journal *journal, uint64_t from, enum tw_resync *out)
{
    (void)journal;
    (void)from;
    *out = TW_RESYNC_READ;
    return TW_OK;
}

// ---- a connected link ----

struct rig {
    struct tw_clock clock;
    int64_t now;
    struct tw_mqtt mqtt;
    struct tw_journal journal;
    struct tw_link link;
    uint64_t sequences[ROWS + 1]; // what the rows hold: their own
};

static int64_t stand_still(const struct tw_clock *clock)
{
    return ((const struct rig *)clock)->now; // the clock is the rig's first
}

static int64_t battery_is_empty(const struct tw_clock *clock)
{
    (void)clock;
    return 1000;
}

static enum tw_clock_trust nobody_vouches(const struct tw_clock *clock)
{
    (void)clock;
    return TW_CLOCK_SUSPECT;
}

static int begin_in(void **state, enum tw_ack_mode mode)
{
    struct rig *rig = calloc(1, sizeof *rig);
    const struct tw_flow_journal journal = {EPOCH, 0, ROWS + 1};
    struct tw_flow_actions out;
    assert_non_null(rig);
    rig->now = 1000;
    rig->clock.monotonic_ms = stand_still;
    rig->clock.wall_ms = battery_is_empty;
    rig->clock.trust = nobody_vouches;
    rig->link.options.clock = &rig->clock;
    rig->link.mqtt = &rig->mqtt;
    rig->link.flow = tw_flow_new(mode, 1, &journal);
    rig->link.options.journal = &rig->journal;
    rig->journal.epoch = EPOCH;
    rig->link.look_at = INT64_MAX; // there are no files
    assert_int_equal(tw_inbox_new(&rig->link.inbox), TW_OK);
    for (uint64_t sequence = 0; sequence <= ROWS; sequence++) {
        rig->sequences[sequence] = sequence;
    }
    tw_flow_step(rig->link.flow, 1000, &(struct tw_flow_event){.kind = TW_FLOW_TICK}, &out);
    tw_flow_step(
        rig->link.flow, 1000,
        &(struct tw_flow_event){.kind = TW_FLOW_CONNECTED, .receive_maximum = MAX, .journal = journal}, &out);
    *state = rig;
    return 0;
}

static int begin(void **state)
{
    return begin_in(state, TW_ACK_BROKER);
}

static int begin_central(void **state)
{
    return begin_in(state, TW_ACK_CENTRAL);
}

static int end(void **state)
{
    struct rig *rig = *state;
    tw_shelf_flush(&rig->link.shelf);
    tw_flow_free(rig->link.flow);
    tw_inbox_free(rig->link.inbox);
    free(rig);
    return 0;
}

static struct tw_flow_view view_of(const struct rig *rig)
{
    struct tw_flow_view view;
    tw_flow_view(rig->link.flow, &view);
    return view;
}

static bool is_dead(uint64_t sequence)
{
    return sequence == 1 || (sequence >= 30 && sequence < 75) || sequence % 17 == 0;
}

// Rows up to `last`, without the dead ones.
static struct tw_rows *make_rows(struct rig *rig, uint64_t from, uint64_t last)
{
    struct tw_rows *rows = calloc(1, sizeof *rows);
    rows->rows = calloc(last - from + 1, sizeof *rows->rows);
    (void)snprintf(rows->epoch, sizeof rows->epoch, "%s", rig->journal.epoch);
    for (uint64_t sequence = from; sequence <= last; sequence++) {
        if (!is_dead(sequence)) {
            const uint8_t *bytes = (const uint8_t *)&rig->sequences[sequence];
            rows->rows[rows->count++] =
                (struct tw_journal_payload){sequence, "sale", {bytes, sizeof rig->sequences[0]}};
        }
    }
    return rows;
}

// Answers the flow's question.
static void give_rows(struct rig *rig, uint64_t from, uint64_t last)
{
    assert_true(tw_shelf_put(&rig->link.shelf, make_rows(rig, from, last)));
    tw_link_step(&rig->link,
                 &(struct tw_flow_event){.kind = TW_FLOW_ROWS, .rows = {EPOCH, view_of(rig).question, last}});
}

// P2: in broker mode an event counts as delivered when the broker took it, and not before. Dead letters lie
// between, alone and many in a row.
static void test_p2_each_row_is_sent_once_and_in_order_around_dead_letters(void **state)
{
    struct rig *rig = *state;
    uint64_t read = 0, live = 0;
    for (int answered = 0;;) {
        if (view_of(rig).question != 0 && read < ROWS) {
            uint64_t last = read + 100 < ROWS ? read + 100 : ROWS;
            give_rows(rig, read + 1, last);
            read = last;
        } else if (answered < rig->mqtt.count) {
            assert_true(view_of(rig).through < rig->mqtt.sent[answered]);
            assert_true(rig->mqtt.count - answered <= MAX);
            answered++;
            tw_link_hooks.on_puback(&rig->link, answered, 0);
        } else {
            break;
        }
    }
    int place = 0;
    for (uint64_t sequence = 1; sequence <= ROWS; sequence++) {
        if (!is_dead(sequence)) {
            assert_true(place < rig->mqtt.count);
            assert_int_equal(rig->mqtt.sent[place++], sequence);
            live = sequence;
        }
    }
    assert_int_equal(rig->mqtt.count, place);
    assert_int_equal(view_of(rig).through, live);
    assert_int_equal(live, ROWS);
    assert_false(rig->link.doomed);
}

// P2: a row that nobody has is no dead letter: start over.
static void test_p2_a_row_that_was_not_read_never_counts_as_taken(void **state)
{
    struct rig *rig = *state;
    tw_link_step(&rig->link,
                 &(struct tw_flow_event){.kind = TW_FLOW_ROWS, .rows = {EPOCH, view_of(rig).question, 50}});
    assert_int_equal(rig->mqtt.count, 0);
    assert_int_equal(view_of(rig).through, 0);
    assert_true(rig->link.doomed);
    assert_non_null(strstr(rig->link.why, "connecting again"));
}

// P12: the clock was years ahead once, and now the battery is empty. The attempt by the clock goes by the
// earliest time there can be, not by the journal's again.
static void test_p12_the_attempt_by_the_clock_leaves_the_journal_out(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(tw_link_believed_ms(&rig->link), AHEAD_MS);
    rig->link.by_clock = true;
    assert_int_equal(tw_link_believed_ms(&rig->link), TW_RELEASE_WALL_MS);
}

static void say_ack(struct rig *rig, unsigned through, uint64_t session)
{
    char text[256];
    (void)snprintf(text, sizeof text, "{\"epoch\":\"" EPOCH "\",\"through\":%u,\"session\":%lu}", through,
                   (unsigned long)session);
    tw_link_hooks.on_message(&rig->link, "ack", tw_slice_of(text));
}

// P7: the wire's words come to the flow with their session, and a reject that the journal has no room for
// ends the connection: no acknowledgement that follows on it may remove the row.
static void test_p7_a_reject_the_journal_does_not_take_comes_again(void **state)
{
    struct rig *rig = *state;
    say_ack(rig, 3, view_of(rig).session + 1);
    assert_int_equal(rig->journal.acknowledged, 0);
    say_ack(rig, 3, 0);
    assert_int_equal(rig->journal.acknowledged, 0);
    say_ack(rig, 3, view_of(rig).session);
    assert_int_equal(rig->journal.acknowledged, 1);
    rig->journal.says = TW_ERR_FULL;
    tw_link_hooks.on_message(&rig->link, "reject",
                             tw_slice_of("{\"epoch\":\"" EPOCH "\",\"sequence\":7,\"reason\":\"no\"}"));
    assert_true(rig->link.doomed);
    assert_non_null(strstr(rig->link.why, "new connection"));
    tw_link_step(&rig->link,
                 &(struct tw_flow_event){.kind = TW_FLOW_JOURNAL, .journal = {EPOCH, 3, ROWS + 1}});
    say_ack(rig, 7, view_of(rig).session); // heard before the connection is closed
    assert_int_equal(rig->journal.acknowledged, 1);
}

// A dead letter that the centre waits for: the journal is told that it cannot be sent, and not that the
// broker refused it.
static void test_p4_a_dead_letter_the_centre_waits_for_is_refused(void **state)
{
    struct rig *rig = *state;
    give_rows(rig, 1, 16); // 1 is dead
    tw_link_step(&rig->link,
                 &(struct tw_flow_event){.kind = TW_FLOW_ACK, .ack = {.epoch = EPOCH, .through = 0}});
    rig->now += TW_FLOW_PATIENCE_MS;
    tw_link_step(&rig->link, &(struct tw_flow_event){.kind = TW_FLOW_TICK});
    assert_int_equal(rig->journal.refused, 1);
}

// The journal's answer, on its way through the inbox.
static void answer(struct rig *rig, unsigned question, uint64_t from, uint64_t last)
{
    tw_inbox_on_rows(tw_inbox_question(rig->link.inbox, question), make_rows(rig, from, last));
    tw_link_turn(&rig->link, 0);
}

// P4: the journal opened a new epoch while its answer was on the way. It says so only once, so that an answer
// to a question that was withdrawn counts as well; its rows do not: they are asked for again, from the first.
static void test_p4_an_answer_of_another_epoch_begins_anew(void **state)
{
    struct rig *rig = *state;
    for (unsigned withdrawn = 0; withdrawn < 2; withdrawn++) {
        rig->journal.epoch = withdrawn == 1 ? EPOCH : ANOTHER;
        unsigned asked = view_of(rig).question;
        int sent = rig->mqtt.count;
        assert_int_not_equal(asked, 0);
        answer(rig, asked - withdrawn, 1, 16);
        assert_string_equal(view_of(rig).epoch, rig->journal.epoch);
        assert_int_equal(view_of(rig).through, 0);
        assert_int_equal(rig->mqtt.count, sent);
        assert_int_not_equal(view_of(rig).question, 0);
        assert_int_not_equal(view_of(rig).question, asked);
        answer(rig, view_of(rig).question, 1, 16);
        assert_int_equal(rig->mqtt.count, sent + 15); // 1 is dead
        assert_int_equal(rig->mqtt.sent[sent], 2);
        for (int mid = sent + 1; mid <= sent + 15; mid++) { // the window is open again
            tw_link_hooks.on_puback(&rig->link, mid, 0);
        }
    }
}

// P4: nor does one that is older than what the journal says by now.
static void test_p4_an_answer_of_an_epoch_that_is_over_is_asked_for_again(void **state)
{
    struct rig *rig = *state;
    unsigned asked = view_of(rig).question;
    rig->journal.epoch = ANOTHER;
    struct tw_rows *rows = make_rows(rig, 1, 16);
    rig->journal.epoch = EPOCH;
    tw_inbox_on_rows(tw_inbox_question(rig->link.inbox, asked), rows);
    tw_link_turn(&rig->link, 0);
    assert_string_equal(view_of(rig).epoch, EPOCH);
    assert_int_equal(rig->mqtt.count, 0);
    assert_int_not_equal(view_of(rig).question, asked);
    answer(rig, view_of(rig).question, 1, 16);
    assert_int_equal(rig->mqtt.count, 15);
}

#define CENTRAL(name) cmocka_unit_test_setup_teardown(name, begin_central, end)
#define TEST(name)    cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_p2_each_row_is_sent_once_and_in_order_around_dead_letters),
        TEST(test_p2_a_row_that_was_not_read_never_counts_as_taken),
        TEST(test_p4_an_answer_of_another_epoch_begins_anew),
        TEST(test_p4_an_answer_of_an_epoch_that_is_over_is_asked_for_again),
        CENTRAL(test_p7_a_reject_the_journal_does_not_take_comes_again),
        CENTRAL(test_p4_a_dead_letter_the_centre_waits_for_is_refused),
        TEST(test_p12_the_attempt_by_the_clock_leaves_the_journal_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
