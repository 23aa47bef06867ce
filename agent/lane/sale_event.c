// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/lane/parts.h"
#include "tillwire/json.h"

void tw_lane_event(struct tw_batch *batch, enum tw_event_type type, const char *subject, tw_json *data)
{
    struct tw_buf text = {0};
    tw_json_dump(data, &text);
    tw_batch_event(batch, type, subject, tw_buf_slice(&text));
    tw_json_free(data);
    tw_buf_free(&text);
}

// ---- time as printed ----

// "2026-11-22T10:15:00" in the terminal's time zone with its offset: "2026-11-22T10:15:00+01:00".
// The process runs with TZ set to the configured zone.
static const char *with_offset(const char *printed, char out[40])
{
    struct tm tm = {.tm_isdst = -1};
    if (printed == NULL) {
        return NULL;
    }
    if (strlen(printed) != 19) { // an offset came with it
        return printed;
    }
    const char *end = strptime(printed, "%Y-%m-%dT%H:%M:%S", &tm);
    tm.tm_isdst = -1;
    if (end == NULL || *end != '\0' || mktime(&tm) == (time_t)-1) {
        return NULL;
    }
    long minutes = tm.tm_gmtoff / 60;
    (void)snprintf(out, 40, "%s%c%02ld:%02ld", printed, minutes < 0 ? '-' : '+', labs(minutes) / 60,
                   labs(minutes) % 60);
    return out;
}

void tw_lane_day(int64_t wall_ms, char out[11])
{
    time_t at = (time_t)(wall_ms / 1000);
    struct tm tm;
    (void)localtime_r(&at, &tm);
    (void)strftime(out, 11, "%Y-%m-%d", &tm);
}

// The business day: as sent, else of the printed time, else today.
static void business_day(const struct tw_sale *sale, int64_t now_ms, char out[11])
{
    const char *text = sale->business_day != NULL ? sale->business_day : sale->printed_time;
    if (text != NULL && strlen(text) >= 10) {
        (void)snprintf(out, 11, "%.10s", text);
        return;
    }
    tw_lane_day(now_ms, out);
}

// Whole days from `day` to now; 0 when it cannot be told.
static long days_old(const char *day, int64_t now_ms)
{
    struct tm tm = {0};
    if (strptime(day, "%Y-%m-%d", &tm) == NULL) {
        return 0;
    }
    return (long)((now_ms / 1000 - (int64_t)timegm(&tm)) / 86400);
}

// ---- who ----

struct customer {
    bool known;
    bool guessed; // from a scan, which may belong to another sale when this one is told again
    const char *scheme;
    char pseudonym[TW_PSEUDONYM_LEN + 1];
};

static void find_customer(struct tw_lane *lane, const struct tw_sale *sale,
                          const struct tw_identity *identity, const struct tw_identity_clue *clue,
                          int64_t now_ms, struct customer *out)
{
    *out = (struct customer){0};
    switch (tw_identity_choose(identity, clue, now_ms)) {
    case TW_IDENTITY_CARD:
        out->scheme = sale->card_scheme;
        out->known =
            tw_seal_pseudonym(lane->with.seal, sale->card_scheme, sale->card, out->pseudonym) == TW_OK;
        break;
    case TW_IDENTITY_SCAN:
        out->scheme = identity->scheme;
        memcpy(out->pseudonym, identity->pseudonym, sizeof out->pseudonym);
        out->known = true;
        out->guessed = true;
        break;
    case TW_IDENTITY_NOBODY:
        break;
    }
}

// ---- the events ----

static enum tw_event_type type_of(enum tw_sale_kind kind)
{
    static const enum tw_event_type types[] = {
        [TW_SALE] = TW_EVENT_SALE_COMPLETED,
        [TW_RETURN] = TW_EVENT_SALE_RETURNED,
        [TW_VOID] = TW_EVENT_SALE_VOIDED,
    };
    return types[kind];
}

static void add_coupons(const struct tw_sale *sale, const char *transaction_id, struct tw_batch *batch)
{
    for (size_t i = 0; i < sale->coupon_count; i++) {
        const struct tw_sale_coupon *coupon = &sale->coupons[i];
        tw_lane_event(batch, TW_EVENT_COUPON_REDEEMED, transaction_id,
                      tw_json_pack("{s:s, s:s, s:s, s:s}", "transaction_id", transaction_id, "sale_id",
                                   TW_BATCH_SALE_ID, "code", coupon->code, "scheme", coupon->scheme));
    }
}

// What it is known by: STORE/WORKSTATION/DAY/NUMBER, where 001234 and 1234 are one number. What one witness
// prints with zeros another exports without.
static void write_key(const char *transaction_id, char out[TW_TRANSACTION_ID_MAX])
{
    const char *number = transaction_id;
    for (int part = 0; part < 3; part++) { // which have no slash in them; a number may
        number += strcspn(number, "/") + 1;
    }
    size_t digits = strspn(number, "0123456789");
    size_t zeros = strspn(number, "0");
    bool is_number = digits > 0 && (number[digits] == '\0' || number[digits] == '~');
    size_t skip = is_number && zeros > 0 ? zeros - (zeros == digits) : 0;
    (void)snprintf(out, TW_TRANSACTION_ID_MAX, "%.*s%s", (int)(number - transaction_id), transaction_id,
                   number + skip);
}

// The sale, and where its customer is a guess, the sale without.
static int add_sale(const struct tw_sale *sale, struct tw_sale_context *context, bool guessed,
                    struct tw_batch *batch)
{
    char key[TW_TRANSACTION_ID_MAX];
    write_key(context->transaction_id, key);
    struct tw_buf data = {0};
    tw_sale_write(sale, context, &data);
    int rc = tw_buf_status(&data);
    if (rc == TW_OK) {
        tw_batch_sale(batch, type_of(sale->kind), key, context->transaction_id, tw_buf_slice(&data));
    }
    if (rc == TW_OK && guessed) {
        context->customer_scheme = NULL;
        context->customer_pseudonym = NULL;
        tw_buf_clear(&data);
        tw_sale_write(sale, context, &data);
        rc = tw_buf_status(&data);
    }
    if (rc == TW_OK && guessed) {
        tw_batch_sale_again(batch, tw_buf_slice(&data));
    }
    tw_buf_free(&data);
    return rc;
}

int tw_sale_event(struct tw_lane *lane, struct tw_sale *sale, const struct tw_sale_origin *origin,
                  struct tw_batch *batch, char transaction_id[TW_TRANSACTION_ID_MAX],
                  struct tw_identity *taken)
{
    const struct tw_config *config = lane->with.config;
    int64_t now_ms = origin->read_ms;
    char day[11];
    business_day(sale, now_ms, day);
    if (origin->copy && (sale->receipt_number == NULL || days_old(day, now_ms) > TW_JOURNAL_KEY_DAYS)) {
        return TW_ERR_NOT_FOUND;
    }
    const char *number = sale->receipt_number != NULL ? sale->receipt_number : "";
    if (number[0] == '\0' || origin->apart) { // 64 characters at most, position included
        (void)snprintf(transaction_id, TW_TRANSACTION_ID_MAX, "%s/%s/%s/%.24s~%s", config->store,
                       origin->workstation, day, number, origin->position);
    } else {
        (void)snprintf(transaction_id, TW_TRANSACTION_ID_MAX, "%s/%s/%s/%s", config->store,
                       origin->workstation, day, number);
    }

    struct tw_identity *identity =
        origin->customer != NULL ? origin->customer : tw_identity_of(lane, origin->workstation);
    const struct tw_identity_clue clue = {.card = sale->card != NULL && sale->card_scheme != NULL,
                                          .copy = origin->copy,
                                          .tail = sale->card_tail};
    struct customer customer;
    find_customer(lane, sale, identity, &clue, origin->paid_ms != 0 ? origin->paid_ms : now_ms, &customer);
    uint8_t hash[32];
    char hex[65];
    tw_seal_sha256(origin->witness, hash);
    tw_seal_hex(hash, sizeof hash, hex);
    const char *sha256 = origin->sha256 != NULL ? origin->sha256 : hex;
    char printed[40];
    const struct tw_sale_witness witness = {.device = origin->device, .via = origin->via, .sha256 = sha256};
    struct tw_sale_context context = {
        .transaction_id = transaction_id,
        .store = config->store,
        .workstation = origin->workstation,
        .business_day = day,
        .printed_time = with_offset(sale->printed_time, printed),
        .currency = config->currency,
        .customer_scheme = customer.known ? customer.scheme : NULL,
        .customer_pseudonym = customer.known ? customer.pseudonym : NULL,
        .witnesses = &witness,
        .witness_count = 1,
    };
    int rc = add_sale(sale, &context, customer.guessed, batch);
    if (rc == TW_OK) {
        add_coupons(sale, transaction_id, batch);
        (void)tw_identity_take(identity, &clue, taken);
    }
    if (rc == TW_OK && !origin->copy && origin->customer == NULL) {
        tw_lane_greeting_over(lane, origin->workstation);
    }
    return rc;
}

int tw_lane_merge(struct tw_slice old_data, struct tw_slice new_data, const char *old_id,
                  struct tw_buf *merged)
{
    enum tw_merge outcome = TW_MERGE_AGREE;
    int rc = tw_sale_merge(old_data, new_data, old_id, merged, &outcome);
    if (rc == TW_OK && outcome == TW_MERGE_ANOTHER) {
        return TW_ERR_EXISTS; // poslog.c tells it apart
    }
    return rc != TW_OK ? rc : outcome == TW_MERGE_CHANGED ? 1 : 0;
}
