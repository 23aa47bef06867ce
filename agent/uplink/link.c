// SPDX-License-Identifier: Apache-2.0
#include "agent/uplink/link.h"

#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agent/uplink/flow.h"
#include "agent/uplink/mqtt.h"
#include "agent/uplink/shelf.h"
#include "agent/uplink/why.h"
#include "agent/uplink/word.h"

#define READ_AGAIN_MS 250 // a journal too busy for a question is asked again after

struct tw_link {
    struct tw_uplink_options options;
    struct tw_inbox *inbox;
    struct tw_flow *flow;
    struct tw_shelf shelf;
    struct tw_mqtt_options mqtt_options;
    struct tw_mqtt *mqtt; // NULL: none
    bool doomed;          // to be closed once out of its callbacks
    bool broken;          // a publish failed: the next run will say why
    bool refused;         // a publish was refused: Mosquitto 2.0.11 hangs up after it, which says less
    bool more;            // the connection wants another turn without waiting
    unsigned receive_maximum;
    struct tw_flow_action unread; // a READ the journal had no room for; count 0: none
    const char *reason;           // of the reject being looked at
    char files[3][512];
    char client_id[128];
    char why[sizeof((struct tw_uplink_status *)NULL)->why];
    char prefix[160], store_prefix[128]; // of the topics
    char will_topic[192];
    pthread_mutex_t lock; // of the status
    struct tw_uplink_status status;
};

static void step(struct tw_link *link, const struct tw_flow_event *event);

// ---- status ----

static int64_t now_ms(const struct tw_link *link)
{
    return link->options.clock->monotonic_ms(link->options.clock);
}

static void say(struct tw_link *link, const char *why)
{
    (void)snprintf(link->why, sizeof link->why, "%.*s", (int)sizeof link->why - 1, why);
}

// Once a turn, so that what it says fits together.
static void note_status(struct tw_link *link)
{
    struct tw_flow_view view;
    tw_flow_view(link->flow, &view);
    bool connected = view.state == TW_FLOW_ONLINE;
    (void)pthread_mutex_lock(&link->lock);
    struct tw_uplink_status *status = &link->status;
    if (connected != status->connected) {
        status->connected = connected;
        status->since_ms = now_ms(link);
    }
    status->published = view.published;
    status->acknowledged = view.acknowledged;
    status->rejected = view.rejected;
    status->reconnects = view.reconnects;
    status->no_subscriber = view.no_subscriber;
    status->through = view.through;
    status->window = view.window;
    status->open = view.open;
    memcpy(status->why, link->why, sizeof status->why);
    (void)pthread_mutex_unlock(&link->lock);
}

void tw_link_status(struct tw_link *link, struct tw_uplink_status *out)
{
    (void)pthread_mutex_lock(&link->lock);
    *out = link->status;
    (void)pthread_mutex_unlock(&link->lock);
}

// ---- the connection's hooks ----

static void on_ready(void *ctx, unsigned receive_maximum)
{
    struct tw_link *link = ctx;
    char ack[192], reject[192], rsp[192], members[192];
    const char *topics[] = {rsp, members, ack, reject};
    (void)snprintf(rsp, sizeof rsp, "%srsp/members", link->prefix);
    (void)snprintf(members, sizeof members, "%smembers", link->store_prefix);
    (void)snprintf(ack, sizeof ack, "%sack", link->prefix);
    (void)snprintf(reject, sizeof reject, "%sreject", link->prefix);
    link->receive_maximum = receive_maximum;
    if (tw_mqtt_subscribe(link->mqtt, topics, link->options.ack == TW_ACK_CENTRAL ? 4 : 2) != TW_OK) {
        link->broken = true;
    }
}

static void on_subscribed(void *ctx, bool granted)
{
    struct tw_link *link = ctx;
    struct tw_journal_stats stats;
    if (!granted) {
        say(link,
            "the broker does not allow this terminal to subscribe to its ack, reject and members topics; "
            "check its access list");
        link->doomed = true;
        return;
    }
    tw_journal_stats(link->options.journal, &stats);
    step(link, &(struct tw_flow_event){.kind = TW_FLOW_CONNECTED,
                                       .receive_maximum = link->receive_maximum,
                                       .journal = {stats.epoch, stats.through, stats.next_sequence}});
}

static void on_puback(void *ctx, int mid, int reason)
{
    struct tw_link *link = ctx;
    struct tw_open_publish open;
    link->refused = link->refused || reason >= 0x80;
    if (tw_shelf_closed(&link->shelf, mid, &open)) {
        step(link,
             &(struct tw_flow_event){.kind = TW_FLOW_PUBACK, .puback = {open.sequence, open.pass, reason}});
    } else if (reason >= 0x80) {
        say(link, "the broker refuses this terminal's state and questions; check the certificate's name and "
                  "the broker's access list");
    }
}

static void on_word(struct tw_link *link, struct tw_slice payload, bool is_ack)
{
    struct tw_word word;
    if (tw_word_read(payload, is_ack, &word)) {
        const uint8_t *head = word.has_head ? word.head : NULL;
        link->reason = word.reason;
        step(link, &(struct tw_flow_event){.kind = is_ack ? TW_FLOW_ACK : TW_FLOW_REJECT,
                                           .ack = {word.epoch, word.number, head}});
        link->reason = NULL;
        tw_word_free(&word);
    }
}

static void on_message(void *ctx, const char *topic, struct tw_slice payload)
{
    struct tw_link *link = ctx;
    size_t own = strlen(link->prefix);
    if (strncmp(topic, link->prefix, own) == 0 && strcmp(topic + own, "ack") == 0) {
        on_word(link, payload, true);
    } else if (strncmp(topic, link->prefix, own) == 0 && strcmp(topic + own, "reject") == 0) {
        on_word(link, payload, false);
    } else if (link->options.on_members != NULL) {
        link->options.on_members(link->options.ctx, payload);
    }
}

// ---- actions ----

static void act_connect(struct tw_link *link)
{
    static const struct tw_mqtt_hooks hooks = {on_ready, on_subscribed, on_puback, on_message};
    struct tw_error_text err = {""};
    if (tw_mqtt_open(&link->mqtt_options, &hooks, link, &link->mqtt, &err) != TW_OK &&
        !tw_inbox_stopped(link->inbox)) {
        say(link, err.text);
        step(link, &(struct tw_flow_event){.kind = TW_FLOW_DISCONNECTED});
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

static void publish_text(struct tw_link *link, const char *topic, const char *text, bool retain)
{
    int mid;
    (void)publish(link, topic, tw_slice_of(text), retain, NULL, &mid);
}

static void act_publish_state(struct tw_link *link)
{
    struct tw_journal_stats stats;
    char text[TW_WORD_STATE_BYTES];
    tw_journal_stats(link->options.journal, &stats);
    tw_word_state(&stats, text);
    publish_text(link, "state", text, true);
}

static void act_ask_members(struct tw_link *link, uint64_t since)
{
    char text[48];
    (void)snprintf(text, sizeof text, "{\"since\":%" PRIu64 "}", since);
    publish_text(link, "req/members", text, false);
}

static void act_read(struct tw_link *link, const struct tw_flow_action *action)
{
    void *question = tw_inbox_question(link->inbox, action->question);
    int rc = tw_journal_read(link->options.journal, action->from, action->count, tw_inbox_on_rows, question);
    link->unread = rc == TW_OK ? (struct tw_flow_action){0} : *action;
}

// The answer to one row of a PUBLISH that needs no broker: a dead letter is settled already, an event
// that the broker would never take is refused (MQTT 5 section 3.4.2.1 has no code for it; 0x95 is
// section 2.4's "packet too large").
static void answer_self(struct tw_link *link, uint64_t sequence, unsigned pass, int reason)
{
    step(link, &(struct tw_flow_event){.kind = TW_FLOW_PUBACK, .puback = {sequence, pass, reason}});
}

static void act_publish(struct tw_link *link, const struct tw_flow_action *action)
{
    bool many = action->through > action->from;
    if (many) {
        tw_mqtt_cork(link->mqtt, true);
    }
    for (uint64_t sequence = action->from; sequence <= action->through && !link->broken; sequence++) {
        const struct tw_journal_payload *row = tw_shelf_row(&link->shelf, sequence);
        char topic[48];
        int mid = 0;
        if (row == NULL) {
            answer_self(link, sequence, action->pass, 0);
            continue;
        }
        (void)snprintf(topic, sizeof topic, "evt/%s", row->family);
        int rc = publish(link, topic, row->bytes, false, "application/cloudevents+json", &mid);
        if (rc == TW_ERR_TOO_LARGE) {
            answer_self(link, sequence, action->pass, 0x95);
        } else if (rc == TW_OK) {
            tw_shelf_opened(&link->shelf, mid, sequence, action->pass);
        }
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
        say(link,
            "the journal did not take a reject of the centre; it stays queued until the centre repeats it");
    }
}

static void act(struct tw_link *link, const struct tw_flow_action *action)
{
    struct tw_error_text err;
    switch (action->kind) {
    case TW_FLOW_CONNECT:
        act_connect(link);
        break;
    case TW_FLOW_DISCONNECT:
        link->doomed = true;
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
    case TW_FLOW_ASK_MEMBERS:
        act_ask_members(link, action->from);
        break;
    case TW_FLOW_ALARM:
        tw_why_alarm(action, link->prefix, &err);
        say(link, err.text);
        break;
    case TW_FLOW_FINE:
        say(link, "");
        break;
    }
}

static void step(struct tw_link *link, const struct tw_flow_event *event)
{
    struct tw_flow_actions out;
    tw_flow_step(link->flow, now_ms(link), event, &out);
    for (size_t i = 0; i < out.count; i++) {
        act(link, &out.list[i]);
    }
}

// ---- turns ----

static void drop(struct tw_link *link)
{
    tw_mqtt_close(link->mqtt, 0);
    link->mqtt = NULL;
    link->doomed = link->broken = link->refused = link->more = false;
    link->shelf.open_count = 0;
    tw_shelf_flush(&link->shelf);
    // Of no meaning where it was the flow's decision.
    step(link, &(struct tw_flow_event){.kind = TW_FLOW_DISCONNECTED});
}

static void take_rows(struct tw_link *link, struct tw_rows *rows, unsigned question)
{
    struct tw_flow_view view;
    tw_flow_view(link->flow, &view);
    if (rows->count == 0 || view.state != TW_FLOW_ONLINE || question != view.question ||
        strcmp(rows->epoch, view.epoch) != 0) {
        tw_rows_free(rows);
        return;
    }
    char epoch[sizeof rows->epoch];
    memcpy(epoch, rows->epoch, sizeof epoch);
    uint64_t last = rows->rows[rows->count - 1].sequence;
    if (tw_shelf_put(&link->shelf, rows)) {
        step(link, &(struct tw_flow_event){.kind = TW_FLOW_ROWS, .rows = {epoch, question, last}});
    }
}

static void take_mail(struct tw_link *link)
{
    struct tw_letters mail;
    tw_inbox_take(link->inbox, &mail);
    if (mail.settled) {
        struct tw_journal_stats stats;
        tw_journal_stats(link->options.journal, &stats);
        step(link, &(struct tw_flow_event){.kind = TW_FLOW_JOURNAL,
                                           .journal = {stats.epoch, stats.through, stats.next_sequence}});
    }
    if (mail.members) {
        step(link, &(struct tw_flow_event){.kind = TW_FLOW_MEMBERS,
                                           .members = {mail.members_version, mail.members_wanted}});
    }
    if (mail.rows != NULL) {
        take_rows(link, mail.rows, mail.question);
    }
}

int tw_link_wait(struct tw_link *link, struct pollfd *fd)
{
    int64_t deadline = tw_flow_deadline(link->flow);
    int64_t now = now_ms(link);
    int64_t wait = deadline == INT64_MAX ? INT64_MAX : deadline > now ? deadline - now : 0;
    *fd = (struct pollfd){.fd = -1};
    if (link->mqtt != NULL) {
        fd->fd = tw_mqtt_fd(link->mqtt);
        fd->events = tw_mqtt_prepare(link->mqtt);
        int64_t half = TW_MQTT_KEEPALIVE_S * 1000 / 2;
        wait = wait > half ? half : wait;
    }
    wait = link->unread.count > 0 && wait > READ_AGAIN_MS ? READ_AGAIN_MS : wait;
    if (link->more || link->broken || link->doomed) {
        wait = 0;
    }
    return wait > INT32_MAX ? -1 : (int)wait;
}

void tw_link_turn(struct tw_link *link, short revents)
{
    struct tw_error_text err = {""};
    take_mail(link);
    if (link->mqtt != NULL && !link->doomed) {
        short events = (short)(revents | (link->more || link->broken ? POLLIN : 0));
        if (tw_mqtt_run(link->mqtt, events, &link->more, &err) != TW_OK) {
            link->doomed = true;
        } else if (link->broken) {
            (void)tw_fail(&err, 0, "the connection to the broker broke while sending; connecting again");
            link->doomed = true;
        }
        if (link->doomed && err.text[0] != '\0' && !link->refused) {
            say(link, err.text);
        }
    }
    if (!link->doomed && now_ms(link) >= tw_flow_deadline(link->flow)) {
        step(link, &(struct tw_flow_event){.kind = TW_FLOW_TICK});
    }
    if (link->unread.count > 0 && !link->doomed) {
        struct tw_flow_action again = link->unread;
        act_read(link, &again);
    }
    if (link->doomed) {
        drop(link);
    }
    note_status(link);
}

void tw_link_leave(struct tw_link *link, int wait_ms)
{
    struct tw_flow_view view;
    tw_flow_view(link->flow, &view);
    if (link->mqtt != NULL && view.state == TW_FLOW_ONLINE) {
        publish_text(link, "state", link->mqtt_options.will, true);
    }
    tw_mqtt_close(link->mqtt, view.state == TW_FLOW_ONLINE ? wait_ms : 0);
    link->mqtt = NULL;
}

// ---- life ----

static void name_things(struct tw_link *link, const struct tw_uplink_options *options)
{
    (void)snprintf(link->client_id, sizeof link->client_id, "%s-%s-%s", options->tenant, options->store,
                   options->terminal);
    (void)snprintf(link->store_prefix, sizeof link->store_prefix, "tillwire/v1/%s/%s/", options->tenant,
                   options->store);
    (void)snprintf(link->prefix, sizeof link->prefix, "%s%s/", link->store_prefix, options->terminal);
    (void)snprintf(link->will_topic, sizeof link->will_topic, "%sstate", link->prefix);
    (void)snprintf(link->files[0], sizeof link->files[0], "%s", options->ca);
    (void)snprintf(link->files[1], sizeof link->files[1], "%s", options->cert);
    (void)snprintf(link->files[2], sizeof link->files[2], "%s", options->key);
}

int tw_link_new(const struct tw_uplink_options *options, const struct tw_address *address,
                struct tw_inbox *inbox, struct tw_link **out, struct tw_error_text *err)
{
    uint64_t seed = 0;
    struct tw_journal_stats stats;
    struct tw_link *link = calloc(1, sizeof *link);
    int rc = link != NULL ? tw_seal_random(options->seal, (uint8_t *)&seed, sizeof seed) : TW_ERR_NOMEM;
    if (rc == TW_OK) {
        tw_journal_stats(options->journal, &stats);
        link->flow = tw_flow_new(options->ack, seed,
                                 &(struct tw_flow_journal){stats.epoch, stats.through, stats.next_sequence});
        rc = link->flow != NULL ? TW_OK : TW_ERR_NOMEM;
    }
    if (rc != TW_OK) {
        free(link);
        return tw_fail(err, rc, "cannot start the uplink: %s", tw_err_name(rc));
    }
    link->options = *options;
    link->inbox = inbox;
    (void)pthread_mutex_init(&link->lock, NULL);
    name_things(link, options);
    link->status.through = stats.through;
    link->status.since_ms = options->clock->monotonic_ms(options->clock);
    link->mqtt_options = (struct tw_mqtt_options){
        .address = *address,
        .ca = link->files[0],
        .cert = link->files[1],
        .key = link->files[2],
        .client_id = link->client_id,
        .will_topic = link->will_topic,
        .will = "{\"online\":false,\"version\":\"" TW_VERSION "\"}",
        .receive_maximum = 20, // what comes down is taken at once
        .cancel_fd = tw_inbox_stop_fd(inbox),
    };
    *out = link;
    return TW_OK;
}

void tw_link_free(struct tw_link *link)
{
    if (link != NULL) {
        tw_mqtt_close(link->mqtt, 0);
        tw_shelf_flush(&link->shelf);
        tw_flow_free(link->flow);
        (void)pthread_mutex_destroy(&link->lock);
        free(link);
    }
}
