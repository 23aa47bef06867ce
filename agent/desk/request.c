// SPDX-License-Identifier: Apache-2.0
#include "agent/desk/request.h"

#include "agent/desk/server.h"
#include "tillwire/guard.h"
#include "tillwire/scan.h"

const char *tw_request_header(const struct tw_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *tw_request_query(const struct tw_request *request, const char *name)
{
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

void tw_request_answer(struct tw_request *request, unsigned status, const char *type, struct tw_buf *body)
{
    bool failed = tw_buf_status(body) != TW_OK;
    request->status = failed ? MHD_HTTP_INTERNAL_SERVER_ERROR : status;
    request->type = type;
    tw_buf_free(&request->answer);
    if (failed) {
        tw_buf_free(body);
    }
    request->answer = *body;
    *body = (struct tw_buf){0};
    if (request->suspended && request->connection != NULL) {
        request->suspended = false;
        tw_server_resume(request->server, request->connection);
    }
}

void tw_request_problem(struct tw_request *request, enum tw_problem problem, const char *detail,
                        const char *field)
{
    struct tw_buf body = {0};
    tw_problem_write(problem, detail, field, &body);
    tw_request_answer(request, tw_problem_status(problem), "application/problem+json", &body);
}

void tw_request_failed(struct tw_request *request, int error)
{
    static const struct {
        int error;
        enum tw_problem problem;
        const char *detail;
    } table[] = {
        {TW_ERR_FULL, TW_PROBLEM_NO_ROOM,
         "the disk or the queue is full; nothing was stored: make room, try again"},
        {TW_ERR_AGAIN, TW_PROBLEM_STORAGE, "nothing was stored; try the same request again"},
        {TW_ERR_IO, TW_PROBLEM_STORAGE, "nothing was stored; try the same request again"},
        {TW_ERR_CLOSED, TW_PROBLEM_STORAGE, "the agent is stopping; try the same request again"},
        {TW_ERR_MISMATCH, TW_PROBLEM_KEY_REUSED,
         "this Idempotency-Key came with another body before; use a new key for a new request"},
        {TW_ERR_REFUSED, TW_PROBLEM_PAYMENT_CARD,
         "card numbers of payment cards are never taken; nothing was stored"},
        {TW_ERR_TOO_LARGE, TW_PROBLEM_EVENT_TOO_LARGE,
         "an event may have at most 65536 bytes; send fewer lines"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].error == error) {
            tw_request_problem(request, table[i].problem, table[i].detail, NULL);
            return;
        }
    }
    tw_request_problem(request, TW_PROBLEM_INTERNAL, "nothing was stored; the agent's log says why", NULL);
}

void tw_request_keep(struct tw_request *request)
{
    request->refs++;
}

void tw_request_release(struct tw_request *request)
{
    if (--request->refs > 0) {
        return;
    }
    if (request->body.ptr != NULL) {
        explicit_bzero(request->body.ptr, request->body.cap);
    }
    tw_buf_free(&request->body);
    tw_buf_free(&request->answer);
    tw_json_free(request->json);
    if (request->stream != NULL) {
        MHD_destroy_response(request->stream);
    }
    free(request);
}

bool tw_request_forbidden(const struct tw_request *request, const char *text)
{
    struct tw_guard guard = tw_scan_guard(request->desk->with.rules);
    return tw_guard_hits(&guard, tw_slice_of(text));
}

bool tw_request_object(struct tw_request *request)
{
    struct tw_error_text why = {"the body must be a JSON object"};
    struct tw_error_text other;
    bool good = tw_json_parse(tw_buf_slice(&request->body), &request->json, &why) == TW_OK &&
                tw_json_unpack(request->json, &other, "{}") == TW_OK;
    if (!good) {
        tw_request_problem(request, TW_PROBLEM_NOT_JSON, why.text, NULL);
    }
    return good;
}

static bool refuse_field(struct tw_request *request, const char *name, enum tw_problem problem,
                         const char *detail)
{
    char pointer[64];
    (void)snprintf(pointer, sizeof pointer, "/%s", name);
    tw_request_problem(request, problem, detail, pointer);
    return false;
}

bool tw_request_text(struct tw_request *request, const char *name, size_t max, bool required,
                     const char **out)
{
    const tw_json *value = tw_json_get(request->json, name);
    if (value == NULL && !required) {
        *out = NULL;
        return true;
    }
    const char *text = tw_json_text(value);
    char detail[96];
    if (text == NULL || text[0] == '\0' || strlen(text) > max) {
        (void)snprintf(detail, sizeof detail, "this field must be text of 1 to %zu bytes", max);
        return refuse_field(request, name, TW_PROBLEM_FIELD, detail);
    }
    *out = text;
    return true;
}

#define NUMBER_MAX (INT64_C(1) << 53)

bool tw_request_number(struct tw_request *request, const char *name, uint64_t *out)
{
    int64_t number = 0;
    if (tw_json_int(tw_json_get(request->json, name), &number) != TW_OK || number < 1 ||
        number > NUMBER_MAX) {
        return refuse_field(request, name, TW_PROBLEM_FIELD, "this field must be a number from 1 on");
    }
    *out = (uint64_t)number;
    return true;
}

bool tw_request_query_number(struct tw_request *request, const char *name, uint64_t min, uint64_t max,
                             uint64_t *out)
{
    const char *text = tw_request_query(request, name);
    if (text == NULL) {
        return true;
    }
    size_t len = strlen(text);
    uint64_t number = strtoull(text, NULL, 10);
    char detail[96];
    if (len == 0 || len > 16 || strspn(text, "0123456789") != len || number < min || number > max) {
        (void)snprintf(detail, sizeof detail, "%s must be a number from %llu to %llu", name,
                       (unsigned long long)min, (unsigned long long)max);
        return refuse_field(request, name, TW_PROBLEM_FIELD, detail);
    }
    *out = number;
    return true;
}
