// SPDX-License-Identifier: Apache-2.0
//
// The uplink's decisions when something is wrong or changes: refusals with their reason codes, events that
// no broker takes, connections that end for a reason, new certificate files, new epochs, a resync. The
// ordinary rules are in flow_test.c.
#include "agent/uplink/reasons.h"
#include "tests/fakes/flow_rig.h"

#define PATIENCE TW_FLOW_PATIENCE_MS

static void lose(struct flow_rig *rig, int reason)
{
    flow_rig_step(rig, (struct tw_flow_event){.kind = TW_FLOW_DISCONNECTED, .reason = reason});
}

static int64_t wait_of(const struct flow_rig *rig)
{
    return tw_flow_deadline(rig->flow) - rig->now;
}

// ---- the table ----

static void test_every_code_of_a_puback_has_its_decision(void **state)
{
    (void)state;
    static const struct {
        int code;
        enum tw_reason_publish decision;
    } rows[] = {{0x00, TW_REASON_TAKEN}, {0x01, TW_REASON_TAKEN}, {0x10, TW_REASON_HOLD},
                {0x80, TW_REASON_HOLD},  {0x83, TW_REASON_HOLD},  {0x87, TW_REASON_HOLD},
                {0x90, TW_REASON_ROW},   {0x91, TW_REASON_HOLD},  {0x95, TW_REASON_ROW},
                {0x97, TW_REASON_HOLD},  {0x99, TW_REASON_ROW},   {0xf3, TW_REASON_HOLD}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(tw_reason_of_publish(rows[i].code), rows[i].decision);
    }
}

// ---- one event that is refused ----

static void refuse_alone(struct flow_rig *rig, uint64_t sequence, int reason)
{
    flow_rig_tick(rig, PATIENCE);
    flow_rig_rows(rig, sequence, 9);
    flow_rig_assert_publish(rig, sequence, sequence); // all alone
    flow_rig_puback(rig, sequence, flow_rig_pass(rig), reason);
}

// P7: one poison message must not hold back all the others.
static void one_is_given_up(enum tw_ack_mode mode, int reason)
{
    struct flow_rig rig;
    flow_rig_begin(&rig, mode, 0, 10);
    flow_rig_connect(&rig, 20, 0, 10);
    flow_rig_rows(&rig, 1, 9);
    unsigned pass = flow_rig_pass(&rig);
    flow_rig_puback(&rig, 1, pass, 0);
    flow_rig_puback(&rig, 2, pass, 0);
    flow_rig_puback(&rig, 3, pass, reason);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ALARM)->alarm, TW_FLOW_ROW_REFUSED);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ALARM)->from, 3);
    if (mode == TW_ACK_CENTRAL) {
        flow_rig_ack(&rig, EPOCH, 2); // the centre lives, and that changes nothing for event 3
        assert_null(flow_rig_find(&rig, TW_FLOW_READ));
    }
    refuse_alone(&rig, 3, reason);
    assert_null(flow_rig_find(&rig, TW_FLOW_REFUSE_ROW));
    refuse_alone(&rig, 3, reason);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_REFUSE_ROW)->from, 3);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_REFUSE_ROW)->reason, reason);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_READ)->from, 3);
    // The journal has taken it out: the rest goes on in a new epoch.
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_JOURNAL, .journal = {OTHER, 0, 9}});
    assert_non_null(flow_rig_find(&rig, TW_FLOW_PUBLISH_STATE));
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_ROWS, .rows = {OTHER, rig.question, 8}});
    flow_rig_assert_publish(&rig, 1, 1);
    flow_rig_puback(&rig, 1, flow_rig_pass(&rig), 0);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_PUBLISH)->through, 8);
    tw_flow_free(rig.flow);
}

static void test_p7_an_event_no_broker_takes_is_given_up_and_the_rest_goes_on(void **state)
{
    (void)state;
    static const int reasons[] = {0x90, 0x95, 0x99};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        one_is_given_up(TW_ACK_CENTRAL, reasons[i]);
        one_is_given_up(TW_ACK_BROKER, reasons[i]);
    }
}

// P2: what is about the terminal or the broker never costs an event.
static void test_p2_other_refusals_never_give_up_an_event(void **state)
{
    (void)state;
    static const int reasons[] = {0x10, 0x80, 0x83, 0x87, 0x91, 0x97, 0xf3};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        struct flow_rig rig;
        flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 10);
        flow_rig_connect(&rig, 20, 0, 10);
        flow_rig_rows(&rig, 1, 9);
        flow_rig_puback(&rig, 1, flow_rig_pass(&rig), reasons[i]);
        for (int round = 0; round < 20; round++) {
            refuse_alone(&rig, 1, reasons[i]);
            assert_null(flow_rig_find(&rig, TW_FLOW_REFUSE_ROW));
        }
        tw_flow_free(rig.flow);
    }
}

// P2: a broker whose limit is below every event must not empty the queue into the dead letters; each event
// given up leaves a capture.gap, which may be refused as well.
static void test_p2_giving_up_ends_where_nothing_is_taken(void **state)
{
    (void)state;
    struct flow_rig rig;
    uint64_t given_up = 0;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 1000);
    flow_rig_connect(&rig, 20, 0, 1000);
    for (int i = 0; i < 200; i++) {
        flow_rig_rows(&rig, 1, 9);
        flow_rig_puback(&rig, 1, flow_rig_pass(&rig), 0x95);
        // Dead letters are promised only as long as it can come to that.
        assert_int_equal(flow_rig_find(&rig, TW_FLOW_ALARM)->alarm,
                         given_up < TW_FLOW_GIVE_UPS ? TW_FLOW_ROW_REFUSED : TW_FLOW_REFUSED);
        given_up += flow_rig_find(&rig, TW_FLOW_REFUSE_ROW) != NULL;
        if (flow_rig_find(&rig, TW_FLOW_REFUSE_ROW) == NULL) {
            flow_rig_tick(&rig, PATIENCE);
        }
    }
    assert_int_equal(given_up, TW_FLOW_GIVE_UPS);
    flow_rig_rows(&rig, 1, 9); // the limit is raised at last
    flow_rig_puback(&rig, 1, flow_rig_pass(&rig), 0);
    flow_rig_assert_publish(&rig, 2, 9);
    tw_flow_free(rig.flow);
}

// The queue of a new epoch: `count` events, of which the broker takes all but the last. True: that one is
// given up.
static bool last_is_given_up(struct flow_rig *rig, const char *epoch, uint64_t count)
{
    bool given_up = false;
    flow_rig_step(rig, (struct tw_flow_event){.kind = TW_FLOW_JOURNAL, .journal = {epoch, 0, count + 1}});
    for (int attempt = 0; attempt < 4 && !given_up; attempt++) {
        flow_rig_step(rig,
                      (struct tw_flow_event){.kind = TW_FLOW_ROWS, .rows = {epoch, rig->question, count}});
        unsigned pass = flow_rig_pass(rig);
        for (uint64_t sequence = 1; sequence < count && attempt == 0; sequence++) {
            flow_rig_puback(rig, sequence, pass, 0);
            flow_rig_ack(rig, epoch, sequence);
        }
        flow_rig_puback(rig, count, pass, 0x90);
        given_up = flow_rig_find(rig, TW_FLOW_REFUSE_ROW) != NULL;
        if (!given_up) {
            flow_rig_tick(rig, PATIENCE);
        }
    }
    return given_up;
}

// P2: an access list without evt/sale. The capture.gap of each sale that is given up is taken, and that must
// not cost the next sale; many events that are taken do speak for the broker.
static void test_p2_a_gap_that_is_taken_does_not_pay_for_the_next_sale(void **state)
{
    (void)state;
    static const char *const epochs[2] = {OTHER, EPOCH};
    struct flow_rig rig;
    unsigned given_up = 0;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 3);
    flow_rig_connect(&rig, 20, 0, 3);
    while (given_up < 100 && last_is_given_up(&rig, epochs[given_up % 2], 2)) {
        given_up++;
    }
    assert_int_equal(given_up, TW_FLOW_GIVE_UPS);
    assert_true(last_is_given_up(&rig, epochs[1], TW_FLOW_TAKES + 1));
    assert_false(last_is_given_up(&rig, epochs[0], TW_FLOW_TAKES));
    tw_flow_free(rig.flow);
}

// A broker that takes it after all (its limit was raised) is believed.
static void test_a_refused_event_that_is_taken_later_is_no_longer_suspect(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 10);
    flow_rig_connect(&rig, 20, 0, 10);
    flow_rig_rows(&rig, 1, 9);
    flow_rig_puback(&rig, 1, flow_rig_pass(&rig), 0x95);
    refuse_alone(&rig, 1, 0x95);
    flow_rig_tick(&rig, PATIENCE);
    flow_rig_rows(&rig, 1, 9);
    flow_rig_puback(&rig, 1, flow_rig_pass(&rig), 0);
    flow_rig_assert_publish(&rig, 2, 9);
    flow_rig_ack(&rig, EPOCH, 9);
    assert_non_null(flow_rig_find(&rig, TW_FLOW_FINE));
    tw_flow_free(rig.flow);
}

// Some brokers hang up on a message they do not take: found out one at a time, over several connections.
static void test_p7_a_broker_that_hangs_up_on_an_event(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_BROKER, 0, 5);
    flow_rig_connect(&rig, 20, 0, 5);
    flow_rig_rows(&rig, 1, 4);
    lose(&rig, 0x95); // one of four
    flow_rig_connect(&rig, 20, 0, 5);
    flow_rig_rows(&rig, 1, 4);
    flow_rig_assert_publish(&rig, 1, 1);
    flow_rig_puback(&rig, 1, flow_rig_pass(&rig), 0);
    flow_rig_assert_publish(&rig, 2, 2);
    lose(&rig, 0x95); // this one
    assert_null(flow_rig_find(&rig, TW_FLOW_REFUSE_ROW));
    flow_rig_connect(&rig, 20, 1, 5);
    flow_rig_rows(&rig, 2, 3);
    flow_rig_assert_publish(&rig, 2, 2);
    lose(&rig, 0x95);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_REFUSE_ROW)->from, 2);
    tw_flow_free(rig.flow);
}

// ---- connections that end for a reason ----

static void test_what_only_a_person_can_change_is_tried_seldom(void **state)
{
    (void)state;
    static const struct {
        int code;
        bool later;
    } rows[] = {{0, false},    {0x80, false}, {0x88, false}, {0x89, false}, {0x8b, false}, {0x97, false},
                {0x9f, false}, {0x84, true},  {0x85, true},  {0x86, true},  {0x87, true},  {0x8a, true},
                {0x8c, true},  {0x8e, true},  {0x9c, true},  {0x9d, true}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct flow_rig rig;
        flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 1);
        flow_rig_tick(&rig, 0);
        lose(&rig, rows[i].code); // the CONNACK
        int64_t least = rows[i].later ? TW_FLOW_BACKOFF_MAX_MS / 4 : TW_FLOW_BACKOFF_MIN_MS / 4;
        int64_t most = rows[i].later ? TW_FLOW_BACKOFF_MAX_MS : TW_FLOW_BACKOFF_MIN_MS;
        assert_in_range(wait_of(&rig), least, most);
        tw_flow_free(rig.flow);
    }
}

// Two terminals with one id must not throw each other out in a loop, and it must be said while one is in.
static void test_two_terminals_with_one_id(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 10);
    flow_rig_connect(&rig, 20, 0, 10);
    lose(&rig, 0x8e);
    assert_in_range(wait_of(&rig), TW_FLOW_BACKOFF_MAX_MS / 4, TW_FLOW_BACKOFF_MAX_MS);
    flow_rig_connect(&rig, 20, 0, 10);
    assert_null(flow_rig_find(&rig, TW_FLOW_FINE));
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ALARM)->alarm, TW_FLOW_TWIN);
    flow_rig_tick(&rig, TW_FLOW_STEADY_MS - 1);
    lose(&rig, 0x8e);
    assert_in_range(wait_of(&rig), TW_FLOW_BACKOFF_MAX_MS / 4, TW_FLOW_BACKOFF_MAX_MS);
    flow_rig_connect(&rig, 20, 0, 10);
    assert_true(wait_of(&rig) <= TW_FLOW_STEADY_MS);
    flow_rig_tick(&rig, TW_FLOW_STEADY_MS);
    assert_non_null(flow_rig_find(&rig, TW_FLOW_FINE));
    tw_flow_free(rig.flow);
}

// Mosquitto 2.0.11 hangs up without a word where another client takes the id.
static void test_connections_that_end_soon_and_again_are_worth_a_word(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 10);
    for (int i = 1; i <= TW_FLOW_SHORT_LIVES; i++) {
        flow_rig_connect(&rig, 20, 0, 10);
        assert_null(flow_rig_find(&rig, TW_FLOW_ALARM));
        flow_rig_tick(&rig, TW_FLOW_STEADY_MS - 1);
        lose(&rig, 0);
        assert_true((flow_rig_find(&rig, TW_FLOW_ALARM) != NULL) == (i == TW_FLOW_SHORT_LIVES));
    }
    flow_rig_connect(&rig, 20, 0, 10);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ALARM)->alarm, TW_FLOW_SHORT_LIVED);
    flow_rig_tick(&rig, TW_FLOW_STEADY_MS);
    assert_non_null(flow_rig_find(&rig, TW_FLOW_FINE));
    lose(&rig, 0);
    assert_null(flow_rig_find(&rig, TW_FLOW_ALARM));
    tw_flow_free(rig.flow);
}

static void test_the_receive_maximum_may_change_with_each_connection(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 100);
    static const unsigned most[] = {50, 3, 1, 0, 65535};
    for (size_t i = 0; i < sizeof most / sizeof most[0]; i++) {
        flow_rig_connect(&rig, most[i], 0, 100);
        flow_rig_rows(&rig, 1, 99);
        uint64_t window = most[i] == 0 ? 1 : most[i] < 99 ? most[i] : 99;
        flow_rig_assert_publish(&rig, 1, window);
        for (uint64_t sequence = 1; sequence <= window; sequence++) { // nothing of an earlier window is left
            flow_rig_puback(&rig, sequence, 0, 0);
        }
        lose(&rig, 0);
    }
    tw_flow_free(rig.flow);
}

// ---- new certificate files ----

static void renew(struct flow_rig *rig, bool good)
{
    flow_rig_step(rig, (struct tw_flow_event){.kind = TW_FLOW_RENEWED, .renewed = good});
}

static void test_new_certificates_renew_the_connection_once(void **state)
{
    (void)state;
    struct flow_rig rig;
    struct tw_flow_view view;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 10);
    flow_rig_connect(&rig, 20, 0, 10);
    flow_rig_rows(&rig, 1, 9);
    unsigned pass = flow_rig_pass(&rig);
    for (uint64_t sequence = 1; sequence <= 9; sequence++) {
        flow_rig_puback(&rig, sequence, pass, 0);
    }
    flow_rig_ack(&rig, EPOCH, 9);
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_JOURNAL, .journal = {EPOCH, 9, 10}});
    renew(&rig, true);
    assert_int_equal(rig.out.count, 0); // not at once: every terminal of the store has new files now
    int64_t at = tw_flow_deadline(rig.flow);
    assert_in_range(at - rig.now, 0, TW_FLOW_RENEW_MS);
    renew(&rig, true); // said again: the moment stays
    assert_int_equal(tw_flow_deadline(rig.flow), at);
    flow_rig_tick(&rig, at - rig.now);
    assert_non_null(flow_rig_find(&rig, TW_FLOW_LEAVE));
    assert_null(flow_rig_find(&rig, TW_FLOW_DISCONNECT));
    assert_int_equal(wait_of(&rig), 0); // no back-off
    flow_rig_connect(&rig, 20, 9, 10);
    tw_flow_view(rig.flow, &view);
    assert_false(view.renewing);
    assert_true(tw_flow_deadline(rig.flow) == INT64_MAX); // once
    lose(&rig, 0);
    assert_in_range(wait_of(&rig), TW_FLOW_BACKOFF_MIN_MS / 4, TW_FLOW_BACKOFF_MIN_MS); // did not grow
    tw_flow_free(rig.flow);
}

static void test_the_moments_of_a_store_are_spread(void **state)
{
    (void)state;
    int64_t least = INT64_MAX, most = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct tw_flow_journal journal = {EPOCH, 0, 1};
        struct flow_rig rig = {.flow = tw_flow_new(TW_ACK_CENTRAL, seed, &journal), .now = 1000};
        flow_rig_connect(&rig, 20, 0, 1);
        renew(&rig, true);
        int64_t wait = wait_of(&rig);
        least = wait < least ? wait : least;
        most = wait > most ? wait : most;
        tw_flow_free(rig.flow);
    }
    assert_in_range(least, 0, TW_FLOW_RENEW_MS / 4);
    assert_in_range(most, TW_FLOW_RENEW_MS * 3 / 4, TW_FLOW_RENEW_MS);
}

static void test_certificates_that_went_bad_again_are_not_taken_up(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 1);
    flow_rig_connect(&rig, 20, 0, 1);
    renew(&rig, true);
    renew(&rig, false);
    assert_true(tw_flow_deadline(rig.flow) == INT64_MAX);
    renew(&rig, true);
    lose(&rig, 0); // the next connection reads them anyway
    renew(&rig, true);
    flow_rig_connect(&rig, 20, 0, 1);
    assert_true(tw_flow_deadline(rig.flow) == INT64_MAX);
    tw_flow_free(rig.flow);
}

// ---- epochs and resync ----

// P4: after a damage the journal opens an epoch by itself, and the first rows tell.
static void test_p4_rows_of_another_epoch_are_asked_for_again(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 5, 10);
    flow_rig_connect(&rig, 20, 5, 10);
    unsigned question = rig.question;
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_ROWS, .rows = {OTHER, question, 3}});
    assert_null(flow_rig_find(&rig, TW_FLOW_PUBLISH));
    assert_non_null(flow_rig_find(&rig, TW_FLOW_READ)); // never silence for ever
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_JOURNAL, .journal = {OTHER, 0, 4}});
    assert_non_null(flow_rig_find(&rig, TW_FLOW_PUBLISH_STATE));
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_READ)->from, 1);
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_ROWS, .rows = {OTHER, rig.question, 3}});
    flow_rig_assert_publish(&rig, 1, 3);
    flow_rig_ack(&rig, EPOCH, 7); // of the life before
    assert_null(flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE));
    flow_rig_ack(&rig, OTHER, 3);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE)->through, 3);
    tw_flow_free(rig.flow);
}

static void resync(struct flow_rig *rig, uint64_t from)
{
    flow_rig_step(rig, (struct tw_flow_event){.kind = TW_FLOW_RESYNC, .resync_from = from});
}

static void test_resync_goes_back_to_what_is_queued(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 100);
    flow_rig_connect(&rig, 20, 0, 100);
    flow_rig_rows(&rig, 1, 20);
    unsigned pass = flow_rig_pass(&rig);
    flow_rig_ack(&rig, EPOCH, 4);
    for (uint64_t sequence = 1; sequence <= 20; sequence++) {
        flow_rig_puback(&rig, sequence, pass, 0);
    }
    resync(&rig, 60); // not published yet: it comes anyway
    assert_null(flow_rig_find(&rig, TW_FLOW_FLUSH));
    resync(&rig, 7);
    assert_non_null(flow_rig_find(&rig, TW_FLOW_FLUSH));
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_READ)->from, 5);
    flow_rig_rows(&rig, 5, 20);
    flow_rig_assert_publish(&rig, 5, 24);
    flow_rig_ack(&rig, EPOCH, 24);
    resync(&rig, 3); // gone from the journal, which says so by a new epoch
    assert_null(flow_rig_find(&rig, TW_FLOW_PUBLISH));
    tw_flow_free(rig.flow);
}

// P7: rows above the send limit are not served before what is acknowledged is durable; that is no failure.
static void test_a_read_beyond_the_send_limit_waits(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_BROKER, 0, 2000);
    flow_rig_connect(&rig, 50, 0, 2000);
    flow_rig_rows(&rig, 1, 50);
    unsigned pass = flow_rig_pass(&rig);
    for (uint64_t sequence = 1; sequence <= 50; sequence++) {
        flow_rig_puback(&rig, sequence, pass, 0);
        if (flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE) != NULL) { // in memory at once
            uint64_t through = flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE)->through;
            flow_rig_step(&rig,
                          (struct tw_flow_event){.kind = TW_FLOW_JOURNAL, .journal = {EPOCH, through, 2000}});
        }
    }
    assert_true(tw_flow_deadline(rig.flow) == INT64_MAX);
    flow_rig_tick(&rig, 3600 * 1000);
    assert_int_equal(rig.out.count, 0);
    flow_rig_rows(&rig, 51, 50);
    flow_rig_assert_publish(&rig, 51, 100);
    tw_flow_free(rig.flow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_of_a_puback_has_its_decision),
        cmocka_unit_test(test_p7_an_event_no_broker_takes_is_given_up_and_the_rest_goes_on),
        cmocka_unit_test(test_p2_other_refusals_never_give_up_an_event),
        cmocka_unit_test(test_p2_giving_up_ends_where_nothing_is_taken),
        cmocka_unit_test(test_p2_a_gap_that_is_taken_does_not_pay_for_the_next_sale),
        cmocka_unit_test(test_a_refused_event_that_is_taken_later_is_no_longer_suspect),
        cmocka_unit_test(test_p7_a_broker_that_hangs_up_on_an_event),
        cmocka_unit_test(test_what_only_a_person_can_change_is_tried_seldom),
        cmocka_unit_test(test_two_terminals_with_one_id),
        cmocka_unit_test(test_connections_that_end_soon_and_again_are_worth_a_word),
        cmocka_unit_test(test_the_receive_maximum_may_change_with_each_connection),
        cmocka_unit_test(test_new_certificates_renew_the_connection_once),
        cmocka_unit_test(test_the_moments_of_a_store_are_spread),
        cmocka_unit_test(test_certificates_that_went_bad_again_are_not_taken_up),
        cmocka_unit_test(test_p4_rows_of_another_epoch_are_asked_for_again),
        cmocka_unit_test(test_resync_goes_back_to_what_is_queued),
        cmocka_unit_test(test_a_read_beyond_the_send_limit_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
