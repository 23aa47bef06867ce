// SPDX-License-Identifier: Apache-2.0
#include "tools/central/intake.h"

#include <stdio.h>
#include <string.h>

#include "tillwire/event.h"

#define SEQUENCE_DIGITS 20

// The text of `len` characters behind `start`, which is `"key":"`, and before a quote.
static bool find_member(struct tw_slice head, const char *start, size_t len, char *out)
{
    size_t start_len = strlen(start);
    const char *at = head.len > 0 ? memmem(head.ptr, head.len, start, start_len) : NULL;
    if (at == NULL || (size_t)((const char *)head.ptr + head.len - at) < start_len + len + 1 ||
        at[start_len + len] != '"') {
        return false;
    }
    memcpy(out, at + start_len, len);
    out[len] = '\0';
    return true;
}

// What stands before the data.
static struct tw_slice head_of(struct tw_slice payload)
{
    const uint8_t *data = payload.len > 0 ? memmem(payload.ptr, payload.len, "\"data\":{", 8) : NULL;
    return tw_slice_make(payload.ptr, data != NULL ? (size_t)(data - payload.ptr) : payload.len);
}

static bool parse_sequence(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < SEQUENCE_DIGITS; i++) {
        if (text[i] < '0' || text[i] > '9' || value > (UINT64_MAX - 9) / 10) {
            return false;
        }
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *out = value;
    return value > 0 && value <= INT64_MAX;
}

static bool is_uuid(const char *text)
{
    uint8_t id[16];
    return strlen(text) == 36 && tw_uuid_parse(text, id) == TW_OK;
}

void tw_judge_place(struct tw_slice payload, struct tw_judgement *out)
{
    char sequence[SEQUENCE_DIGITS + 1];
    char epoch[37];
    uint64_t number = 0;
    *out = (struct tw_judgement){.value = NULL};
    struct tw_slice head = head_of(payload);
    if (find_member(head, "\"sequence\":\"", SEQUENCE_DIGITS, sequence) &&
        parse_sequence(sequence, &number) && find_member(head, "\"epoch\":\"", 36, epoch) && is_uuid(epoch)) {
        out->sequence = number;
        memcpy(out->epoch, epoch, sizeof out->epoch);
    }
}

// Rejecting what cannot be read moves the chain on as well, so it has to follow like any other.
static void find_prevhash(struct tw_slice payload, struct tw_judgement *out)
{
    if (find_member(head_of(payload), "\"prevhash\":\"", sizeof out->scanned - 1, out->scanned)) {
        out->prevhash = out->scanned;
    }
}

// The place as the JSON value has it: the keys may stand in any order.
static bool place_of_value(const struct tw_doc_node *value, struct tw_judgement *out)
{
    const char *sequence = tw_doc_text(tw_doc_get(value, "sequence"));
    const char *epoch = tw_doc_text(tw_doc_get(value, "epoch"));
    uint64_t number = 0;
    if (sequence == NULL || strlen(sequence) != SEQUENCE_DIGITS || !parse_sequence(sequence, &number) ||
        epoch == NULL || !is_uuid(epoch)) {
        return false;
    }
    out->sequence = number;
    memcpy(out->epoch, epoch, sizeof out->epoch);
    return true;
}

static const char *family_of(const char *type)
{
#define X(symbol, number, name, schema, family)                                                              \
    if (strcmp(type, TW_EVENT_PREFIX name) == 0) {                                                           \
        return family;                                                                                       \
    }
    TW_EVENT_TYPES(X)
#undef X
    return NULL;
}

static void judge_value(const struct tw_schema_set *schemas, const char *source, const char *family,
                        struct tw_judgement *out)
{
    struct tw_error_text err = {""};
    bool known = false;
    const char *claimed = tw_doc_text(tw_doc_get(out->value, "source"));
    out->id = tw_doc_text(tw_doc_get(out->value, "id"));
    out->type = tw_doc_text(tw_doc_get(out->value, "type"));
    out->time = tw_doc_text(tw_doc_get(out->value, "time"));
    out->prevhash = tw_doc_text(tw_doc_get(out->value, "prevhash"));
    if (tw_schema_check_event(schemas, out->value, &known, &err) != TW_OK) {
        (void)snprintf(out->reason, sizeof out->reason, "%s", err.text);
        return;
    }
    const char *right = family_of(out->type); // NULL: a type this centre does not know
    if (strcmp(claimed, source) != 0) {
        (void)snprintf(out->reason, sizeof out->reason, "its source is not that of the topic");
    } else if (right != NULL && strcmp(right, family) != 0) {
        (void)snprintf(out->reason, sizeof out->reason, "its type belongs into the topic evt/%s", right);
    }
}

void tw_judge(const struct tw_schema_set *schemas, struct tw_doc *doc, const char *source, const char *family,
              struct tw_slice payload, struct tw_judgement *out)
{
    struct tw_error_text err = {""};
    if (payload.len > TW_EVENT_MAX_BYTES) {
        (void)snprintf(out->reason, sizeof out->reason, "it is longer than %d bytes", TW_EVENT_MAX_BYTES);
        find_prevhash(payload, out);
    } else if (tw_doc_read(doc, payload, &out->value, &err) != TW_OK) {
        (void)snprintf(out->reason, sizeof out->reason, "not JSON: %.480s", err.text);
        find_prevhash(payload, out);
    } else if (!place_of_value(out->value, out)) {
        (void)snprintf(out->reason, sizeof out->reason, "it names no epoch and sequence");
    } else {
        judge_value(schemas, source, family, out);
    }
}

static bool is_id_character(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool take_id(const char **at, char out[33])
{
    size_t len = 0;
    while (len < 32 && is_id_character((*at)[len])) {
        out[len] = (*at)[len];
        len++;
    }
    if (len == 0 || (*at)[len] != '/') {
        return false;
    }
    out[len] = '\0';
    *at += len + 1;
    return true;
}

bool tw_topic_parse(const char *topic, struct tw_topic *out)
{
    static const char root[] = "tillwire/v1/";
    const char *start = topic + sizeof root - 2; // the slash
    const char *at = start + 1;
    if (strncmp(topic, root, sizeof root - 1) != 0 || !take_id(&at, out->tenant) ||
        !take_id(&at, out->store) || !take_id(&at, out->terminal)) {
        return false;
    }
    size_t len = (size_t)(at - 1 - start);
    memcpy(out->source, start, len);
    out->source[len] = '\0';
    out->rest = at;
    return true;
}
