// SPDX-License-Identifier: Apache-2.0
#include <inttypes.h>
#include <string.h>

#include "agent/uplink/link_state.h"
#include "agent/uplink/reasons.h"
#include "agent/uplink/why.h"
#include "agent/uplink/word.h"

static void act_connect(struct tw_link *link)
{
    struct tw_error_text err = {""};
    // A clock that was years ahead once must not end every certificate for good (and the next attempt is
    // again by the later time: it may be the clock that is wrong).
    link->by_clock = !link->by_clock && link->creds.tls != NULL && tw_tls_too_old(link->creds.tls);
    int rc = tw_creds_load(&link->creds, tw_link_believed_ms(link), &err);
    if (rc == TW_OK) {
        link->mqtt_options.tls = link->creds.tls;
        rc = tw_mqtt_open(&link->mqtt_options, &tw_link_hooks, link, &link->mqtt, &err);
    }
    if (rc != TW_OK && !tw_inbox_stopped(link->inbox)) {
        tw_link_say(link, err.text);
        tw_link_step(link, &(struct tw_flow_event){.kind = TW_FLOW_DISCONNECTED});
    }
}

// A failure is explained by the next tw_mqtt_run.
static int publish(struct tw_link *link, const char *topic, struct tw_slice payload, bool retain,
                   const char *content_type, int *mid)
{
    char full[224];
    (void)snprintf(full, sizeof full, "%s%s", link->prefix, topic);
    struct tw_mqtt_message message = {full, payload, retain, content_type};
    int rc = link->mqtt != NULL ? tw_mqtt_publish(link->mqtt, &message, mid) : TW_ERR_CLOSED;
    link->broken = link->broken || (rc != TW_OK && rc != TW_ERR_TOO_LARGE);
    return rc;
}

void tw_link_publish_text(struct tw_link *link, const char *topic, const char *text, bool retain)
{
    int mid;
    (void)publish(link, topic, tw_slice_of(text), retain, NULL, &mid);
}

static void act_publish_state(struct tw_link *link)
{
    struct tw_journal_stats stats;
    struct tw_flow_view view;
    char text[TW_WORD_STATE_BYTES];
    tw_flow_view(link->flow, &view);
    tw_journal_stats(link->options.journal, &stats);
    tw_word_state(&stats, view.session, text);
    tw_link_publish_text(link, "state", text, true);
}

static void act_ask_members(struct tw_link *link, uint64_t since)
{
    char text[48];
    (void)snprintf(text, sizeof text, "{\"since\":%" PRIu64 "}", since);
    tw_link_publish_text(link, "req/members", text, false);
}

static void act_read(struct tw_link *link, const struct tw_flow_action *action)
{
    void *question = tw_inbox_question(link->inbox, action->question);
    int rc = tw_journal_read(link->options.journal, action->from, action->count, tw_inbox_on_rows, question);
    link->unread = rc == TW_OK ? (struct tw_flow_action){0} : *action;
}

// The answer to one row of a PUBLISH that needs no broker: a dead letter is settled already, an event
// that the broker would never take is refused (MQTT 5 section 3.4.2.1 has no code for it; 0x95 is
// section 2.4's "packet too large"). It waits until the PUBLISH is through: what the flow makes of it may be
// another PUBLISH, and rows are published in rising order.
static void answer_self(struct tw_link *link, uint64_t sequence, unsigned pass, int reason)
{
    if (link->answer_count < TW_FLOW_WINDOW) { // the flow never opens more
        link->answers[link->answer_count++] = (struct tw_own_answer){sequence, pass, reason};
    }
}

static void publish_row(struct tw_link *link, uint64_t sequence, unsigned pass)
{
    const struct tw_journal_payload *row = NULL;
    char topic[48];
    int mid = 0;
    enum tw_shelf_found found = tw_shelf_find(&link->shelf, sequence, &row);
    if (found == TW_SHELF_DEAD) {
        answer_self(link, sequence, pass, 0);
        return;
    }
    if (found == TW_SHELF_ABSENT) { // P2: it may not count as taken
        tw_link_say(link, "an event that was to be sent had not been read; connecting again to start over");
        link->doomed = true;
        return;
    }
    (void)snprintf(topic, sizeof topic, "evt/%s", row->family);
    int rc = publish(link, topic, row->bytes, false, "application/cloudevents+json", &mid);
    if (rc == TW_ERR_TOO_LARGE) {
        answer_self(link, sequence, pass, TW_REASON_TOO_LARGE);
    } else if (rc == TW_OK) {
        tw_shelf_opened(&link->shelf, mid, sequence, pass);
    }
}

static void act_publish(struct tw_link *link, const struct tw_flow_action *action)
{
    bool many = action->through > action->from;
    if (many) {
        tw_mqtt_cork(link->mqtt, true);
    }
    uint64_t sequence = action->from;
    while (sequence <= action->through && !link->broken && !link->doomed) {
        publish_row(link, sequence++, action->pass);
    }
    if (many && link->mqtt != NULL) {
        tw_mqtt_cork(link->mqtt, false);
    }
}

static void act_acknowledge(struct tw_link *link, const struct tw_flow_action *action)
{
    struct tw_flow_view view;
    tw_flow_view(link->flow, &view);
    // One it has no room for is told again by the flow.
    (void)!tw_journal_acknowledge_hash(link->options.journal, view.epoch, action->through, action->head,
                                       tw_inbox_on_settled, link->inbox);
}

static void act_reject(struct tw_link *link, uint64_t sequence)
{
    struct tw_flow_view view;
    tw_flow_view(link->flow, &view);
    if (tw_journal_reject(link->options.journal, view.epoch, sequence, link->reason) != TW_OK) {
        tw_link_say(link,
                    "the journal did not take a reject of the centre, which repeats it on a new connection");
        link->doomed = true; // and an ack of this one must not remove the row before
    }
}

static void explain_refusal(int code, char *out, size_t size)
{
    const struct tw_reason *reason = tw_reason_find(code);
    if (code == 0) {
        (void)snprintf(out, size, "the centre waits for it, and it is a dead letter");
    } else {
        (void)snprintf(out, size, "the broker refused it with reason code 0x%02x%s%s", (unsigned)code,
                       reason->says != NULL ? ": " : "", reason->says != NULL ? reason->says : "");
    }
}

static void act_refuse(struct tw_link *link, const struct tw_flow_action *action)
{
    struct tw_flow_view view;
    char text[160];
    tw_flow_view(link->flow, &view);
    explain_refusal(action->reason, text, sizeof text);
    if (tw_journal_refuse(link->options.journal, view.epoch, action->from, text) != TW_OK) {
        tw_link_say(link, "the journal did not take out an event that cannot be sent; it is tried again");
    }
}

void tw_link_act(struct tw_link *link, const struct tw_flow_action *action)
{
    struct tw_error_text err;
    switch (action->kind) {
    case TW_FLOW_CONNECT:
        act_connect(link);
        break;
    case TW_FLOW_DISCONNECT:
        link->doomed = true;
        break;
    case TW_FLOW_LEAVE:
        link->doomed = link->leaving = true;
        break;
    case TW_FLOW_PUBLISH_STATE:
        act_publish_state(link);
        break;
    case TW_FLOW_FLUSH:
        tw_shelf_flush(&link->shelf);
        break;
    case TW_FLOW_READ:
        act_read(link, action);
        break;
    case TW_FLOW_PUBLISH:
        act_publish(link, action);
        break;
    case TW_FLOW_ACKNOWLEDGE:
        act_acknowledge(link, action);
        break;
    case TW_FLOW_REJECT_ROW:
        act_reject(link, action->from);
        break;
    case TW_FLOW_REFUSE_ROW:
        act_refuse(link, action);
        break;
    case TW_FLOW_ASK_MEMBERS:
        act_ask_members(link, action->from);
        break;
    case TW_FLOW_ALARM:
        tw_why_alarm(action, link->prefix, &err);
        tw_link_say(link, err.text);
        break;
    case TW_FLOW_FINE:
        tw_link_say(link, "");
        break;
    }
}
