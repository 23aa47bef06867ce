// SPDX-License-Identifier: Apache-2.0
//
// A sale as a till sees it: lines, totals, tenders, who the customer may be. Receipt reading and
// the local API produce it, the lane completes it, the journal keeps its JSON. Field meanings are
// those of the public schema include/contract/schema/sale.json (ARTS POSLog's terms where it has
// one). A field that was not there is NULL, or has its `has_` flag clear; nothing is guessed.
//
// Threading: a sale belongs to one thread at a time. Memory: a sale owns all it points to, in one
// arena freed by tw_sale_free; strings are UTF-8, NUL-terminated, copied in with tw_sale_text.
// Time: printed time is text as printed, in RFC 3339 form. Errors: TW_ERR_NOMEM, TW_ERR_TOO_LARGE.
#ifndef TW_SALE_H
#define TW_SALE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwire/bytes.h"
#include "tillwire/err.h"

#define TW_SALE_MAX_LINES   1000
#define TW_SALE_MAX_TENDERS 32
#define TW_SALE_MAX_COUPONS 64
#define TW_MONEY_MAX        INT64_C(99999999999) // one thousand million in units of a hundredth

enum tw_sale_kind { TW_SALE = 0, TW_RETURN, TW_VOID };
enum tw_line_kind { TW_LINE_ITEM = 0, TW_LINE_DISCOUNT, TW_LINE_DEPOSIT, TW_LINE_FEE, TW_LINE_GIFT_CARD };
enum tw_tender_type {
    TW_TENDER_CASH = 0,
    TW_TENDER_CARD,
    TW_TENDER_VOUCHER,
    TW_TENDER_GIFT_CARD,
    TW_TENDER_MOBILE,
    TW_TENDER_POINTS,
    TW_TENDER_OTHER,
};

struct tw_money { // an amount that may be absent
    bool has;
    int64_t minor; // minor units of the terminal's currency (ISO 4217)
};

struct tw_sale_line {
    enum tw_line_kind kind;
    const char *gtin; // canonical: 8, 12, 13 or 14 digits with a valid check digit, or NULL
    const char *sku;
    const char *description;
    const char *quantity; // decimal text, "1" where none is printed; NULL for discounts
    struct tw_money unit_price;
    int64_t amount_minor;
    bool voided;
    int applies_to; // 1-based number of the line a discount belongs to; 0: the whole sale
};

struct tw_sale_tender {
    enum tw_tender_type type;
    int64_t amount_minor;
    const char *brand; // card scheme as printed, or NULL
    char last4[5];     // empty when not printed
};

struct tw_sale_coupon {
    const char *code;
    const char *scheme; // "gs1" or "store"
};

struct tw_sale {
    enum tw_sale_kind kind;
    const char *store;        // as printed or sent; compared with the configuration, never published
    const char *workstation;  // likewise
    const char *business_day; // "2026-11-22"; NULL: the local day of capture
    const char *receipt_number;
    const char
        *printed_time; // RFC 3339 without offset as printed ("2026-11-22T10:15:00"); the lane adds the offset
    const char *operator_id;
    struct tw_sale_line *lines;
    size_t line_count;
    struct tw_money subtotal, tax, rounding, total, change;
    bool tax_included;
    struct tw_sale_tender *tenders;
    size_t tender_count;
    struct tw_sale_coupon *coupons;
    size_t coupon_count;
    const char
        *card; // loyalty identifier printed or sent in full, canonical; personal: never logged, never stored
    const char *card_scheme; // its scheme in the configuration
    const char *card_tail;   // the digits a masked member number still shows ("9310"), or NULL
    bool reconciled;         // set by tw_sale_reconcile
    void *arena;             // private to sale.c
};

// A new empty sale; NULL when memory is out. Free with tw_sale_free (NULL is allowed). Free wipes
// the arena first, since it may hold a card.
struct tw_sale *tw_sale_new(void);
void tw_sale_free(struct tw_sale *sale);

// Copies text into the sale's arena; NULL when memory is out.
const char *tw_sale_text(struct tw_sale *sale, struct tw_slice text);
// Room for a text of `len` bytes there, with its NUL behind it, to be written to; NULL when memory is out.
char *tw_sale_room(struct tw_sale *sale, size_t len);

// Each appends a zeroed element and returns it, or NULL (memory, or over TW_SALE_MAX_*).
// A pointer to an earlier element may be stale afterwards.
struct tw_sale_line *tw_sale_add_line(struct tw_sale *sale);
struct tw_sale_tender *tw_sale_add_tender(struct tw_sale *sale);
struct tw_sale_coupon *tw_sale_add_coupon(struct tw_sale *sale);

// Sum of the discount lines that are not voided (zero or negative for a sale).
int64_t tw_sale_discount_minor(const struct tw_sale *sale);

// Decides `tax_included` by arithmetic (the label may lie) and sets `reconciled`: lines not voided
// (discounts among them) + tax where not included + rounding == total, and tenders - change ==
// total. Absent tax, rounding and change count as 0; an absent total never reconciles.
void tw_sale_reconcile(struct tw_sale *sale);

const char *tw_sale_kind_name(enum tw_sale_kind kind);     // "sale", "return", "void"
const char *tw_line_kind_name(enum tw_line_kind kind);     // "item", …
const char *tw_tender_type_name(enum tw_tender_type type); // "cash", …

#endif
