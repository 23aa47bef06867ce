// SPDX-License-Identifier: Apache-2.0
#include "agent/lane/identity.h"

#include <stdio.h>
#include <string.h>

void tw_identity_remember(struct tw_identity *identity, const char *scheme, const char *pseudonym,
                          const char *card, int64_t now_ms)
{
    size_t len = strlen(card);
    identity->present = true;
    identity->at_ms = now_ms;
    (void)snprintf(identity->scheme, sizeof identity->scheme, "%s", scheme);
    (void)snprintf(identity->pseudonym, sizeof identity->pseudonym, "%s", pseudonym);
    (void)snprintf(identity->tail, sizeof identity->tail, "%s", len > 4 ? card + len - 4 : card);
}

// The shorter of the two ends the longer. Nothing shown or nothing known agrees with all.
static bool tails_agree(const char *shown, const char *known)
{
    size_t shown_len = shown != NULL ? strlen(shown) : 0;
    size_t known_len = strlen(known);
    size_t len = shown_len < known_len ? shown_len : known_len;
    return len == 0 || strcmp(shown + shown_len - len, known + known_len - len) == 0;
}

enum tw_identity_source tw_identity_choose(const struct tw_identity *identity,
                                           const struct tw_identity_clue *clue, int64_t now_ms)
{
    if (clue->card) {
        return TW_IDENTITY_CARD;
    }
    // A copy proves nothing about who stands here. A clock that was set back makes the scan look young:
    // believe the scan.
    if (clue->copy || identity == NULL || !identity->present || now_ms - identity->at_ms > TW_IDENTITY_MS ||
        !tails_agree(clue->tail, identity->tail)) {
        return TW_IDENTITY_NOBODY;
    }
    return TW_IDENTITY_SCAN;
}

// What remains is the workstation.
static void forget(struct tw_identity *identity)
{
    const char *workstation = identity->workstation;
    tw_seal_wipe(identity, sizeof *identity);
    identity->workstation = workstation;
}

bool tw_identity_take(struct tw_identity *identity, const struct tw_identity_clue *clue,
                      struct tw_identity *taken)
{
    *taken = (struct tw_identity){0};
    if (identity == NULL || clue->copy || !identity->present) {
        return false;
    }
    *taken = *identity;
    forget(identity);
    return true;
}

void tw_identity_return(struct tw_identity *identity, struct tw_identity *taken)
{
    if (taken->present && identity != NULL && !identity->present) {
        *identity = *taken;
    }
    tw_seal_wipe(taken, sizeof *taken);
}
