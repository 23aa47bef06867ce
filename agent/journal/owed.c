// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/journal_parts.h"

bool tw_owed_holds_back(const struct tw_journal *journal, const struct tw_op *acknowledgement)
{
    for (const struct tw_op *owed = journal->owed; owed != NULL; owed = owed->next) {
        if (acknowledgement->sequence >= owed->sequence && strcmp(acknowledgement->epoch, owed->epoch) == 0) {
            return true;
        }
    }
    return false;
}

void tw_owed_keep(struct tw_journal *journal, struct tw_op *rejection)
{
    struct tw_op **at = &journal->owed;
    tw_stats_of_error(journal, rejection->result.error);
    while (*at != NULL &&
           ((*at)->sequence != rejection->sequence || strcmp((*at)->epoch, rejection->epoch) != 0)) {
        at = &(*at)->next;
    }
    if (*at != NULL) { // the centre repeated itself
        tw_op_free(rejection);
        return;
    }
    rejection->next = NULL;
    *at = rejection;
}

struct tw_op *tw_owed_before(struct tw_journal *journal, struct tw_op *ops)
{
    bool wanted = false;
    for (const struct tw_op *op = ops; op != NULL && !wanted; op = op->next) {
        wanted = op->kind == TW_OP_ACKNOWLEDGE && tw_owed_holds_back(journal, op);
    }
    struct tw_op *first = wanted ? journal->owed : ops;
    if (wanted) {
        struct tw_op *last = journal->owed;
        while (last->next != NULL) {
            last = last->next;
        }
        last->next = ops;
        journal->owed = NULL;
    }
    return first;
}
