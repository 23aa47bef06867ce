// SPDX-License-Identifier: Apache-2.0
//
// The uplink's decisions, one rule of include/contract/names.md per test. Random histories are in
// flow_history_test.c.
#include "tests/fakes/flow_rig.h"

static void test_connects_at_once_and_announces_itself(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 1);
    flow_rig_connect(&rig, 20, 0, 1);
    assert_non_null(flow_rig_find(&rig, TW_FLOW_PUBLISH_STATE));
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ASK_MEMBERS)->from, 0);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_READ)->from, 1);
    assert_null(flow_rig_find(&rig, TW_FLOW_PUBLISH));
    assert_true(tw_flow_deadline(rig.flow) == INT64_MAX); // idle: no wake-up at all
    tw_flow_free(rig.flow);
}

static void test_window_counts_from_through(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 10, 100);
    flow_rig_connect(&rig, 5, 10, 100);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_READ)->from, 11);
    flow_rig_rows(&rig, 11, 8);
    flow_rig_assert_publish(&rig, 11, 15);
    unsigned pass = flow_rig_pass(&rig);
    for (uint64_t sequence = 11; sequence <= 15; sequence++) { // PUBACKs alone open nothing
        flow_rig_puback(&rig, sequence, pass, 0);
        assert_null(flow_rig_find(&rig, TW_FLOW_PUBLISH));
        assert_null(flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE));
    }
    flow_rig_ack(&rig, EPOCH, 12);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE)->through, 12);
    flow_rig_assert_publish(&rig, 16, 17);
    tw_flow_free(rig.flow);
}

static void test_own_window_bounds_a_generous_broker(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 1000);
    flow_rig_connect(&rig, 65535, 0, 1000);
    flow_rig_rows(&rig, 1, 400);
    flow_rig_assert_publish(&rig, 1, TW_FLOW_WINDOW);
    tw_flow_free(rig.flow);
}

static void test_no_progress_goes_back(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 10);
    flow_rig_connect(&rig, 20, 0, 10);
    flow_rig_rows(&rig, 1, 9);
    unsigned pass = flow_rig_pass(&rig);
    for (uint64_t sequence = 1; sequence <= 9; sequence++) {
        flow_rig_puback(&rig, sequence, pass, 0);
    }
    flow_rig_tick(&rig, 2000);
    flow_rig_ack(&rig, EPOCH, 4); // progress at 2 s: patience begins anew
    flow_rig_tick(&rig, 4999);
    assert_null(flow_rig_find(&rig, TW_FLOW_FLUSH));
    flow_rig_tick(&rig, 1);
    assert_non_null(flow_rig_find(&rig, TW_FLOW_FLUSH));
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_READ)->from, 5);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ALARM)->alarm, TW_FLOW_NO_ACK);
    flow_rig_rows(&rig, 5, 5);
    flow_rig_assert_publish(&rig, 5, 9);
    flow_rig_ack(&rig, EPOCH, 9);
    assert_non_null(flow_rig_find(&rig, TW_FLOW_FINE));
    tw_flow_free(rig.flow);
}

static void refused_is_paced(enum tw_ack_mode mode, int reason, enum tw_flow_alarm alarm)
{
    struct flow_rig rig;
    flow_rig_begin(&rig, mode, 0, 10);
    flow_rig_connect(&rig, 4, 0, 10);
    flow_rig_rows(&rig, 1, 9);
    unsigned pass = flow_rig_pass(&rig);
    flow_rig_puback(&rig, 1, pass, reason);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ALARM)->alarm, alarm);
    for (uint64_t sequence = 2; sequence <= 4; sequence++) {
        flow_rig_puback(&rig, sequence, pass, reason);
        assert_int_equal(rig.out.count, 0); // one alarm a pass; nothing told, nothing sent
    }
    flow_rig_tick(&rig, 4999);
    assert_int_equal(rig.out.count, 0);
    flow_rig_tick(&rig, 1);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_READ)->from, 1);
    flow_rig_rows(&rig, 1, 9);
    flow_rig_assert_publish(&rig, 1, 1); // one event finds out whether things are better
    flow_rig_puback(&rig, 1, flow_rig_pass(&rig), 0);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_PUBLISH)->from, 2);
    tw_flow_free(rig.flow);
}

static void test_refusals_hold_and_retry_at_the_pace(void **state)
{
    (void)state;
    refused_is_paced(TW_ACK_CENTRAL, 0x10, TW_FLOW_NO_SUBSCRIBER);
    refused_is_paced(TW_ACK_BROKER, 0x10, TW_FLOW_NO_SUBSCRIBER);
    refused_is_paced(TW_ACK_CENTRAL, 0x97, TW_FLOW_REFUSED);
    refused_is_paced(TW_ACK_BROKER, 0x97, TW_FLOW_REFUSED);
    refused_is_paced(TW_ACK_BROKER, 0x87, TW_FLOW_REFUSED);
}

static void test_a_word_of_the_centre_ends_the_pace(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 3, 10);
    flow_rig_connect(&rig, 4, 3, 10);
    flow_rig_rows(&rig, 4, 6);
    flow_rig_puback(&rig, 4, flow_rig_pass(&rig), 0x10);
    flow_rig_ack(&rig, EPOCH, 3);
    assert_non_null(flow_rig_find(&rig, TW_FLOW_FINE));
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_READ)->from, 4);
    tw_flow_free(rig.flow);
}

static void test_an_answer_to_a_withdrawn_question_is_dropped(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 100);
    flow_rig_connect(&rig, 20, 0, 100);
    flow_rig_rows(&rig, 1, 20);
    flow_rig_assert_publish(&rig, 1, 20);
    unsigned late = rig.question; // asks from 21 on
    flow_rig_puback(&rig, 1, flow_rig_pass(&rig), 0x97);
    flow_rig_tick(&rig, 5000);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_READ)->from, 1);
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_ROWS, .rows = {EPOCH, late, 40}});
    assert_null(flow_rig_find(&rig, TW_FLOW_PUBLISH));
    flow_rig_rows(&rig, 1, 20);
    flow_rig_assert_publish(&rig, 1, 1);
    tw_flow_free(rig.flow);
}

// P2, `ack: broker`
static void test_broker_mode_takes_contiguous_pubacks(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_BROKER, 0, 10);
    flow_rig_connect(&rig, 4, 0, 10);
    flow_rig_rows(&rig, 1, 9);
    unsigned pass = flow_rig_pass(&rig);
    flow_rig_puback(&rig, 2, pass, 0);
    assert_null(flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE));
    flow_rig_puback(&rig, 1, pass, 0);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE)->through, 2);
    flow_rig_assert_publish(&rig, 5, 6);
    flow_rig_ack(&rig, EPOCH, 6); // nobody's word but the broker's
    assert_int_equal(rig.out.count, 0);
    tw_flow_free(rig.flow);
}

static void test_puback_of_an_earlier_pass_proves_nothing(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_BROKER, 0, 3);
    flow_rig_connect(&rig, 10, 0, 3);
    flow_rig_rows(&rig, 1, 2);
    unsigned first = flow_rig_pass(&rig);
    flow_rig_tick(&rig, 5000);
    flow_rig_rows(&rig, 1, 2);
    flow_rig_assert_publish(&rig, 1, 2);
    unsigned second = flow_rig_pass(&rig);
    flow_rig_puback(&rig, 2, first, 0); // 2 is on its way again, behind 1
    flow_rig_puback(&rig, 1, second, 0);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE)->through, 1);
    tw_flow_free(rig.flow);
}

static void test_nothing_is_published_after_a_refusal(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 20);
    flow_rig_connect(&rig, 50, 0, 20);
    flow_rig_rows(&rig, 1, 9);
    flow_rig_puback(&rig, 1, flow_rig_pass(&rig), 0x10);
    flow_rig_rows(&rig, 10, 5); // was asked for before
    assert_null(flow_rig_find(&rig, TW_FLOW_PUBLISH));
    tw_flow_free(rig.flow);
}

// P4
static void test_another_epoch_is_ignored(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 10);
    flow_rig_connect(&rig, 20, 0, 10);
    flow_rig_rows(&rig, 1, 9);
    flow_rig_ack(&rig, OTHER, 9);
    assert_int_equal(rig.out.count, 0);
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_REJECT, .ack = {OTHER, 3, .head = NULL}});
    assert_int_equal(rig.out.count, 0);
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_REJECT, .ack = {EPOCH, 3, .head = NULL}});
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_REJECT_ROW)->from, 3);
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_REJECT, .ack = {EPOCH, 33, .head = NULL}});
    assert_int_equal(rig.out.count, 0);
    tw_flow_free(rig.flow);
}

// P4: a restored disk image
static void test_an_ack_ahead_of_the_journal_begins_a_new_epoch(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 10);
    flow_rig_connect(&rig, 20, 0, 10);
    flow_rig_rows(&rig, 1, 9);
    flow_rig_ack(&rig, EPOCH, 50);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE)->through, 50);
    assert_null(flow_rig_find(&rig, TW_FLOW_PUBLISH));
    flow_rig_rows(&rig, 10, 5);
    assert_null(flow_rig_find(&rig, TW_FLOW_PUBLISH));
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_JOURNAL, .journal = {OTHER, 0, 10}});
    assert_non_null(flow_rig_find(&rig, TW_FLOW_PUBLISH_STATE));
    assert_non_null(flow_rig_find(&rig, TW_FLOW_FLUSH));
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_READ)->from, 1);
    flow_rig_rows(&rig, 1, 9); // of the old epoch
    assert_null(flow_rig_find(&rig, TW_FLOW_PUBLISH));
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_ROWS, .rows = {OTHER, rig.question, 9}});
    flow_rig_assert_publish(&rig, 1, 9);
    tw_flow_free(rig.flow);
}

// A centre that lost its database acknowledges nothing: it is told again where the journal stands.
static void test_silence_of_the_centre_is_answered_with_the_state(void **state)
{
    (void)state;
    static const uint8_t head[32] = {7};
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 5, 10);
    flow_rig_connect(&rig, 20, 5, 10);
    flow_rig_rows(&rig, 6, 9);
    flow_rig_ack(&rig, EPOCH, 0);
    assert_null(flow_rig_find(&rig, TW_FLOW_PUBLISH_STATE));
    flow_rig_tick(&rig, TW_FLOW_PATIENCE_MS);
    assert_non_null(flow_rig_find(&rig, TW_FLOW_PUBLISH_STATE));
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_READ)->from, 6);
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_ACK, .ack = {EPOCH, 7, .head = head}});
    assert_memory_equal(flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE)->head, head, sizeof head);
    tw_flow_free(rig.flow);
}

static void test_one_acknowledgement_at_a_time(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 10);
    flow_rig_connect(&rig, 20, 0, 10);
    flow_rig_rows(&rig, 1, 9);
    flow_rig_ack(&rig, EPOCH, 2);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE)->through, 2);
    flow_rig_ack(&rig, EPOCH, 4);
    assert_null(flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE));
    flow_rig_ack(&rig, EPOCH, 6);
    assert_null(flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE));
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_JOURNAL, .journal = {EPOCH, 2, 10}});
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE)->through, 6);
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_JOURNAL, .journal = {EPOCH, 2, 10}});
    assert_null(
        flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE)); // a journal that failed is asked again, not at once
    flow_rig_tick(&rig, 5000);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE)->through, 6);
    tw_flow_free(rig.flow);
}

static int64_t wait_for_connect(struct flow_rig *rig)
{
    int64_t wait = tw_flow_deadline(rig->flow) - rig->now;
    flow_rig_tick(rig, wait);
    assert_non_null(flow_rig_find(rig, TW_FLOW_CONNECT));
    return wait;
}

static void test_backoff_grows_and_short_success_does_not_reset_it(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 1);
    static const int64_t most[] = {1000, 2000, 4000, 8000, 16000, 20000, 20000, 20000};
    flow_rig_connect(&rig, 20, 0, 1);
    for (size_t i = 0; i < sizeof most / sizeof most[0]; i++) {
        flow_rig_tick(&rig, TW_FLOW_STEADY_MS - 1);
        flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_DISCONNECTED});
        int64_t wait = wait_for_connect(&rig);
        assert_in_range(wait, most[i] / 4, most[i]);
        flow_rig_step(&rig, (struct tw_flow_event){
                                .kind = TW_FLOW_CONNECTED, .receive_maximum = 20, .journal = {EPOCH, 0, 1}});
    }
    flow_rig_tick(&rig, TW_FLOW_STEADY_MS);
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_DISCONNECTED});
    assert_in_range(wait_for_connect(&rig), 250, 1000);
    tw_flow_free(rig.flow);
}

static void test_silent_and_stalled_brokers_are_left(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 10);
    flow_rig_tick(&rig, 0);
    assert_non_null(flow_rig_find(&rig, TW_FLOW_CONNECT));
    flow_rig_tick(&rig, TW_FLOW_CONNECT_MS);
    assert_non_null(flow_rig_find(&rig, TW_FLOW_DISCONNECT));
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ALARM)->alarm, TW_FLOW_SILENT);
    flow_rig_connect(&rig, 5, 0, 10);
    flow_rig_rows(&rig, 1, 9);
    for (int i = 0; i < 5; i++) { // going back adds nothing to what the broker has not answered
        flow_rig_tick(&rig, 5000);
        flow_rig_rows(&rig, 1, 9);
        assert_null(flow_rig_find(&rig, TW_FLOW_PUBLISH));
    }
    flow_rig_tick(&rig, 5000);
    assert_non_null(flow_rig_find(&rig, TW_FLOW_DISCONNECT));
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ALARM)->alarm, TW_FLOW_STALLED);
    tw_flow_free(rig.flow);
}

static void test_members_are_asked_for_until_they_come(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 1);
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_MEMBERS, .members = {6, true}});
    flow_rig_connect(&rig, 20, 0, 1);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ASK_MEMBERS)->from, 6);
    flow_rig_tick(&rig, 9999);
    assert_null(flow_rig_find(&rig, TW_FLOW_ASK_MEMBERS));
    flow_rig_tick(&rig, 1);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ASK_MEMBERS)->from, 6);
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_MEMBERS, .members = {7, false}});
    flow_rig_tick(&rig, 20000);
    assert_null(flow_rig_find(&rig, TW_FLOW_ASK_MEMBERS));
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_MEMBERS, .members = {7, true}});
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ASK_MEMBERS)->from, 7);
    tw_flow_free(rig.flow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connects_at_once_and_announces_itself),
        cmocka_unit_test(test_window_counts_from_through),
        cmocka_unit_test(test_own_window_bounds_a_generous_broker),
        cmocka_unit_test(test_no_progress_goes_back),
        cmocka_unit_test(test_refusals_hold_and_retry_at_the_pace),
        cmocka_unit_test(test_a_word_of_the_centre_ends_the_pace),
        cmocka_unit_test(test_an_answer_to_a_withdrawn_question_is_dropped),
        cmocka_unit_test(test_broker_mode_takes_contiguous_pubacks),
        cmocka_unit_test(test_puback_of_an_earlier_pass_proves_nothing),
        cmocka_unit_test(test_nothing_is_published_after_a_refusal),
        cmocka_unit_test(test_another_epoch_is_ignored),
        cmocka_unit_test(test_an_ack_ahead_of_the_journal_begins_a_new_epoch),
        cmocka_unit_test(test_silence_of_the_centre_is_answered_with_the_state),
        cmocka_unit_test(test_one_acknowledgement_at_a_time),
        cmocka_unit_test(test_backoff_grows_and_short_success_does_not_reset_it),
        cmocka_unit_test(test_silent_and_stalled_brokers_are_left),
        cmocka_unit_test(test_members_are_asked_for_until_they_come),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
