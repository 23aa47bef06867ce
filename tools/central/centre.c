// SPDX-License-Identifier: Apache-2.0
#include "tools/central/centre.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/uplink/word.h"
#include "tillwire/event.h"
#include "tillwire/json.h"
#include "tools/central/hash.h"
#include "tools/central/intake.h"
#include "tools/central/roster.h"
#include "tools/central/show.h"

// A commit takes what is there, at most so many messages. A terminal has at most 100 open (TW_FLOW_WINDOW)
// and sends on while its last ones are committed, so one that alone fills the line is answered sooner.
#define GROUP_MOST     256
#define GROUP_TERMINAL 64

struct tw_centre {
    struct tw_centre_parts parts;
    struct tw_mqtt *mqtt;
    bool ready, refused;
    unsigned heard;     // messages since the last commit
    int failed;         // the store did; nothing is answered any more
    struct tw_doc *doc; // the event that is looked at
    struct tw_hash *hash;
    struct tw_buf output; // printed after the commit
    struct reject {
        struct reject *next;
        char source[100], epoch[37];
        uint64_t sequence;
        char reason[513];
    } * rejects, **last_reject; // published after the commit
};

// ---- answers ----

static void publish(struct tw_centre *centre, const char *topic, struct tw_slice payload)
{
    int mid;
    if (centre->mqtt != NULL) { // what does not go out is repeated when the terminal says that it is online
        (void)!tw_mqtt_publish(centre->mqtt, &(struct tw_mqtt_message){.topic = topic, .payload = payload},
                               &mid);
    }
}

// `source` begins with a slash, as the topic needs it.
static void publish_below(struct tw_centre *centre, const char *source, const char *rest, const char *text)
{
    char topic[160];
    (void)snprintf(topic, sizeof topic, "tillwire/v1%s/%s", source, rest);
    publish(centre, topic, tw_slice_of(text));
}

// `head` (NULL: none) tells the terminal that the same events are meant.
static void publish_ack(struct tw_centre *centre, const char *source, const char *epoch, uint64_t through,
                        const uint8_t *head)
{
    char text[192];
    char hex[65];
    int len = snprintf(text, sizeof text, "{\"epoch\":\"%s\",\"through\":%" PRIu64, epoch, through);
    if (head != NULL && through > 0) {
        tw_seal_hex(head, 32, hex);
        len += snprintf(text + len, sizeof text - (size_t)len, ",\"head\":\"%s\"", hex);
    }
    (void)snprintf(text + len, sizeof text - (size_t)len, "}");
    publish_below(centre, source, "ack", text);
}

static void publish_reject(struct tw_centre *centre, const char *source, const char *epoch, uint64_t sequence,
                           const char *reason)
{
    struct tw_buf text = {0};
    tw_buf_printf(&text, "{\"epoch\":\"%s\",\"sequence\":%" PRIu64 ",\"reason\":", epoch, sequence);
    tw_json_dump_text(tw_slice_of(reason), &text);
    tw_buf_add_text(&text, "}");
    if (tw_buf_status(&text) == TW_OK) {
        publish_below(centre, source, "reject", (const char *)text.ptr);
    }
    tw_buf_free(&text);
}

static void note_failure(struct tw_centre *centre, int rc)
{
    centre->failed = centre->failed != TW_OK ? centre->failed : rc;
}

// ---- events ----

static void queue_reject(struct tw_centre *centre, const char *source, const struct tw_judgement *event)
{
    struct reject *reject = calloc(1, sizeof *reject);
    if (reject == NULL) {
        note_failure(centre, TW_ERR_NOMEM);
        return;
    }
    (void)snprintf(reject->source, sizeof reject->source, "%s", source);
    (void)snprintf(reject->epoch, sizeof reject->epoch, "%s", event->epoch);
    (void)snprintf(reject->reason, sizeof reject->reason, "%s", event->reason);
    reject->sequence = event->sequence;
    *centre->last_reject = reject;
    centre->last_reject = &reject->next;
    (void)fprintf(stderr, "tillwire-central: rejected %s epoch %s sequence %" PRIu64 ": %s\n", source,
                  event->epoch, event->sequence, event->reason);
}

// The chain of the epoch: each event names the hash of the payload before it (include/contract/names.md).
static void follow_chain(struct tw_centre *centre, struct tw_epoch *epoch, const struct tw_judgement *event,
                         struct tw_slice payload)
{
    char head[65];
    tw_seal_hex(epoch->head, sizeof epoch->head, head);
    if (event->prevhash == NULL || strcmp(event->prevhash, head) != 0) {
        epoch->broken++;
        (void)fprintf(stderr,
                      "tillwire-central: ALARM: the hash chain of %s epoch %s is broken at sequence %" PRIu64
                      "; the event is stored\n",
                      epoch->source, epoch->epoch, event->sequence);
    }
    tw_hash_sha256(centre->hash, payload, epoch->head);
}

static void show(struct tw_centre *centre, const struct tw_topic *topic, const struct tw_judgement *event,
                 struct tw_slice payload)
{
    const struct tw_central_options *options = centre->parts.options;
    if (options->json) {
        tw_show_json(event, topic->source, payload, &centre->output);
        return;
    }
    if (!options->quiet) {
        char tier[65] = "";
        const struct tw_doc_node *customer = tw_doc_get(tw_doc_get(event->value, "data"), "customer");
        const char *pseudonym = tw_doc_text(tw_doc_get(customer, "pseudonym"));
        if (pseudonym != NULL) {
            tw_roster_tier(tw_centre_store_db(centre->parts.store), topic->store, pseudonym, tier,
                           sizeof tier);
        }
        tw_show_line(event, topic->source, tier, &centre->output);
    }
}

static void settle(struct tw_centre *centre, const struct tw_topic *topic, struct tw_epoch *epoch,
                   const struct tw_judgement *event, struct tw_slice payload)
{
    bool bad = event->reason[0] != '\0';
    struct tw_settling settling = {
        .status = bad ? TW_REJECTED : TW_APPLIED,
        .sequence = event->sequence,
        .id = event->id,
        .type = event->type,
        .time = event->time,
        .reason = bad ? event->reason : NULL,
        .payload = payload,
    };
    follow_chain(centre, epoch, event, payload);
    int rc = tw_centre_store_settle(centre->parts.store, epoch, &settling);
    if (rc != TW_OK) {
        note_failure(centre, rc);
    } else if (bad) {
        queue_reject(centre, topic->source, event);
    } else if (settling.status == TW_APPLIED) {
        show(centre, topic, event, payload);
    }
}

// Looks at an event that is in its turn. Without a place it cannot be rejected, only kept to be looked at.
static void take_placed(struct tw_centre *centre, const struct tw_topic *topic, struct tw_judgement *event,
                        struct tw_slice payload)
{
    struct tw_epoch *epoch = NULL;
    int rc = tw_centre_store_epoch(centre->parts.store, topic->source, event->epoch, true, &epoch);
    if (rc != TW_OK) {
        note_failure(centre, rc);
        return;
    }
    epoch->seen = event->sequence > epoch->seen ? event->sequence : epoch->seen;
    tw_centre_store_touch(centre->parts.store, epoch);
    if (event->sequence <= epoch->through) {
        epoch->duplicates++;
    } else if (event->sequence > epoch->through + 1) {
        epoch->ahead++;
    } else {
        if (event->value == NULL && event->reason[0] == '\0') {
            tw_judge(centre->parts.schemas, centre->doc, topic->source, topic->rest + strlen("evt/"), payload,
                     event);
        }
        settle(centre, topic, epoch, event, payload);
    }
}

static void take_event(struct tw_centre *centre, const struct tw_topic *topic, struct tw_slice payload)
{
    struct tw_judgement event;
    tw_judge_place(payload, &event);
    if (event.sequence == 0) {
        tw_judge(centre->parts.schemas, centre->doc, topic->source, topic->rest + strlen("evt/"), payload,
                 &event);
    }
    if (event.sequence > 0) {
        take_placed(centre, topic, &event, payload);
    } else {
        (void)fprintf(stderr, "tillwire-central: ALARM: unreadable message from %s: %s\n", topic->source,
                      event.reason);
        int rc = tw_centre_store_unreadable(centre->parts.store, topic->source, event.reason, payload);
        if (rc != TW_OK) {
            note_failure(centre, rc);
        }
    }
}

// ---- states and questions ----

struct to_terminal {
    struct tw_centre *centre;
    const char *source;
    const char *epoch;
    const char *topic; // of pages
};

static void repeat_reject(void *ctx, uint64_t sequence, const char *reason)
{
    const struct to_terminal *to = ctx;
    publish_reject(to->centre, to->source, to->epoch, sequence, reason);
}

static void send_page(void *ctx, struct tw_slice page)
{
    const struct to_terminal *to = ctx;
    publish(to->centre, to->topic, page);
}

static void send_pages(struct tw_centre *centre, const char *topic, const char *store, uint64_t since)
{
    struct to_terminal to = {.centre = centre, .topic = topic};
    int rc = tw_roster_pages(tw_centre_store_db(centre->parts.store), store, since, send_page, &to);
    if (rc != TW_OK) {
        note_failure(centre, rc);
    }
}

static void answer_members(struct tw_centre *centre, const struct tw_topic *topic, uint64_t since)
{
    char to[160];
    (void)snprintf(to, sizeof to, "tillwire/v1%s/rsp/members", topic->source);
    send_pages(centre, to, topic->store, since);
}

// A terminal came online: rejects before the ack that covers them, since the ack removes the row.
static void welcome(struct tw_centre *centre, const struct tw_topic *topic, const char *epoch_text)
{
    struct tw_epoch *epoch = NULL;
    uint64_t version = 0;
    struct to_terminal to = {.centre = centre, .source = topic->source, .epoch = epoch_text};
    int rc = tw_centre_store_epoch(centre->parts.store, topic->source, epoch_text, false, &epoch);
    if (rc == TW_OK) {
        rc = tw_centre_store_rejects(centre->parts.store, epoch, repeat_reject, &to);
        publish_ack(centre, topic->source, epoch->epoch, epoch->through, epoch->head);
    } else if (rc == TW_ERR_NOT_FOUND) {
        publish_ack(centre, topic->source, epoch_text, 0, NULL);
        rc = TW_OK;
    }
    if (rc == TW_OK) {
        rc = tw_roster_version(tw_centre_store_db(centre->parts.store), topic->store, &version);
    }
    if (rc != TW_OK) {
        note_failure(centre, rc);
    } else if (version > 0) {
        answer_members(centre, topic, version); // an empty change: it says which version holds
    }
}

// A terminal never has less to send than its centre lacks, unless the centre lost what it had: then what
// the terminal removed is missing for good, and all that is left goes on after it.
static int skip_lost(struct tw_centre *centre, const struct tw_topic *topic, const char *epoch_text,
                     const tw_json *state)
{
    struct tw_epoch *epoch = NULL;
    int64_t through = 0;
    uint8_t head[32];
    if (tw_json_int(tw_json_get(state, "through"), &through) != TW_OK || through <= 0 ||
        !tw_word_hash(tw_json_text(tw_json_get(state, "head")), head)) {
        return TW_OK;
    }
    int rc = tw_centre_store_epoch(centre->parts.store, topic->source, epoch_text, true, &epoch);
    if (rc != TW_OK || epoch->through >= (uint64_t)through) {
        return rc;
    }
    (void)fprintf(stderr,
                  "tillwire-central: ALARM: %s epoch %s has removed all up to %" PRId64
                  ", of which this database has only those up to %" PRIu64 "; the rest is missing for good\n",
                  topic->source, epoch_text, through, epoch->through);
    return tw_centre_store_skip(centre->parts.store, epoch, (uint64_t)through, head);
}

static void take_state(struct tw_centre *centre, const struct tw_topic *topic, struct tw_slice payload)
{
    tw_json *value = NULL;
    uint8_t id[16];
    if (tw_json_parse(payload, &value, NULL) != TW_OK) {
        return;
    }
    const char *epoch = tw_json_text(tw_json_get(value, "epoch"));
    if (tw_json_is_true(tw_json_get(value, "online")) && epoch != NULL && strlen(epoch) == 36 &&
        tw_uuid_parse(epoch, id) == TW_OK) {
        int rc = skip_lost(centre, topic, epoch, value);
        rc = rc == TW_OK ? tw_centre_commit(centre, NULL) : rc; // what was heard before it comes first
        if (rc != TW_OK) {
            note_failure(centre, rc);
        } else {
            welcome(centre, topic, epoch);
        }
    }
    tw_json_free(value);
}

static void take_question(struct tw_centre *centre, const struct tw_topic *topic, struct tw_slice payload)
{
    tw_json *value = NULL;
    int64_t since = -1;
    if (strcmp(topic->rest, "req/members") == 0 && tw_json_parse(payload, &value, NULL) == TW_OK) {
        if (tw_json_int(tw_json_get(value, "since"), &since) == TW_OK && since >= 0) {
            answer_members(centre, topic, (uint64_t)since);
        }
        tw_json_free(value);
    }
}

// ---- hooks ----

static void on_ready(void *ctx, unsigned receive_maximum)
{
    struct tw_centre *centre = ctx;
    const char *tenant = centre->parts.options->tenant;
    char events[96], states[96], questions[96];
    const char *topics[] = {events, questions, states};
    (void)receive_maximum;
    (void)snprintf(events, sizeof events, "tillwire/v1/%s/+/+/evt/#", tenant);
    (void)snprintf(questions, sizeof questions, "tillwire/v1/%s/+/+/req/#", tenant);
    (void)snprintf(states, sizeof states, "tillwire/v1/%s/+/+/state", tenant);
    (void)!tw_mqtt_subscribe(centre->mqtt, topics, 3); // a failure ends the connection
}

static void on_subscribed(void *ctx, bool granted)
{
    struct tw_centre *centre = ctx;
    centre->ready = granted;
    centre->refused = !granted;
}

static void on_puback(void *ctx, int mid, int reason)
{
    (void)ctx; // an answer nobody took is repeated when the terminal is online again
    (void)mid;
    (void)reason;
}

static void on_message(void *ctx, const char *topic_text, struct tw_slice payload)
{
    struct tw_centre *centre = ctx;
    struct tw_topic topic;
    centre->heard++;
    if (centre->failed != TW_OK || !tw_topic_parse(topic_text, &topic)) {
        return;
    }
    if (strncmp(topic.rest, "evt/", 4) == 0) {
        take_event(centre, &topic, payload);
    } else if (strcmp(topic.rest, "state") == 0) {
        take_state(centre, &topic, payload);
    } else {
        take_question(centre, &topic, payload);
    }
}

const struct tw_mqtt_hooks *tw_centre_hooks(void)
{
    static const struct tw_mqtt_hooks hooks = {on_ready, on_subscribed, on_puback, on_message};
    return &hooks;
}

// ---- life ----

int tw_centre_new(const struct tw_centre_parts *parts, struct tw_centre **out)
{
    struct tw_centre *centre = calloc(1, sizeof *centre);
    if (centre == NULL) {
        return TW_ERR_NOMEM;
    }
    centre->parts = *parts;
    centre->last_reject = &centre->rejects;
    int rc = tw_doc_new(&centre->doc);
    rc = rc == TW_OK ? tw_hash_new(&centre->hash) : rc;
    if (rc != TW_OK) {
        tw_centre_free(centre);
        return rc;
    }
    *out = centre;
    return TW_OK;
}

static void drop_rejects(struct tw_centre *centre, bool publish_them)
{
    while (centre->rejects != NULL) {
        struct reject *reject = centre->rejects;
        centre->rejects = reject->next;
        if (publish_them) {
            publish_reject(centre, reject->source, reject->epoch, reject->sequence, reject->reason);
        }
        free(reject);
    }
    centre->last_reject = &centre->rejects;
}

void tw_centre_free(struct tw_centre *centre)
{
    if (centre != NULL) {
        drop_rejects(centre, false);
        tw_buf_free(&centre->output);
        tw_hash_free(centre->hash);
        tw_doc_free(centre->doc);
        free(centre);
    }
}

void tw_centre_use(struct tw_centre *centre, struct tw_mqtt *mqtt)
{
    centre->mqtt = mqtt;
    centre->ready = centre->refused = false;
}

bool tw_centre_is_ready(const struct tw_centre *centre)
{
    return centre->ready;
}

bool tw_centre_is_refused(const struct tw_centre *centre)
{
    return centre->refused;
}

// Rejects go out before the acks that cover them. Many answers share segments.
static void answer(struct tw_centre *centre, const struct tw_epoch *dirty)
{
    bool many = centre->mqtt != NULL && dirty != NULL && (dirty->other != NULL || centre->rejects != NULL);
    if (many) {
        tw_mqtt_cork(centre->mqtt, true);
    }
    drop_rejects(centre, true);
    for (const struct tw_epoch *epoch = dirty; epoch != NULL; epoch = epoch->other) {
        publish_ack(centre, epoch->source, epoch->epoch, epoch->through, epoch->head);
    }
    if (many) {
        tw_mqtt_cork(centre->mqtt, false);
    }
}

bool tw_centre_is_due(const struct tw_centre *centre)
{
    return centre->failed != TW_OK || centre->heard >= GROUP_MOST ||
           tw_centre_store_fresh(centre->parts.store) >= GROUP_TERMINAL;
}

int tw_centre_commit(struct tw_centre *centre, struct tw_error_text *err)
{
    struct tw_epoch *dirty = NULL;
    int rc = centre->failed;
    centre->heard = 0;
    if (rc == TW_OK) {
        rc = tw_centre_store_commit(centre->parts.store, &dirty);
    }
    if (rc != TW_OK) {
        return tw_fail(err, rc, "cannot store in %s: %s (%s); make room or check the disk, then start again",
                       centre->parts.options->database, tw_err_name(rc),
                       tw_db_message(tw_centre_store_db(centre->parts.store)));
    }
    answer(centre, dirty);
    if (centre->output.len > 0) {
        (void)fwrite(centre->output.ptr, 1, centre->output.len, stdout);
        (void)fflush(stdout);
        tw_buf_clear(&centre->output);
    }
    return TW_OK;
}

static void store_changed(void *ctx, const char *store, uint64_t before)
{
    struct tw_centre *centre = ctx;
    char topic[128];
    (void)snprintf(topic, sizeof topic, "tillwire/v1/%s/%s/members", centre->parts.options->tenant, store);
    send_pages(centre, topic, store, before);
}

int tw_centre_load_members(struct tw_centre *centre, struct tw_error_text *err)
{
    return tw_roster_load(tw_centre_store_db(centre->parts.store), centre->parts.seal,
                          centre->parts.options->members, store_changed, centre, err);
}
