// SPDX-License-Identifier: Apache-2.0
//
// What a tap's flow decides about its scanner, and how a place is kept.
#include <string.h>

#include "agent/lane/tap_flow_parts.h"

#define STATE_BYTES sizeof(struct tw_page_state)

void tw_tap_place_pack(const struct tw_tap_place *place, uint8_t out[TW_TAP_PLACE_BYTES])
{
    memcpy(out, &place->state, STATE_BYTES);
    for (size_t i = 0; i < 8; i++) {
        out[STATE_BYTES + i] = (uint8_t)(place->scan >> 8 * i);
    }
}

void tw_tap_place_unpack(const uint8_t *bytes, size_t len, struct tw_tap_place *place)
{
    if (len != STATE_BYTES && len != TW_TAP_PLACE_BYTES) {
        return;
    }
    memcpy(&place->state, bytes, STATE_BYTES);
    place->scan = 0;
    for (size_t i = STATE_BYTES; i < len; i++) {
        place->scan |= (uint64_t)bytes[i] << 8 * (i - STATE_BYTES);
    }
}

static void account_for(struct tw_tap_flow *flow, uint64_t number)
{
    flow->accounted.scan = number;
    flow->heard_scan = number;
}

static void acknowledge(const struct tw_tap_flow *flow, struct tw_tap_flow_actions *out)
{
    tw_tap_flow_add(out, TW_TAP_FLOW_ACKNOWLEDGE_SCAN)->place =
        flow->count == 0 ? flow->accounted : flow->committed;
}

// Numbers count anew with each boot, and what is committed may be of the one before.
static bool is_safe(const struct tw_tap_flow *flow, uint64_t number)
{
    return flow->count == 0 || (memcmp(flow->committed.boot, flow->boot, sizeof flow->boot) == 0 &&
                                number <= flow->committed.scan);
}

// What comes again after a new start of the line is known by its number.
void tw_tap_flow_scan(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                      struct tw_tap_flow_actions *out)
{
    (void)now;
    if (event->scan.number <= flow->accounted.scan) {
        if (is_safe(flow, event->scan.number)) { // it does not know that yet
            acknowledge(flow, out);
        }
        return;
    }
    if (event->scan.loyalty) {
        account_for(flow, event->scan.number);
        (void)tw_tap_flow_queue(flow, TW_TAP_FLOW_QUEUE_SCAN, out);
        return;
    }
    flow->accounted.scan = event->scan.number; // nothing is lost with it
    (void)tw_tap_flow_add(out, TW_TAP_FLOW_SKIP_SCAN);
    if (flow->count == 0) { // else with what waits
        acknowledge(flow, out);
    }
}

void tw_tap_flow_scans_lost(struct tw_tap_flow *flow, int64_t now, const struct tw_tap_flow_event *event,
                            struct tw_tap_flow_actions *out)
{
    (void)now;
    uint64_t known = flow->accounted.scan + 1;
    if (event->span.to > known) { // else it was told before
        uint64_t from = event->span.from > known ? event->span.from : known;
        account_for(flow, event->span.to - 1);
        tw_tap_flow_queue(flow, TW_TAP_FLOW_QUEUE_SCANS_LOST, out)->count = (size_t)(event->span.to - from);
    }
}
