// SPDX-License-Identifier: Apache-2.0
//
// Single steps of a tap's flow (agent/lane/tap_flow.h) with scans, which random histories seldom tell apart.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/lane/tap_flow.h"

static const uint8_t boots[2][16] = {{1}, {2}};

static struct tw_tap_flow_actions step(struct tw_tap_flow *flow, struct tw_tap_flow_event event)
{
    struct tw_tap_flow_actions out;
    tw_tap_flow_step(flow, 0, &event, &out);
    return out;
}

static struct tw_tap_flow_actions hello(struct tw_tap_flow *flow, unsigned boot)
{
    return step(flow, (struct tw_tap_flow_event){.kind = TW_TAP_FLOW_HELLO, .hello = {boots[boot], 0, 0}});
}

static struct tw_tap_flow_actions scan(struct tw_tap_flow *flow, uint64_t number, bool loyalty)
{
    return step(flow, (struct tw_tap_flow_event){.kind = TW_TAP_FLOW_SCAN, .scan = {number, loyalty}});
}

static bool asks(const struct tw_tap_flow_actions *actions, enum tw_tap_flow_action_kind kind)
{
    for (size_t i = 0; i < actions->count; i++) {
        if (actions->list[i].kind == kind) {
            return true;
        }
    }
    return false;
}

// An agent that was killed before its acknowledgement was sent: the tap says so by telling the scan again.
static void p3_what_is_kept_is_acknowledged_again(void **state)
{
    (void)state;
    struct tw_tap_place committed = {.boot = {1}, .scan = 3};
    struct tw_tap_flow *flow = tw_tap_flow_new(&committed);
    (void)hello(flow, 0);
    struct tw_tap_flow_actions out = scan(flow, 2, true);
    assert_int_equal(out.count, 1);
    assert_int_equal(out.list[0].kind, TW_TAP_FLOW_ACKNOWLEDGE_SCAN);
    assert_int_equal(out.list[0].place.scan, 3);
    tw_tap_flow_free(flow);
}

// P1: while a card is on its way to the journal no scan behind it is acknowledged.
static void p1_nothing_is_acknowledged_past_a_card(void **state)
{
    (void)state;
    struct tw_tap_flow *flow = tw_tap_flow_new(&(struct tw_tap_place){0});
    (void)hello(flow, 0);
    struct tw_tap_flow_actions out = scan(flow, 1, false);
    assert_true(asks(&out, TW_TAP_FLOW_SKIP_SCAN) && asks(&out, TW_TAP_FLOW_ACKNOWLEDGE_SCAN));
    out = scan(flow, 2, true);
    assert_true(asks(&out, TW_TAP_FLOW_QUEUE_SCAN));
    const struct tw_tap_place after = out.list[0].place;
    out = step(flow, (struct tw_tap_flow_event){.kind = TW_TAP_FLOW_QUEUED});
    assert_true(asks(&out, TW_TAP_FLOW_SUBMIT));
    out = scan(flow, 3, false);
    assert_true(asks(&out, TW_TAP_FLOW_SKIP_SCAN));
    assert_false(asks(&out, TW_TAP_FLOW_ACKNOWLEDGE_SCAN));
    out = scan(flow, 2, true); // on a new line
    assert_int_equal(out.count, 0);
    out = step(flow, (struct tw_tap_flow_event){.kind = TW_TAP_FLOW_LANDED, .landed = {.after = after}});
    assert_true(asks(&out, TW_TAP_FLOW_ACKNOWLEDGE));
    assert_int_equal(out.list[1].place.scan, 3);
    tw_tap_flow_free(flow);
}

// P1: scans are numbered anew in each boot; what was committed of the one before says nothing of them.
static void p1_a_card_is_safe_by_its_own_boot(void **state)
{
    (void)state;
    struct tw_tap_flow *flow = tw_tap_flow_new(&(struct tw_tap_place){.boot = {1}, .scan = 5});
    (void)hello(flow, 1);
    (void)step(flow, (struct tw_tap_flow_event){.kind = TW_TAP_FLOW_READ_OUT});
    struct tw_tap_flow_actions out = scan(flow, 1, true);
    assert_true(asks(&out, TW_TAP_FLOW_QUEUE_SCAN));
    (void)step(flow, (struct tw_tap_flow_event){.kind = TW_TAP_FLOW_QUEUED});
    (void)hello(flow, 1); // a new line: it is told again
    out = scan(flow, 1, true);
    assert_int_equal(out.count, 0);
    tw_tap_flow_free(flow);
}

// P7: the tap started anew while a card of its boot before was on its way, and that could not be kept: it
// cannot be had again.
static void p7_a_card_of_an_earlier_boot_that_failed_is_told_of(void **state)
{
    (void)state;
    struct tw_tap_flow *flow = tw_tap_flow_new(&(struct tw_tap_place){.boot = {1}});
    (void)hello(flow, 0);
    (void)scan(flow, 1, true);
    (void)step(flow, (struct tw_tap_flow_event){.kind = TW_TAP_FLOW_QUEUED});
    (void)hello(flow, 1);
    struct tw_tap_flow_actions out = step(flow, (struct tw_tap_flow_event){.kind = TW_TAP_FLOW_READ_OUT});
    assert_false(asks(&out, TW_TAP_FLOW_QUEUE_RESTARTED));
    (void)step(flow,
               (struct tw_tap_flow_event){.kind = TW_TAP_FLOW_LANDED, .landed = {.error = TW_ERR_FULL}});
    out = hello(flow, 1);
    assert_true(asks(&out, TW_TAP_FLOW_QUEUE_RESTARTED));
    tw_tap_flow_free(flow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p3_what_is_kept_is_acknowledged_again),
        cmocka_unit_test(p1_nothing_is_acknowledged_past_a_card),
        cmocka_unit_test(p1_a_card_is_safe_by_its_own_boot),
        cmocka_unit_test(p7_a_card_of_an_earlier_boot_that_failed_is_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
