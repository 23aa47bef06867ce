// SPDX-License-Identifier: Apache-2.0
#include "tools/central/centre.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/uplink/word.h"
#include "tillwire/event.h"
#include "tillwire/json.h"
#include "tools/central/answer.h"
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
    struct tw_answers *answers;
    bool ready, refused;
    unsigned heard;     // messages since the last commit
    int failed;         // the store did; nothing is answered any more
    struct tw_doc *doc; // the event that is looked at
    struct tw_hash *hash;
    struct tw_buf output; // printed after the commit
};

static void note_failure(struct tw_centre *centre, int rc)
{
    centre->failed = centre->failed != TW_OK ? centre->failed : rc;
}

// ---- events ----

// The chain of the epoch: each event names the hash of the payload before it (include/contract/names.md). One
// that does not is of another past than what is here: the terminal's disk was set back, or a part of it was
// lost. Whatever followed would be counted over what is missing between. So it is not taken: the
// acknowledgement says by its hash what is here, and the terminal begins a new epoch, with all it has.
static bool follows(const struct tw_epoch *epoch, const struct tw_judgement *event)
{
    uint8_t before[32];
    // One that names no hash cannot be told, and is against the contract: it is rejected in its place.
    return !tw_word_hash(event->prevhash, before) || memcmp(before, epoch->head, sizeof before) == 0;
}

static void leave_out(struct tw_epoch *epoch, const struct tw_judgement *event)
{
    epoch->broken++;
    (void)fprintf(stderr,
                  "tillwire-central: ALARM: the hash chain of %s epoch %s is broken at sequence %" PRIu64
                  "; nothing is taken until the terminal begins a new epoch\n",
                  epoch->source, epoch->epoch, event->sequence);
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
    tw_hash_sha256(centre->hash, payload, epoch->head);
    int rc = tw_centre_store_settle(centre->parts.store, epoch, &settling);
    if (rc == TW_OK && bad) {
        rc = tw_answers_keep_reject(centre->answers, epoch, event);
    }
    if (rc != TW_OK) {
        note_failure(centre, rc);
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
        if (follows(epoch, event)) {
            settle(centre, topic, epoch, event, payload);
        } else {
            leave_out(epoch, event);
        }
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
    struct tw_epoch *epoch; // of rejects
    const char *topic;      // of pages
};

static void repeat_reject(void *ctx, uint64_t sequence, const char *reason)
{
    const struct to_terminal *to = ctx;
    tw_answers_reject(to->centre->answers, to->epoch, sequence, reason);
}

static void send_page(void *ctx, struct tw_slice page)
{
    const struct to_terminal *to = ctx;
    (void)tw_answers_publish(to->centre->answers, to->topic, page);
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

// What a terminal says of itself while it is online.
struct said {
    const char *epoch;
    int64_t through; // all up to here is gone from it
    bool has_head;
    uint8_t head[32]; // of that event
    int64_t session;  // 0: it names none
};

static bool read_state(const tw_json *value, struct said *out)
{
    uint8_t id[16];
    *out = (struct said){.epoch = tw_json_text(tw_json_get(value, "epoch"))};
    if (!tw_json_is_true(tw_json_get(value, "online")) || out->epoch == NULL || strlen(out->epoch) != 36 ||
        tw_uuid_parse(out->epoch, id) != TW_OK) {
        return false;
    }
    (void)!tw_json_int(tw_json_get(value, "through"), &out->through); // an older agent tells neither
    (void)!tw_json_int(tw_json_get(value, "session"), &out->session);
    out->has_head = tw_word_hash(tw_json_text(tw_json_get(value, "head")), out->head);
    out->through = out->through > 0 ? out->through : 0;
    out->session = out->session > 0 ? out->session : 0;
    return true;
}

// A terminal never has less to send than its centre lacks, unless the centre lost what it had, or has another
// event where the terminal has nothing left. What the terminal removed is missing for good then, and all that
// is left goes on after it.
static int skip_lost(struct tw_centre *centre, struct tw_epoch *epoch, const struct said *said)
{
    uint64_t through = (uint64_t)said->through;
    bool same = through == epoch->through && memcmp(said->head, epoch->head, sizeof epoch->head) == 0;
    if (through == 0 || !said->has_head || through < epoch->through || same) {
        return TW_OK;
    }
    if (through == epoch->through) {
        (void)fprintf(
            stderr,
            "tillwire-central: ALARM: %s epoch %s has removed all up to %" PRIu64
            ", and that was another event than the one in this database; the rest goes on after it\n",
            epoch->source, epoch->epoch, through);
    } else {
        (void)fprintf(stderr,
                      "tillwire-central: ALARM: %s epoch %s has removed all up to %" PRIu64
                      ", of which this database has only those up to %" PRIu64
                      "; the rest is missing for good\n",
                      epoch->source, epoch->epoch, through, epoch->through);
    }
    return tw_centre_store_skip(centre->parts.store, epoch, through, said->head);
}

// A terminal is online: rejects before the ack that covers them, since the ack removes the row. All of them
// above what it has removed: it may have heard none.
static int welcome(struct tw_centre *centre, const struct tw_topic *topic, struct tw_epoch *epoch,
                   const struct said *said)
{
    struct to_terminal to = {.centre = centre, .epoch = epoch};
    uint64_t version = 0;
    tw_answers_heard(centre->answers, epoch, (uint64_t)said->session);
    int rc = tw_centre_store_rejects(centre->parts.store, epoch, (uint64_t)said->through, repeat_reject, &to);
    if (rc == TW_OK) {
        tw_answers_ack(centre->answers, epoch);
        rc = tw_roster_version(tw_centre_store_db(centre->parts.store), topic->store, &version);
    }
    if (rc == TW_OK && version > 0) {
        answer_members(centre, topic, version); // an empty change: it says which version holds
    }
    return rc;
}

static void take_state(struct tw_centre *centre, const struct tw_topic *topic, struct tw_slice payload)
{
    tw_json *value = NULL;
    struct said said;
    struct tw_epoch *epoch = NULL;
    if (tw_json_parse(payload, &value, NULL) != TW_OK) {
        return;
    }
    if (read_state(value, &said)) {
        int rc = tw_centre_store_epoch(centre->parts.store, topic->source, said.epoch, true, &epoch);
        rc = rc == TW_OK ? skip_lost(centre, epoch, &said) : rc;
        rc = rc == TW_OK ? tw_centre_commit(centre, NULL) : rc; // what was heard before it comes first
        rc = rc == TW_OK ? welcome(centre, topic, epoch, &said) : rc;
        if (rc != TW_OK) {
            note_failure(centre, rc);
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
    (void)!tw_mqtt_subscribe(tw_answers_mqtt(centre->answers), topics, 3); // a failure ends the connection
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
    centre->answers = tw_answers_new();
    int rc = centre->answers != NULL ? tw_doc_new(&centre->doc) : TW_ERR_NOMEM;
    rc = rc == TW_OK ? tw_hash_new(&centre->hash) : rc;
    if (rc != TW_OK) {
        tw_centre_free(centre);
        return rc;
    }
    *out = centre;
    return TW_OK;
}

void tw_centre_free(struct tw_centre *centre)
{
    if (centre != NULL) {
        tw_answers_free(centre->answers);
        tw_buf_free(&centre->output);
        tw_hash_free(centre->hash);
        tw_doc_free(centre->doc);
        free(centre);
    }
}

void tw_centre_use(struct tw_centre *centre, struct tw_mqtt *mqtt)
{
    tw_answers_use(centre->answers, mqtt);
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
    tw_answers_committed(centre->answers, dirty);
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
