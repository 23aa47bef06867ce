// SPDX-License-Identifier: Apache-2.0
//
// What one transaction of a POSLog is: a sale, nothing of the kind, or something that cannot be read.
// Labels propose, arithmetic decides: whether discounts are already in the amounts, which sign a return has.
//
// Threading: pure. Memory: the sale is the caller's. Time: none. Errors: TW_ERR_NOMEM; all else is a verdict.
#ifndef TW_DECODE_POSLOG_SALE_H
#define TW_DECODE_POSLOG_SALE_H

#include "agent/decode/poslog_tree.h"

struct tw_poslog_verdict {
    enum tw_poslog_kind kind;
    struct tw_sale *sale; // of a SALE; the caller's
    const char *reason;   // of an UNPARSED, else NULL; static
    const char *what;     // likewise, half a sentence: what is wrong; static
    uint32_t node;        // likewise, where
    size_t lines;         // line items
};

// Looks at the transaction in `tree`.
int TW_MUST_CHECK tw_poslog_judge(const struct tw_poslog_tree *tree, const struct tw_poslog_options *with,
                                  struct tw_poslog_verdict *out);

// ---- poslog_line.c: what both files share ----

// A transaction under way to a sale.
struct tw_poslog_reading {
    const struct tw_poslog_tree *tree;
    const struct tw_scan_rules *rules;
    struct tw_guard guard;
    unsigned decimals;
    struct tw_sale *sale;
    struct tw_money line_tax, item_tax; // sums of what stands at lines of their own, and at articles
    bool given_out_whole; // each line of a reward stands for itself: the summary is one too many
    int rc;               // TW_ERR_NOMEM, TW_ERR_TOO_LARGE
    uint32_t bad;         // the first value that is not of its form, TW_POSLOG_NONE: all are
};

// Adds what one LineItem says to the sale.
void tw_poslog_line(struct tw_poslog_reading *reading, uint32_t item);
// The child's money. False where there is none; one that is no number is noted in `bad`.
bool tw_poslog_amount(struct tw_poslog_reading *reading, uint32_t node, const char *name, int64_t *minor);
// A text for the sale, through the payment guard; NULL stays NULL.
const char *tw_poslog_keep(struct tw_poslog_reading *reading, const char *text);

#endif
