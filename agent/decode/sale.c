// SPDX-License-Identifier: Apache-2.0
#include "tillwire/sale.h"

// One block of the arena. Strings never move, so that pointers to them stay good.
struct block {
    struct block *next;
    size_t used, size;
    char bytes[];
};

#define BLOCK_BYTES ((size_t)4096 - sizeof(struct block))

struct tw_sale *tw_sale_new(void)
{
    return calloc(1, sizeof(struct tw_sale));
}

void tw_sale_free(struct tw_sale *sale)
{
    if (sale == NULL) {
        return;
    }
    for (struct block *block = sale->arena; block != NULL;) {
        struct block *next = block->next;
        explicit_bzero(block->bytes, block->used);
        free(block);
        block = next;
    }
    free(sale->lines);
    free(sale->tenders);
    free(sale->coupons);
    free(sale);
}

static struct block *block_with_room(struct tw_sale *sale, size_t need)
{
    struct block *head = sale->arena;
    if (head != NULL && head->size - head->used >= need) {
        return head;
    }
    size_t size = need > BLOCK_BYTES ? need : BLOCK_BYTES;
    struct block *block = malloc(sizeof *block + size);
    if (block != NULL) {
        block->next = head;
        block->used = 0;
        block->size = size;
        sale->arena = block;
    }
    return block;
}

char *tw_sale_room(struct tw_sale *sale, size_t len)
{
    if (len > SIZE_MAX / 4) {
        return NULL;
    }
    struct block *block = block_with_room(sale, len + 1);
    if (block == NULL) {
        return NULL;
    }
    char *room = block->bytes + block->used;
    room[len] = 0;
    block->used += len + 1;
    return room;
}

const char *tw_sale_text(struct tw_sale *sale, struct tw_slice text)
{
    char *copy = tw_sale_room(sale, text.len);
    if (copy != NULL && text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    return copy;
}

// Room for one more element; arrays grow by doubling from 8, so their capacity follows from the count.
static void *grow(void *array, size_t count, size_t size, size_t max)
{
    if (count >= max) {
        return NULL;
    }
    bool full = count == 0 || (count >= 8 && (count & (count - 1)) == 0);
    if (!full) {
        return array;
    }
    return realloc(array, (count == 0 ? 8 : count * 2) * size);
}

struct tw_sale_line *tw_sale_add_line(struct tw_sale *sale)
{
    void *grown = grow(sale->lines, sale->line_count, sizeof *sale->lines, TW_SALE_MAX_LINES);
    if (grown == NULL) {
        return NULL;
    }
    sale->lines = grown;
    struct tw_sale_line *line = &sale->lines[sale->line_count++];
    *line = (struct tw_sale_line){0};
    return line;
}

struct tw_sale_tender *tw_sale_add_tender(struct tw_sale *sale)
{
    void *grown = grow(sale->tenders, sale->tender_count, sizeof *sale->tenders, TW_SALE_MAX_TENDERS);
    if (grown == NULL) {
        return NULL;
    }
    sale->tenders = grown;
    struct tw_sale_tender *tender = &sale->tenders[sale->tender_count++];
    *tender = (struct tw_sale_tender){0};
    return tender;
}

struct tw_sale_coupon *tw_sale_add_coupon(struct tw_sale *sale)
{
    void *grown = grow(sale->coupons, sale->coupon_count, sizeof *sale->coupons, TW_SALE_MAX_COUPONS);
    if (grown == NULL) {
        return NULL;
    }
    sale->coupons = grown;
    struct tw_sale_coupon *coupon = &sale->coupons[sale->coupon_count++];
    *coupon = (struct tw_sale_coupon){0};
    return coupon;
}

int64_t tw_sale_discount_minor(const struct tw_sale *sale)
{
    int64_t sum = 0;
    for (size_t i = 0; i < sale->line_count; i++) {
        const struct tw_sale_line *line = &sale->lines[i];
        sum += line->kind == TW_LINE_DISCOUNT && !line->voided ? line->amount_minor : 0;
    }
    return sum;
}

static int64_t lines_minor(const struct tw_sale *sale)
{
    int64_t sum = 0;
    for (size_t i = 0; i < sale->line_count; i++) {
        sum += sale->lines[i].voided ? 0 : sale->lines[i].amount_minor;
    }
    return sum;
}

static int64_t tenders_minor(const struct tw_sale *sale)
{
    int64_t sum = 0;
    for (size_t i = 0; i < sale->tender_count; i++) {
        sum += sale->tenders[i].amount_minor;
    }
    return sum - sale->change.minor;
}

void tw_sale_reconcile(struct tw_sale *sale)
{
    int64_t net = lines_minor(sale) + sale->rounding.minor;
    int64_t tax = sale->tax.minor;
    bool included = net == sale->total.minor;
    bool added = net + tax == sale->total.minor;
    bool lines_close = sale->total.has && (included || added);
    if (lines_close && tax != 0) {
        sale->tax_included = included;
    }
    sale->reconciled = lines_close && tenders_minor(sale) == sale->total.minor;
}

const char *tw_sale_kind_name(enum tw_sale_kind kind)
{
    static const char *const names[] = {"sale", "return", "void"};
    return names[kind];
}

const char *tw_line_kind_name(enum tw_line_kind kind)
{
    static const char *const names[] = {"item", "discount", "deposit", "fee", "gift_card"};
    return names[kind];
}

const char *tw_tender_type_name(enum tw_tender_type type)
{
    static const char *const names[] = {"cash", "card", "voucher", "gift_card", "mobile", "points", "other"};
    return names[type];
}
