// SPDX-License-Identifier: Apache-2.0
//
// What the uplink makes of the centre's words when some were lost: acknowledgements that overtake a reject, a
// centre that lost its database and waits for a dead letter, rejects that are repeated. The ordinary rules
// are in flow_test.c.
#include "tests/fakes/flow_rig.h"

#define PATIENCE TW_FLOW_PATIENCE_MS

static uint64_t session_of(const struct flow_rig *rig)
{
    struct tw_flow_view view;
    tw_flow_view(rig->flow, &view);
    return view.session;
}

static uint64_t through_of(const struct flow_rig *rig)
{
    struct tw_flow_view view;
    tw_flow_view(rig->flow, &view);
    return view.through;
}

static void ack_in(struct flow_rig *rig, uint64_t session, uint64_t through)
{
    flow_rig_step(
        rig, (struct tw_flow_event){.kind = TW_FLOW_ACK, .ack = {EPOCH, through, NULL, .session = &session}});
}

static void reject(struct flow_rig *rig, uint64_t sequence)
{
    flow_rig_step(
        rig, (struct tw_flow_event){.kind = TW_FLOW_REJECT, .ack = {.epoch = EPOCH, .through = sequence}});
}

// P7: a reject of event 3 goes down with the connection; an acknowledgement of 9 comes on the next one before
// the centre has heard of it. Row 3 must still be there when the reject is repeated.
static void test_p7_an_ack_of_another_session_removes_nothing(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 10);
    flow_rig_connect(&rig, 20, 0, 10);
    uint64_t first = session_of(&rig);
    flow_rig_rows(&rig, 1, 9);
    ack_in(&rig, first, 2);
    assert_int_equal(through_of(&rig), 2);
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_JOURNAL, .journal = {EPOCH, 2, 10}});
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_DISCONNECTED});
    flow_rig_connect(&rig, 20, 2, 10);
    assert_int_not_equal(session_of(&rig), first);
    assert_in_range(session_of(&rig), 1, UINT64_C(1) << 53);
    ack_in(&rig, first, 9);
    ack_in(&rig, 0, 9); // of a centre that has heard nobody yet
    assert_null(flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE));
    assert_int_equal(through_of(&rig), 2);
    reject(&rig, 3);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_REJECT_ROW)->from, 3);
    ack_in(&rig, session_of(&rig), 9);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE)->through, 9);
    tw_flow_free(rig.flow);
}

// A centre that names no session is believed, as before there were any.
static void test_an_ack_without_a_session_is_believed(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 10);
    flow_rig_connect(&rig, 20, 0, 10);
    flow_rig_ack(&rig, EPOCH, 4);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE)->through, 4);
    tw_flow_free(rig.flow);
}

// A process that begins anew must not be taken for the one before.
static void test_sessions_of_two_processes_differ(void **state)
{
    (void)state;
    const struct tw_flow_journal journal = {EPOCH, 0, 1};
    uint64_t sessions[2];
    for (uint64_t seed = 0; seed < 2; seed++) {
        struct flow_rig rig = {.flow = tw_flow_new(TW_ACK_CENTRAL, seed << 40, &journal), .now = 1000};
        flow_rig_connect(&rig, 20, 0, 1);
        sessions[seed] = session_of(&rig);
        tw_flow_free(rig.flow);
    }
    assert_int_not_equal(sessions[0], sessions[1]);
}

// P7: repeated rejects go to the journal, which knows whether they are needed, and count once.
static void test_p7_a_repeated_reject_counts_once(void **state)
{
    (void)state;
    struct flow_rig rig;
    struct tw_flow_view view;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 10);
    flow_rig_connect(&rig, 20, 0, 10);
    for (int i = 0; i < 3; i++) {
        reject(&rig, 3);
        assert_int_equal(flow_rig_find(&rig, TW_FLOW_REJECT_ROW)->from, 3);
        reject(&rig, 5);
    }
    tw_flow_view(rig.flow, &view);
    assert_int_equal(view.rejected, 2);
    tw_flow_free(rig.flow);
}

// P7: the journal takes no acknowledgement while it could not store a rejection. The centre repeats it when
// it is told the state, though the uplink itself waits for nothing.
static void test_p7_a_journal_that_does_not_take_it_makes_the_centre_repeat_itself(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 0, 5);
    flow_rig_connect(&rig, 20, 0, 5);
    flow_rig_rows(&rig, 1, 4);
    reject(&rig, 3);
    ack_in(&rig, session_of(&rig), 4);
    assert_non_null(flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE));
    flow_rig_tick(&rig, PATIENCE - 1);
    assert_null(flow_rig_find(&rig, TW_FLOW_PUBLISH_STATE));
    flow_rig_tick(&rig, 1);
    assert_non_null(flow_rig_find(&rig, TW_FLOW_PUBLISH_STATE));
    assert_non_null(flow_rig_find(&rig, TW_FLOW_ACKNOWLEDGE)); // and it is told again
    tw_flow_free(rig.flow);
}

// ---- a centre that lost its database ----

// Rows 6 to 9 after an acknowledged 5, of which row `dead` is a dead letter.
static void give_rows(struct flow_rig *rig, uint64_t dead)
{
    flow_rig_rows(rig, 6, 4);
    unsigned pass = flow_rig_pass(rig);
    for (uint64_t sequence = 6; sequence <= 9; sequence++) {
        flow_rig_step(rig, (struct tw_flow_event){.kind = TW_FLOW_PUBACK,
                                                  .puback = {sequence, pass, 0, .dead = sequence == dead}});
    }
}

// P4, P7: the centre says that it has all up to 5 and goes no further: nothing was sent for 6. After the pass
// in which it said so, the dead letter leaves the numbering.
static void test_p4_a_hole_that_the_centre_waits_for_is_closed(void **state)
{
    (void)state;
    struct flow_rig rig;
    flow_rig_begin(&rig, TW_ACK_CENTRAL, 5, 10);
    flow_rig_connect(&rig, 20, 5, 10);
    give_rows(&rig, 6);
    flow_rig_tick(&rig, PATIENCE); // the centre is silent: it may be on its way
    assert_null(flow_rig_find(&rig, TW_FLOW_REFUSE_ROW));
    give_rows(&rig, 6);
    ack_in(&rig, session_of(&rig), 5);
    assert_null(flow_rig_find(&rig, TW_FLOW_REFUSE_ROW));
    flow_rig_tick(&rig, PATIENCE);
    assert_non_null(flow_rig_find(&rig, TW_FLOW_REFUSE_ROW));
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_REFUSE_ROW)->from, 6);
    assert_int_equal(flow_rig_find(&rig, TW_FLOW_REFUSE_ROW)->reason, 0);
    flow_rig_step(&rig, (struct tw_flow_event){.kind = TW_FLOW_JOURNAL, .journal = {OTHER, 0, 4}});
    assert_non_null(flow_rig_find(&rig, TW_FLOW_PUBLISH_STATE));
    tw_flow_free(rig.flow);
}

// P2, P4: no other row is ever taken out: one that was sent, one that does not stand first, one that a centre
// has passed, one whose acknowledgement is another session's.
static void test_p4_nothing_else_is_taken_out(void **state)
{
    (void)state;
    static const struct {
        uint64_t dead, through;
        bool another_session;
    } cases[] = {{0, 5, false}, {7, 5, false}, {6, 6, false}, {6, 4, false}, {6, 5, true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct flow_rig rig;
        flow_rig_begin(&rig, TW_ACK_CENTRAL, 5, 10);
        flow_rig_connect(&rig, 20, 5, 10);
        give_rows(&rig, cases[i].dead);
        ack_in(&rig, session_of(&rig) + cases[i].another_session, cases[i].through);
        flow_rig_tick(&rig, PATIENCE);
        assert_null(flow_rig_find(&rig, TW_FLOW_REFUSE_ROW));
        tw_flow_free(rig.flow);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_p7_an_ack_of_another_session_removes_nothing),
        cmocka_unit_test(test_an_ack_without_a_session_is_believed),
        cmocka_unit_test(test_sessions_of_two_processes_differ),
        cmocka_unit_test(test_p7_a_repeated_reject_counts_once),
        cmocka_unit_test(test_p7_a_journal_that_does_not_take_it_makes_the_centre_repeat_itself),
        cmocka_unit_test(test_p4_a_hole_that_the_centre_waits_for_is_closed),
        cmocka_unit_test(test_p4_nothing_else_is_taken_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
