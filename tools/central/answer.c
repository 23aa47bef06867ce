// SPDX-License-Identifier: Apache-2.0
#include "tools/central/answer.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "tillwire/json.h"
#include "tillwire/seal.h"

#define NEVER UINT_MAX

struct tw_answers {
    struct tw_mqtt *mqtt;
    unsigned connection; // counts them, from 1
    struct kept {
        struct kept *next;
        struct tw_epoch *epoch; // the store keeps them as long as it is open
        uint64_t sequence;
        char reason[513];
    } * first, **last;
};

struct tw_answers *tw_answers_new(void)
{
    struct tw_answers *answers = calloc(1, sizeof *answers);
    if (answers != NULL) {
        answers->last = &answers->first;
    }
    return answers;
}

static struct kept *take_kept(struct tw_answers *answers)
{
    struct kept *kept = answers->first;
    if (kept != NULL) {
        answers->first = kept->next;
        answers->last = answers->first != NULL ? answers->last : &answers->first;
    }
    return kept;
}

void tw_answers_free(struct tw_answers *answers)
{
    struct kept *kept = answers != NULL ? take_kept(answers) : NULL;
    for (; kept != NULL; kept = take_kept(answers)) {
        free(kept);
    }
    free(answers);
}

void tw_answers_use(struct tw_answers *answers, struct tw_mqtt *mqtt)
{
    answers->mqtt = mqtt;
    answers->connection++;
}

struct tw_mqtt *tw_answers_mqtt(const struct tw_answers *answers)
{
    return answers->mqtt;
}

bool tw_answers_publish(struct tw_answers *answers, const char *topic, struct tw_slice payload)
{
    const struct tw_mqtt_message message = {.topic = topic, .payload = payload};
    int mid;
    return answers->mqtt != NULL && tw_mqtt_publish(answers->mqtt, &message, &mid) == TW_OK;
}

// A source begins with a slash, as the topic needs it.
static bool publish_below(struct tw_answers *answers, const struct tw_epoch *epoch, const char *rest,
                          struct tw_slice text)
{
    char topic[160];
    (void)snprintf(topic, sizeof topic, "tillwire/v1%s/%s", epoch->source, rest);
    return tw_answers_publish(answers, topic, text);
}

void tw_answers_heard(const struct tw_answers *answers, struct tw_epoch *epoch, uint64_t session)
{
    epoch->session = session;
    epoch->heard_on = answers->connection;
}

// `head` tells the terminal that the same events are meant. A session of 0, of a terminal that was not heard
// on this connection, is nobody's: such an acknowledgement waits for the one that answers its state.
void tw_answers_ack(struct tw_answers *answers, const struct tw_epoch *epoch)
{
    char text[256];
    char hex[65];
    bool heard = epoch->heard_on == answers->connection;
    int len =
        snprintf(text, sizeof text, "{\"epoch\":\"%s\",\"through\":%" PRIu64, epoch->epoch, epoch->through);
    if (epoch->through > 0) {
        tw_seal_hex(epoch->head, 32, hex);
        len += snprintf(text + len, sizeof text - (size_t)len, ",\"head\":\"%s\"", hex);
    }
    if (!heard || epoch->session != 0) { // an agent of before sessions names none
        len += snprintf(text + len, sizeof text - (size_t)len, ",\"session\":%" PRIu64,
                        heard ? epoch->session : 0);
    }
    (void)snprintf(text + len, sizeof text - (size_t)len, "}");
    (void)publish_below(answers, epoch, "ack", tw_slice_of(text));
}

void tw_answers_reject(struct tw_answers *answers, struct tw_epoch *epoch, uint64_t sequence,
                       const char *reason)
{
    struct tw_buf text = {0};
    tw_buf_printf(&text, "{\"epoch\":\"%s\",\"sequence\":%" PRIu64 ",\"reason\":", epoch->epoch, sequence);
    tw_json_dump_text(tw_slice_of(reason), &text);
    tw_buf_add_text(&text, "}");
    if (tw_buf_status(&text) != TW_OK || !publish_below(answers, epoch, "reject", tw_buf_slice(&text))) {
        epoch->heard_on = NEVER;
    }
    tw_buf_free(&text);
}

int tw_answers_keep_reject(struct tw_answers *answers, struct tw_epoch *epoch,
                           const struct tw_judgement *event)
{
    struct kept *kept = calloc(1, sizeof *kept);
    if (kept == NULL) {
        return TW_ERR_NOMEM;
    }
    kept->epoch = epoch;
    kept->sequence = event->sequence;
    (void)snprintf(kept->reason, sizeof kept->reason, "%s", event->reason);
    *answers->last = kept;
    answers->last = &kept->next;
    (void)fprintf(stderr, "tillwire-central: rejected %s epoch %s sequence %" PRIu64 ": %s\n", epoch->source,
                  epoch->epoch, event->sequence, event->reason);
    return TW_OK;
}

// Many answers share segments.
void tw_answers_committed(struct tw_answers *answers, const struct tw_epoch *dirty)
{
    bool many = answers->mqtt != NULL && dirty != NULL && (dirty->other != NULL || answers->first != NULL);
    if (many) {
        tw_mqtt_cork(answers->mqtt, true);
    }
    for (struct kept *kept = take_kept(answers); kept != NULL; kept = take_kept(answers)) {
        tw_answers_reject(answers, kept->epoch, kept->sequence, kept->reason);
        free(kept);
    }
    for (const struct tw_epoch *epoch = dirty; epoch != NULL; epoch = epoch->other) {
        tw_answers_ack(answers, epoch);
    }
    if (many) {
        tw_mqtt_cork(answers->mqtt, false);
    }
}
