// SPDX-License-Identifier: Apache-2.0
//
// A sale as lines of text, as the papers of tests/corpus/receipt say what they expect.
//
// Threading: tests have one thread. Memory: into the caller's buffer. Time: none. Errors: sticky in the
// buffer.
#ifndef TW_SALE_TEXT_H
#define TW_SALE_TEXT_H

#include "tillwire/bytes.h"
#include "tillwire/sale.h"

static inline const char *or_dash(const char *text)
{
    return text != NULL ? text : "-";
}

static inline void write_money(struct tw_buf *out, const char *name, struct tw_money money)
{
    if (money.has) {
        tw_buf_printf(out, " %s %lld", name, (long long)money.minor);
    }
}

static inline void write_line(struct tw_buf *out, const struct tw_sale_line *line, const char *mark)
{
    tw_buf_printf(out, "%s%s%s %lld", mark, line->voided ? "voided " : "", tw_line_kind_name(line->kind),
                  (long long)line->amount_minor);
    if (line->kind != TW_LINE_DISCOUNT) {
        tw_buf_printf(out, " quantity %s", or_dash(line->quantity));
    }
    write_money(out, "at", line->unit_price);
    if (line->gtin != NULL || line->sku != NULL) {
        tw_buf_printf(out, " %s %s", line->gtin != NULL ? "gtin" : "sku",
                      line->gtin != NULL ? line->gtin : line->sku);
    }
    if (line->applies_to > 0) {
        tw_buf_printf(out, " of %d", line->applies_to);
    }
    tw_buf_printf(out, ": %s\n", or_dash(line->description));
}

// All that was read, in lines that begin with `mark`.
static inline void write_sale(struct tw_buf *out, const struct tw_sale *sale, const char *mark)
{
    tw_buf_printf(out, "%s%s%s total %lld", mark, tw_sale_kind_name(sale->kind),
                  sale->reconciled ? ", closes," : ", does not close,", (long long)sale->total.minor);
    write_money(out, "subtotal", sale->subtotal);
    write_money(out, sale->tax_included ? "with tax" : "plus tax", sale->tax);
    write_money(out, "rounding", sale->rounding);
    write_money(out, "change", sale->change);
    tw_buf_printf(out, "\n%snumber %s time %s store %s till %s operator %s\n", mark,
                  or_dash(sale->receipt_number), or_dash(sale->printed_time), or_dash(sale->store),
                  or_dash(sale->workstation), or_dash(sale->operator_id));
    if (sale->card != NULL || sale->card_tail != NULL) {
        tw_buf_printf(out, "%smember %s\n", mark, sale->card != NULL ? sale->card : sale->card_tail);
    }
    for (size_t i = 0; i < sale->line_count; i++) {
        write_line(out, &sale->lines[i], mark);
    }
    for (size_t i = 0; i < sale->coupon_count; i++) {
        tw_buf_printf(out, "%scoupon %s %s\n", mark, sale->coupons[i].scheme, sale->coupons[i].code);
    }
    for (size_t i = 0; i < sale->tender_count; i++) {
        const struct tw_sale_tender *tender = &sale->tenders[i];
        tw_buf_printf(out, "%spaid %s %lld%s%s%s%s\n", mark, tw_tender_type_name(tender->type),
                      (long long)tender->amount_minor, tender->brand != NULL ? " " : "",
                      tender->brand != NULL ? tender->brand : "", tender->last4[0] != 0 ? " ****" : "",
                      tender->last4);
    }
}

#endif
