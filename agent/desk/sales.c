// SPDX-License-Identifier: Apache-2.0
//
// POST /v1/sales: 201 {"id","transaction_id"} once the sale is durable, 200 with the same for a repeat.
// Idempotency-Key as in the IETF draft httpapi-idempotency-key-header: the same key with another body is
// a mistake of the client (422).
#include <ctype.h>

#include "agent/desk/routes.h"
#include "tillwire/sale_json.h"

#define MAX_KEY 255

static void on_sold(void *ctx, const struct tw_lane_answer *answer)
{
    struct tw_request *request = ctx;
    if (answer->error != TW_OK) {
        tw_request_failed(request, answer->error);
    } else {
        struct tw_buf body = {0};
        const char *transaction = answer->transaction_id;
        tw_buf_printf(&body, "{\"id\":\"%s\",\"transaction_id\":", answer->id);
        tw_json_dump_text(tw_slice_of(transaction != NULL ? transaction : ""), &body);
        tw_buf_add_text(&body, "}");
        bool repeat = answer->outcome == TW_OUTCOME_REPEAT;
        tw_request_answer(request, repeat ? MHD_HTTP_OK : MHD_HTTP_CREATED, "application/json", &body);
    }
    tw_request_release(request);
}

static bool is_plain(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] < 0x20 || text[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

// The header's value without the quotes of a structured string (RFC 8941 section 3.3.3); some clients
// send them and some do not. NULL when there is none; false: the request is answered.
// A UUID, or as many hexadecimal digits: drawn at random, so that one in some thousand holds what looks like
// a card number. Only half of its hash is kept (agent/journal/keys.h).
static bool is_random(const char *key)
{
    size_t digits = 0;
    bool letters = false;
    for (const char *at = key; *at != '\0'; at++) {
        if (*at != '-' && !isxdigit((unsigned char)*at)) {
            return false;
        }
        digits += *at != '-';
        letters = letters || isalpha((unsigned char)*at);
    }
    return digits >= 32 && letters;
}

static bool read_key(struct tw_request *request, char key[MAX_KEY + 1], const char **out)
{
    const char *header = tw_request_header(request, "Idempotency-Key");
    if (header == NULL) {
        *out = NULL;
        return true;
    }
    size_t len = strlen(header);
    if (len >= 2 && header[0] == '"' && header[len - 1] == '"') {
        header++;
        len -= 2;
    }
    if (len == 0 || len > MAX_KEY || !is_plain(header, len)) {
        tw_request_problem(request, TW_PROBLEM_KEY_INVALID,
                           "an Idempotency-Key is 1 to 255 printable ASCII characters", NULL);
        return false;
    }
    memcpy(key, header, len);
    key[len] = '\0';
    if (!is_random(key) && tw_request_forbidden(request, key)) {
        tw_request_problem(request, TW_PROBLEM_PAYMENT_CARD, "an Idempotency-Key must not hold a card number",
                           NULL);
        return false;
    }
    *out = key;
    return true;
}

static void refuse_sale(struct tw_request *request, int error, const char *why, const char *field)
{
    if (error == TW_ERR_INVALID && field[0] == '\0') {
        tw_request_problem(request, TW_PROBLEM_NOT_JSON, why, NULL);
    } else if (error == TW_ERR_INVALID) {
        tw_request_problem(request, TW_PROBLEM_FIELD, why, field);
    } else if (error == TW_ERR_REFUSED) {
        tw_request_problem(request, TW_PROBLEM_PAYMENT_CARD, why, field);
    } else {
        tw_request_failed(request, error);
    }
}

void tw_desk_sales(struct tw_request *request)
{
    const struct tw_desk_options *with = &request->desk->with;
    struct tw_error_text why = {"a field is missing or wrong"};
    struct tw_sale *sale = NULL;
    char kept[MAX_KEY + 1], field[256] = "";
    const char *key = NULL;
    if (!read_key(request, kept, &key)) {
        return;
    }
    int rc =
        tw_sale_from_request(tw_buf_slice(&request->body), with->rules, &sale, &why, field, sizeof field);
    if (rc != TW_OK) {
        refuse_sale(request, rc, why.text, field);
        return;
    }
    tw_request_keep(request);
    tw_lane_sale(with->lane, sale, key, tw_buf_slice(&request->body), on_sold, request);
}
