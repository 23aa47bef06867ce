// SPDX-License-Identifier: Apache-2.0
//
// POST /v1/scans {"code", "device"?, "workstation"?}: 201 {"id"} once the scan of a loyalty card is
// durable. Anything else is answered with what it is, and is not kept.
#include "agent/desk/routes.h"

#define MAX_CODE        4096
#define MAX_DEVICE      64
#define MAX_WORKSTATION 32

static void on_scanned(void *ctx, const struct tw_lane_answer *answer)
{
    struct tw_request *request = ctx;
    if (answer->error == TW_ERR_NOT_FOUND || answer->error == TW_ERR_INVALID) {
        tw_request_problem(request, TW_PROBLEM_NOT_LOYALTY,
                           "no rule of loyalty.cards in the configuration fits", "/code");
    } else if (answer->error == TW_ERR_REFUSED) {
        tw_request_problem(request, TW_PROBLEM_PAYMENT_CARD,
                           "card numbers of payment cards are never taken; nothing was stored", "/code");
    } else if (answer->error != TW_OK) {
        tw_request_failed(request, answer->error);
    } else {
        struct tw_buf body = {0};
        tw_buf_printf(&body, "{\"id\":\"%s\"}", answer->id);
        tw_request_answer(request, MHD_HTTP_CREATED, "application/json", &body);
    }
    tw_request_release(request);
}

// Names of devices and workstations: letters, digits and a few marks, and no card number among them.
static bool is_name(struct tw_request *request, const char *field, const char *text, const char *marks)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";
    for (const char *at = text; *at != '\0'; at++) {
        if (strchr(letters, *at) == NULL && strchr(marks, *at) == NULL) {
            tw_request_problem(request, TW_PROBLEM_FIELD, "a name has letters, digits and underscores",
                               field);
            return false;
        }
    }
    if (tw_request_forbidden(request, text)) {
        tw_request_problem(request, TW_PROBLEM_PAYMENT_CARD, "a name must not hold a card number", field);
        return false;
    }
    return true;
}

void tw_desk_scans(struct tw_request *request)
{
    const char *code = NULL;
    const char *device = NULL;
    const char *workstation = NULL;
    if (!tw_request_object(request) || !tw_request_text(request, "code", MAX_CODE, true, &code) ||
        !tw_request_text(request, "device", MAX_DEVICE, false, &device) ||
        !tw_request_text(request, "workstation", MAX_WORKSTATION, false, &workstation)) {
        return;
    }
    device = device != NULL ? device : "api";
    workstation = workstation != NULL ? workstation : request->desk->with.config->terminal;
    if (is_name(request, "/device", device, ".-") && is_name(request, "/workstation", workstation, "")) {
        tw_request_keep(request);
        tw_lane_scan(request->desk->with.lane, device, workstation, tw_slice_of(code), on_scanned, request);
    }
}
