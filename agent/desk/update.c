// SPDX-License-Identifier: Apache-2.0
//
// POST /v1/devices/update?device=NAME: new firmware for a tap that is a board; the body is the update file
// (tillwire/tap_image.h). On the control socket only. Answered once the board is being sent it; how it goes
// is in `update` of GET /v1/devices.
#include "agent/desk/routes.h"

void tw_desk_update(struct tw_request *request)
{
    struct tw_error_text why = {0};
    const char *name = tw_request_query(request, "device");
    int rc = tw_lane_update(request->desk->with.lane, name != NULL ? name : "", tw_buf_slice(&request->body),
                            &why);
    if (rc == TW_OK) {
        struct tw_buf body = {0};
        tw_buf_add_text(&body, "{\"accepted\":true}");
        tw_request_answer(request, MHD_HTTP_ACCEPTED, "application/json", &body);
    } else if (rc == TW_ERR_NOT_FOUND) {
        tw_request_problem(request, TW_PROBLEM_NOT_FOUND, why.text, NULL);
    } else if (rc == TW_ERR_NOMEM) {
        tw_request_failed(request, rc);
    } else {
        tw_request_problem(request, TW_PROBLEM_NOT_UPDATED, why.text, NULL);
    }
}
