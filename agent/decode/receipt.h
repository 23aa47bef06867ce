// SPDX-License-Identifier: Apache-2.0
//
// A receipt as it is being read: the paper's lines, what each carries (numbers, a label, a
// quantity, an article number), what each may be by its label, and what it was taken for. The
// stages each live in a file: receipt_line (tokens), receipt_quantity, receipt_tax, receipt_role
// (which line is what, decided by arithmetic), receipt_build (the sale), receipt_meta and
// receipt_time (what identifies it), receipt (the verdict).
//
// Threading: one thread at a time; no globals, no clock, no I/O. Memory: a receipt owns its lines;
// slices point into them. Time: linear in lines times the few readings tried. Errors: TW_ERR_NOMEM.
#ifndef TW_RECEIPT_H
#define TW_RECEIPT_H

#include "agent/decode/amount.h"
#include "agent/decode/profile.h"
#include "tillwire/page.h"
#include "tillwire/sale.h"

// What a line was taken for in the end.
enum tw_role {
    TW_ROLE_TEXT = 0, // no amount that counts
    TW_ROLE_ITEM,
    TW_ROLE_DISCOUNT,
    TW_ROLE_DEPOSIT,
    TW_ROLE_FEE,
    TW_ROLE_GIFT_CARD,
    TW_ROLE_VOID, // takes back another line
    TW_ROLE_SUBTOTAL,
    TW_ROLE_TAX,
    TW_ROLE_ROUNDING,
    TW_ROLE_TOTAL,
    TW_ROLE_TENDER,
    TW_ROLE_CHANGE,
    TW_ROLE_INFO,    // an amount that repeats or explains
    TW_ROLE_UNKNOWN, // an amount after the total that nothing explains
    TW_ROLE_QUANTITY,
    TW_ROLE_CODE,
    TW_ROLE_META, // gave a number, a time, a member …
};

struct tw_receipt_line {
    char *text; // owned: trimmed, frames removed, gaps of two or more spaces kept as two
    size_t len;
    struct tw_slice plain; // the same with single spaces and without leading decoration; in `text`'s block
    unsigned indent;
    bool big;     // printed double width or height
    bool is_rule; // nothing a word is made of
    uint64_t is;  // set of TW_IS_BIT
    struct tw_number numbers[TW_NUMBERS_MAX];
    size_t number_count;
    int amount;            // index of the amount that ends the line, or -1
    struct tw_slice label; // what is left of it: no amount, quantity, article number, currency
    bool has_quantity, has_unit, quantity_leads;
    struct tw_number quantity; // where has_quantity
    int64_t unit_minor;        // where has_unit
    struct tw_number unit;     // the unit price as printed, maybe in fractions of a minor unit
    char gtin[15];
    char sku[24];
    bool code_only;     // nothing else than an article number
    bool quantity_only; // nothing else than a quantity, maybe with the amount
    bool is_tax_row, is_tax_total;
    int64_t tax_minor;
    int tax_rate; // per cent times 100, or -1
    enum tw_role role;
    bool flip; // a discount printed without its sign
};

struct tw_receipt {
    struct tw_receipt_line *lines; // owned
    size_t count;
    char decimal;
    bool quantity_first; // quantity lines stand above their article, by vote
    bool code_first;     // article numbers do
    size_t total;        // index of the total line, == count where there is none
    bool has_tax;
    int64_t tax_minor;
    bool lines_close, tenders_close;
};

// What a reading came to.
struct tw_receipt_result {
    struct tw_sale *sale; // owned by the receiver; NULL: not a sale
    enum tw_unparsed reason;
    const char *detail; // static text
    bool copy;
    bool complete; // a sale whose tenders settle its total: nothing more need come
};

// Reads `count` lines. With `trace`, what each line was taken for is told in order.
int TW_MUST_CHECK tw_receipt_read(struct tw_matcher *matcher, const struct tw_scan_rules *rules,
                                  const struct tw_page_line *lines, size_t count,
                                  struct tw_receipt_result *out, tw_reader_line_fn *trace, void *ctx);

// --- the stages, in order ---

// Lines into tokens and classes; frees with tw_receipt_clear, also after an error.
int TW_MUST_CHECK tw_receipt_load(struct tw_receipt *receipt, struct tw_matcher *matcher,
                                  const struct tw_page_line *lines, size_t count);
void tw_receipt_clear(struct tw_receipt *receipt);

// Asks what only matters once the paper is taken for a sale. The stages after the roles need it.
void tw_receipt_ask(struct tw_receipt *receipt, struct tw_matcher *matcher);

// Fills one line's quantity, unit price and label. Needs its numbers and amount.
void tw_receipt_quantity(struct tw_receipt_line *line, bool counts_lead);

// Marks the rows of tax tables and sums the taxes up.
void tw_receipt_taxes(struct tw_receipt *receipt);

// Chooses the total and gives every line its role.
void tw_receipt_roles(struct tw_receipt *receipt);

// Lines, totals and tenders of the sale.
int TW_MUST_CHECK tw_receipt_build(struct tw_receipt *receipt, struct tw_matcher *matcher,
                                   struct tw_sale *sale);

// Total, tax, rounding, change, tenders.
int TW_MUST_CHECK tw_receipt_pay(const struct tw_receipt *receipt, struct tw_matcher *matcher,
                                 struct tw_sale *sale);

// Finds what a void line takes back and marks both.
void tw_receipt_void(struct tw_sale *sale, size_t void_line, const char *description);

// Receipt number, time, store, workstation, operator, member.
int TW_MUST_CHECK tw_receipt_meta(struct tw_receipt *receipt, struct tw_matcher *matcher,
                                  const struct tw_scan_rules *rules, struct tw_sale *sale);

// The receipt's own time as "2026-11-22T10:15:00" into `out` (20 bytes); false when none is
// printed in full.
bool tw_receipt_time(struct tw_receipt *receipt, char *out);

// --- small things the stages share ---

static inline struct tw_slice tw_receipt_text(const struct tw_receipt_line *line)
{
    return tw_slice_make(line->text, line->len);
}

static inline bool tw_receipt_is(const struct tw_receipt_line *line, enum tw_is is)
{
    return (line->is & TW_IS_BIT(is)) != 0;
}

static inline int64_t tw_receipt_amount(const struct tw_receipt_line *line)
{
    return line->amount >= 0 ? line->numbers[line->amount].value : 0;
}

// The digits that are left of a masked number in `text` (`****4270`, `XXXX XXXX XXXX 9920`) into
// `out`; their count, 0 where there is none.
size_t tw_receipt_masked(const char *text, char *out, size_t size);

// True when quantity times unit price gives `amount`, within what rounding the unit price can do.
bool tw_receipt_product(const struct tw_number *quantity, int64_t unit_minor, int64_t amount_minor);

// The same for a line's own quantity and unit price, also one in fractions of a minor unit.
bool tw_receipt_fits(const struct tw_receipt_line *line, int64_t amount_minor);

// How well: 2 exactly, 1 within rounding, 0 not.
int tw_receipt_fit(const struct tw_receipt_line *line, int64_t amount_minor);

#endif
