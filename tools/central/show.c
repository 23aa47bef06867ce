// SPDX-License-Identifier: Apache-2.0
#include "tools/central/show.h"

#include <inttypes.h>
#include <string.h>

#include "tillwire/json.h"

static void add_member(const char *key, const char *text, struct tw_buf *out)
{
    tw_buf_printf(out, "\"%s\":", key);
    tw_json_dump_text(tw_slice_of(text != NULL ? text : ""), out);
    tw_buf_add_text(out, ",");
}

void tw_show_json(const struct tw_judgement *event, const char *source, struct tw_slice payload,
                  struct tw_buf *out)
{
    tw_buf_add_text(out, "{");
    add_member("source", source, out);
    add_member("epoch", event->epoch, out);
    tw_buf_printf(out, "\"sequence\":%" PRIu64 ",", event->sequence);
    add_member("id", event->id, out);
    add_member("type", event->type, out);
    add_member("subject", tw_doc_text(tw_doc_get(event->value, "subject")), out);
    add_member("time", event->time, out);
    tw_buf_add_text(out, "\"data\":");
    tw_doc_dump(tw_doc_get(event->value, "data"), payload, out);
    tw_buf_add_text(out, "}\n");
}

// Minor units (ISO 4217): two digits but for these.
static unsigned minor_digits(const char *currency)
{
    static const char none[] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
    static const char three[] = "BHD IQD JOD KWD LYD OMR TND";
    if (strlen(currency) != 3) {
        return 2;
    }
    return strstr(none, currency) != NULL ? 0 : strstr(three, currency) != NULL ? 3 : 2;
}

static void add_money(const struct tw_doc_node *amount, const char *currency, struct tw_buf *out)
{
    int64_t minor = 0;
    if (!tw_doc_int(amount, &minor)) {
        tw_buf_printf(out, "%12s %s", "?", currency);
        return;
    }
    unsigned digits = minor_digits(currency);
    int64_t unit = digits == 0 ? 1 : digits == 3 ? 1000 : 100;
    uint64_t size = minor < 0 ? (uint64_t)0 - (uint64_t)minor : (uint64_t)minor;
    char text[40];
    int len = snprintf(text, sizeof text, "%s%" PRIu64, minor < 0 ? "-" : "", size / (uint64_t)unit);
    if (digits > 0) {
        (void)snprintf(text + len, sizeof text - (size_t)len, ".%0*" PRIu64, (int)digits,
                       size % (uint64_t)unit);
    }
    tw_buf_printf(out, "%12s %s", text, currency);
}

// Bytes a terminal would obey become dots.
static void add_plain(const char *text, struct tw_buf *out)
{
    for (const char *at = text != NULL ? text : "-"; *at != '\0'; at++) {
        bool control = (unsigned char)*at < 0x20 || *at == 0x7f;
        tw_buf_add(out, control ? "." : at, 1);
    }
}

static void add_sale(const struct tw_judgement *event, const struct tw_doc_node *data, const char *tier,
                     struct tw_buf *out)
{
    const char *currency = tw_doc_text(tw_doc_get(data, "currency"));
    const char *kind = tw_doc_text(tw_doc_get(data, "kind"));
    bool corrected = strstr(event->type, ".corrected") != NULL;
    tw_buf_printf(out, "%-9s #", corrected ? "corrected" : kind != NULL ? kind : "");
    add_plain(tw_doc_text(tw_doc_get(data, "receipt_number")), out);
    add_money(tw_doc_get(data, "total"), currency != NULL ? currency : "", out);
    const struct tw_doc_node *lines = tw_doc_get(data, "lines");
    tw_buf_printf(out, "  %3u lines  %-8s  %s\n", lines != NULL ? (unsigned)lines->size : 0, tier,
                  tw_doc_is_true(tw_doc_get(data, "reconciled")) ? "reconciled" : "NOT reconciled");
}

void tw_show_line(const struct tw_judgement *event, const char *source, const char *tier, struct tw_buf *out)
{
    const struct tw_doc_node *data = tw_doc_get(event->value, "data");
    bool sale = event->type != NULL && strncmp(event->type, "io.tillwire.sale.", 17) == 0;
    bool capture = event->type != NULL && strncmp(event->type, "io.tillwire.capture.", 20) == 0;
    if (!sale && !capture) {
        return;
    }
    // "2026-11-22T09:15:00.123Z": the time of day; the source without its tenant.
    tw_buf_printf(out, "%.8s  %s  ", event->time + 11, strchr(source + 1, '/') + 1);
    if (sale) {
        add_sale(event, data, tier, out);
    } else {
        tw_buf_printf(out, "%s  ", event->type + sizeof "io.tillwire." - 1);
        add_plain(tw_doc_text(tw_doc_get(event->value, "subject")), out);
        tw_buf_add_text(out, "\n");
    }
}
