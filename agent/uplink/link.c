// SPDX-License-Identifier: Apache-2.0
#include "agent/uplink/link.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "agent/uplink/link_state.h"
#include "agent/uplink/word.h"

#define READ_AGAIN_MS 250   // a journal too busy for a question is asked again after
#define LOOK_MS       10000 // between two looks at the certificate files
#define LEAVE_MS      500   // for a farewell before new ones are taken up

// ---- status ----

static int64_t now_ms(const struct tw_link *link)
{
    return link->options.clock->monotonic_ms(link->options.clock);
}

static int64_t look_ms(const struct tw_link *link)
{
    return link->options.look_ms > 0 ? link->options.look_ms : LOOK_MS;
}

void tw_link_say(struct tw_link *link, const char *why)
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
    (void)snprintf(status->why, sizeof status->why, "%.*s", (int)sizeof status->why - 1,
                   link->why[0] != '\0' ? link->why : link->creds.notice);
    (void)pthread_mutex_unlock(&link->lock);
}

void tw_link_status(struct tw_link *link, struct tw_uplink_status *out)
{
    (void)pthread_mutex_lock(&link->lock);
    *out = link->status;
    (void)pthread_mutex_unlock(&link->lock);
}

int64_t tw_link_believed_ms(const struct tw_link *link)
{
    const struct tw_clock *clock = link->options.clock;
    struct tw_journal_stats stats;
    tw_journal_stats(link->options.journal, &stats);
    bool vouched = clock->trust(clock) == TW_CLOCK_OK;
    // By the clock: it may stand at 1970, and then the journal's time must not come back in.
    return tw_creds_time(clock->wall_ms(clock), vouched, link->by_clock ? 0 : stats.latest_ms);
}

// The journal as it is now, in particular its epoch.
static void tell_of_journal(struct tw_link *link, enum tw_flow_input kind)
{
    struct tw_journal_stats stats;
    tw_journal_stats(link->options.journal, &stats);
    tw_link_step(link, &(struct tw_flow_event){.kind = kind,
                                               .receive_maximum = link->receive_maximum,
                                               .journal = {stats.epoch, stats.through, stats.next_sequence}});
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
    if (!granted) {
        tw_link_say(
            link,
            "the broker does not allow this terminal to subscribe to its ack, reject and members topics; "
            "check its access list");
        link->doomed = true;
        return;
    }
    link->look_at = now_ms(link) + look_ms(link);
    tell_of_journal(link, TW_FLOW_CONNECTED);
}

static void on_puback(void *ctx, int mid, int reason)
{
    struct tw_link *link = ctx;
    struct tw_open_publish open;
    link->refused = link->refused || reason >= 0x80;
    if (tw_shelf_closed(&link->shelf, mid, &open)) {
        tw_link_step(link, &(struct tw_flow_event){.kind = TW_FLOW_PUBACK,
                                                   .puback = {open.sequence, open.pass, .reason = reason}});
    } else if (reason >= 0x80) {
        tw_link_say(
            link, "the broker refuses this terminal's state and questions; check the certificate's name and "
                  "the broker's access list");
    }
}

static void on_word(struct tw_link *link, struct tw_slice payload, bool is_ack)
{
    struct tw_word word;
    // Nothing counts after what ends the connection: a reject that the journal had no room for may be before
    // it.
    if (!link->doomed && tw_word_read(payload, is_ack, &word)) {
        const uint8_t *head = word.has_head ? word.head : NULL;
        const uint64_t *session = word.has_session ? &word.session : NULL;
        link->reason = word.reason;
        tw_link_step(link, &(struct tw_flow_event){.kind = is_ack ? TW_FLOW_ACK : TW_FLOW_REJECT,
                                                   .ack = {word.epoch, word.number, head, session}});
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

const struct tw_mqtt_hooks tw_link_hooks = {on_ready, on_subscribed, on_puback, on_message};

static void step(struct tw_link *link, const struct tw_flow_event *event)
{
    struct tw_flow_actions out;
    tw_flow_step(link->flow, now_ms(link), event, &out);
    for (size_t i = 0; i < out.count; i++) {
        tw_link_act(link, &out.list[i]);
    }
}

void tw_link_step(struct tw_link *link, const struct tw_flow_event *event)
{
    step(link, event);
    while (link->answer_count > 0) {
        struct tw_own_answer first = link->answers[0];
        link->answer_count--;
        memmove(&link->answers[0], &link->answers[1], link->answer_count * sizeof first);
        step(link, &(struct tw_flow_event){
                       .kind = TW_FLOW_PUBACK,
                       .puback = {first.sequence, first.pass, first.reason, .dead = first.reason == 0}});
    }
}

// ---- turns ----

static void drop(struct tw_link *link)
{
    int reason = link->mqtt != NULL ? tw_mqtt_reason(link->mqtt) : 0;
    tw_mqtt_close(link->mqtt, link->leaving ? LEAVE_MS : 0);
    link->mqtt = NULL;
    link->doomed = link->leaving = link->broken = link->refused = link->more = false;
    link->shelf.open_count = 0;
    tw_shelf_flush(&link->shelf);
    // Of no meaning where it was the flow's decision.
    tw_link_step(link, &(struct tw_flow_event){.kind = TW_FLOW_DISCONNECTED, .reason = reason});
}

// The journal opens a new epoch by itself as well: after a damage, a refusal, a resync.
static void take_foreign_rows(struct tw_link *link, const struct tw_rows *rows, unsigned question)
{
    struct tw_flow_view view;
    tell_of_journal(link, TW_FLOW_JOURNAL);
    tw_flow_view(link->flow, &view);
    if (question == view.question) { // not so: asked again
        tw_link_step(link, &(struct tw_flow_event){.kind = TW_FLOW_ROWS, .rows = {rows->epoch, question, 0}});
    }
}

static void take_rows(struct tw_link *link, struct tw_rows *rows, unsigned question)
{
    struct tw_flow_view view;
    tw_flow_view(link->flow, &view);
    if (rows->count == 0 || view.state != TW_FLOW_ONLINE) {
        tw_rows_free(rows);
        return;
    }
    // Also where the question was withdrawn meanwhile: the journal says only once that its epoch is another
    // one.
    if (strcmp(rows->epoch, view.epoch) != 0) {
        take_foreign_rows(link, rows, question);
        tw_rows_free(rows);
        return;
    }
    if (question != view.question) {
        tw_rows_free(rows);
        return;
    }
    char epoch[sizeof rows->epoch];
    memcpy(epoch, rows->epoch, sizeof epoch);
    uint64_t last = rows->rows[rows->count - 1].sequence;
    if (tw_shelf_put(&link->shelf, rows)) {
        tw_link_step(link, &(struct tw_flow_event){.kind = TW_FLOW_ROWS, .rows = {epoch, question, last}});
    }
}

static void take_resync(struct tw_link *link, uint64_t from)
{
    struct tw_flow_view view;
    enum tw_resync found = TW_RESYNC_READ;
    tw_flow_view(link->flow, &view);
    // What was acknowledged a moment ago must be known to the journal, which decides.
    (void)!tw_journal_acknowledge(link->options.journal, view.epoch, view.through, NULL, NULL);
    int rc = tw_journal_resync(link->options.journal, from, &found);
    if (rc != TW_OK) {
        struct tw_error_text err;
        (void)tw_fail(&err, rc,
                      "event %" PRIu64 " was asked for again, which this journal does not know (%s)", from,
                      tw_err_name(rc));
        tw_link_say(link, err.text);
    } else if (found == TW_RESYNC_RENEWED) {
        tell_of_journal(link, TW_FLOW_JOURNAL);
    } else {
        tw_link_step(link, &(struct tw_flow_event){.kind = TW_FLOW_RESYNC, .resync_from = from});
    }
}

static void take_mail(struct tw_link *link)
{
    struct tw_letters mail;
    tw_inbox_take(link->inbox, &mail);
    if (mail.settled) {
        tell_of_journal(link, TW_FLOW_JOURNAL);
    }
    if (mail.members) {
        tw_link_step(link, &(struct tw_flow_event){.kind = TW_FLOW_MEMBERS,
                                                   .members = {mail.members_version, mail.members_wanted}});
    }
    if (mail.rows != NULL) {
        take_rows(link, mail.rows, mail.question);
    }
    if (mail.resync != 0) {
        take_resync(link, mail.resync);
    }
}

static void look_at_files(struct tw_link *link)
{
    link->look_at = now_ms(link) + look_ms(link);
    enum tw_creds_news news = tw_creds_look(&link->creds, tw_link_believed_ms(link));
    if (news != TW_CREDS_SAME) {
        tw_link_step(link, &(struct tw_flow_event){.kind = TW_FLOW_RENEWED,
                                                   .renewed = news == TW_CREDS_RENEWED,
                                                   .renew_ms = link->options.renew_ms});
    }
}

static bool is_online(const struct tw_link *link)
{
    struct tw_flow_view view;
    tw_flow_view(link->flow, &view);
    return view.state == TW_FLOW_ONLINE;
}

int tw_link_wait(struct tw_link *link, struct pollfd *fd)
{
    int64_t deadline = tw_flow_deadline(link->flow);
    int64_t now = now_ms(link);
    deadline = is_online(link) && link->look_at < deadline ? link->look_at : deadline;
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
        if (link->doomed && err.text[0] != '\0' && (!link->refused || tw_mqtt_reason(link->mqtt) != 0)) {
            tw_link_say(link, err.text);
        }
    }
    if (!link->doomed && now_ms(link) >= tw_flow_deadline(link->flow)) {
        tw_link_step(link, &(struct tw_flow_event){.kind = TW_FLOW_TICK});
    }
    if (!link->doomed && is_online(link) && now_ms(link) >= link->look_at) {
        look_at_files(link);
    }
    if (link->unread.count > 0 && !link->doomed) {
        struct tw_flow_action again = link->unread;
        tw_link_act(link, &again);
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
        tw_link_publish_text(link, "state", link->mqtt_options.will, true);
    }
    tw_mqtt_close(link->mqtt, view.state == TW_FLOW_ONLINE ? wait_ms : 0);
    link->mqtt = NULL;
}

// ---- life ----

// On the port of HTTPS a load balancer has to be told that this is MQTT (RFC 7301; the protocol's name is
// registered with IANA).
static const char *alpn_of(const struct tw_uplink_options *options, const struct tw_address *address)
{
    if (options->alpn != NULL && options->alpn[0] != '\0') {
        return options->alpn;
    }
    return address->port == 443 ? "mqtt" : NULL;
}

static void name_things(struct tw_link *link, const struct tw_uplink_options *options)
{
    (void)snprintf(link->client_id, sizeof link->client_id, "%s-%s-%s", options->tenant, options->store,
                   options->terminal);
    (void)snprintf(link->store_prefix, sizeof link->store_prefix, "tillwire/v1/%s/%s/", options->tenant,
                   options->store);
    (void)snprintf(link->prefix, sizeof link->prefix, "%s%s/", link->store_prefix, options->terminal);
    (void)snprintf(link->will_topic, sizeof link->will_topic, "%sstate", link->prefix);
}

int tw_link_new(const struct tw_uplink_options *options, const struct tw_address *address,
                const struct tw_proxy *proxy, struct tw_inbox *inbox, struct tw_link **out,
                struct tw_error_text *err)
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
    tw_creds_init(&link->creds, options->ca, options->cert, options->key, address->host,
                  alpn_of(options, address));
    link->proxy = proxy != NULL ? *proxy : link->proxy;
    link->status.through = stats.through;
    link->status.since_ms = options->clock->monotonic_ms(options->clock);
    link->mqtt_options = (struct tw_mqtt_options){
        .address = *address,
        .ca = link->creds.ca,
        .cert = link->creds.cert,
        .key = link->creds.key,
        .proxy = proxy != NULL ? &link->proxy : NULL,
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
        tw_creds_free(&link->creds);
        explicit_bzero(&link->proxy, sizeof link->proxy);
        tw_shelf_flush(&link->shelf);
        tw_flow_free(link->flow);
        (void)pthread_mutex_destroy(&link->lock);
        free(link);
    }
}
