// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/poslog_play.h"

#include <stdlib.h>

static void write_money(struct tw_buf *out, const char *name, struct tw_money money)
{
    if (money.has) {
        tw_buf_printf(out, " %s %lld", name, (long long)money.minor);
    }
}

static void write_line(struct tw_buf *out, const struct tw_sale_line *line)
{
    tw_buf_printf(out, " [%s%s%s%s %s x%s", tw_line_kind_name(line->kind), line->voided ? " voided" : "",
                  line->gtin != NULL ? " " : "", line->gtin != NULL ? line->gtin : "",
                  line->description != NULL ? line->description : "-",
                  line->quantity != NULL ? line->quantity : "-");
    write_money(out, "at", line->unit_price);
    tw_buf_printf(out, " = %lld]", (long long)line->amount_minor);
}

static void write_sale(struct tw_buf *out, const struct tw_sale *sale)
{
    tw_buf_printf(out, "%s %s/%s/%s/%s at %s by %s:", tw_sale_kind_name(sale->kind),
                  sale->store != NULL ? sale->store : "-",
                  sale->workstation != NULL ? sale->workstation : "-",
                  sale->business_day != NULL ? sale->business_day : "-",
                  sale->receipt_number != NULL ? sale->receipt_number : "-",
                  sale->printed_time != NULL ? sale->printed_time : "-",
                  sale->operator_id != NULL ? sale->operator_id : "-");
    for (size_t i = 0; i < sale->line_count; i++) {
        write_line(out, &sale->lines[i]);
    }
    write_money(out, "tax", sale->tax);
    write_money(out, "rounding", sale->rounding);
    write_money(out, "total", sale->total);
    for (size_t i = 0; i < sale->tender_count; i++) {
        const struct tw_sale_tender *tender = &sale->tenders[i];
        tw_buf_printf(out, " %s %lld%s%s%s%s", tw_tender_type_name(tender->type),
                      (long long)tender->amount_minor, tender->brand != NULL ? " " : "",
                      tender->brand != NULL ? tender->brand : "", tender->last4[0] != '\0' ? " *" : "",
                      tender->last4);
    }
    write_money(out, "change", sale->change);
    if (sale->card != NULL) {
        tw_buf_printf(out, " %s:%s", sale->card_scheme, sale->card);
    }
    tw_buf_add_text(out, sale->reconciled ? " ok\n" : " open\n");
}

static void on_fact(void *ctx, struct tw_poslog_fact *fact)
{
    struct poslog_play *play = ctx;
    tw_buf_printf(&play->out, "%llu ", (unsigned long long)fact->index);
    tw_buf_add(&play->texts, fact->text.ptr, fact->text.len);
    play->masked += fact->masked;
    if (fact->kind == TW_POSLOG_SALE) {
        play->sales++;
        write_sale(&play->out, fact->sale);
        if (play->first == NULL) {
            play->first = fact->sale;
            fact->sale = NULL;
        }
    } else if (fact->kind == TW_POSLOG_OTHER) {
        play->others++;
        tw_buf_add_text(&play->out, "other\n");
    } else {
        play->unparsed++;
        tw_buf_printf(&play->out, "%s: %s\n", fact->reason, fact->detail);
    }
}

void poslog_play(struct poslog_play *play, const struct tw_scan_rules *rules, const char *currency,
                 struct tw_slice file, size_t longest, uint32_t seed)
{
    *play = (struct poslog_play){
        .options = {.currency = currency, .rules = rules, .on_fact = on_fact, .ctx = play}};
    struct tw_poslog *poslog = NULL;
    play->rc = tw_poslog_new(&play->options, &poslog);
    for (size_t at = 0; play->rc == TW_OK && at < file.len;) {
        seed = seed * 1664525u + 1013904223u;
        size_t len = longest == 0 ? file.len : 1 + (seed >> 16) % longest;
        len = len < file.len - at ? len : file.len - at;
        uint8_t *copy = malloc(len); // so that a sanitizer sees who reads on
        if (copy == NULL) {
            abort();
        }
        memcpy(copy, file.ptr + at, len);
        play->rc = tw_poslog_feed(poslog, tw_slice_make(copy, len), &play->err);
        free(copy);
        at += len;
    }
    if (play->rc == TW_OK) {
        play->rc = tw_poslog_finish(poslog, &play->err);
    }
    tw_poslog_free(poslog);
    tw_buf_add_text(&play->out, "");
    tw_buf_add_text(&play->texts, "");
}

void poslog_play_free(struct poslog_play *play)
{
    tw_buf_free(&play->out);
    tw_buf_free(&play->texts);
    tw_sale_free(play->first);
}
