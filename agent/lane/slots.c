// SPDX-License-Identifier: Apache-2.0
//
// One identity (identity.h) a workstation, and what the journal keeps of it: scheme and pseudonym, never the
// card.
#include <stdlib.h>
#include <string.h>

#include "agent/lane/parts.h"
#include "tillwire/json.h"

struct tw_identity *tw_identity_of(struct tw_lane *lane, const char *workstation)
{
    for (size_t i = 0; i < lane->identity_count; i++) {
        if (strcmp(lane->identities[i].workstation, workstation) == 0) {
            return &lane->identities[i];
        }
    }
    return NULL;
}

static void read_back(struct tw_lane *lane, struct tw_identity *identity)
{
    struct tw_buf text = {0};
    tw_json *stored = NULL;
    int64_t at_ms = 0;
    if (tw_journal_lane(lane->with.journal, identity->workstation, &text) == TW_OK && text.len > 0 &&
        tw_json_parse(tw_buf_slice(&text), &stored, NULL) == TW_OK) {
        const char *scheme = tw_json_text(tw_json_get(stored, "scheme"));
        const char *pseudonym = tw_json_text(tw_json_get(stored, "pseudonym"));
        if (scheme != NULL && pseudonym != NULL && strlen(pseudonym) == TW_PSEUDONYM_LEN &&
            tw_json_int(tw_json_get(stored, "at_ms"), &at_ms) == TW_OK) {
            tw_identity_remember(identity, scheme, pseudonym, "", at_ms);
        }
        tw_json_free(stored);
    }
    tw_buf_free(&text);
}

static void add_slot(struct tw_lane *lane, const char *workstation)
{
    if (tw_identity_of(lane, workstation) == NULL) {
        lane->identities[lane->identity_count++].workstation = workstation;
    }
}

int tw_identity_restore(struct tw_lane *lane, struct tw_error_text *err)
{
    const struct tw_config *config = lane->with.config;
    lane->identities = calloc(config->device_count + 1, sizeof *lane->identities);
    if (lane->identities == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "starting the lane: out of memory");
    }
    add_slot(lane, config->terminal);
    for (size_t i = 0; i < config->device_count; i++) {
        if (config->devices[i].workstation != NULL) {
            add_slot(lane, config->devices[i].workstation);
        }
    }
    for (size_t i = 0; i < lane->identity_count; i++) {
        read_back(lane, &lane->identities[i]);
    }
    return TW_OK;
}

void tw_identity_store(const char *workstation, const struct tw_identity *who, struct tw_batch *batch)
{
    if (who == NULL || !who->present) {
        tw_batch_lane(batch, workstation, (struct tw_slice){NULL, 0});
        return;
    }
    tw_json *stored = tw_json_pack("{s:s, s:s, s:I}", "scheme", who->scheme, "pseudonym", who->pseudonym,
                                   "at_ms", who->at_ms);
    struct tw_buf text = {0};
    tw_json_dump(stored, &text);
    tw_batch_lane(batch, workstation, tw_buf_slice(&text));
    tw_json_free(stored);
    tw_buf_free(&text);
}

void tw_identity_set(struct tw_identity *identity, const char *scheme, const char *card,
                     const char *pseudonym, int64_t now_ms, struct tw_batch *batch)
{
    tw_identity_remember(identity, scheme, pseudonym, card, now_ms);
    tw_identity_store(identity->workstation, identity, batch);
}

void tw_identity_keep(struct tw_lane *lane, const char *workstation, const struct tw_identity *waiting,
                      struct tw_batch *batch)
{
    const struct tw_identity *identity = tw_identity_of(lane, workstation);
    bool somebody = identity != NULL && identity->present;
    tw_identity_store(workstation, somebody ? identity : waiting, batch);
}

void tw_identity_give_back(struct tw_lane *lane, struct tw_identity *taken)
{
    tw_identity_return(taken->present ? tw_identity_of(lane, taken->workstation) : NULL, taken);
}
