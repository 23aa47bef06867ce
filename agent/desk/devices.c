// SPDX-License-Identifier: Apache-2.0
//
// GET /v1/devices: what `devices` of GET /v1/status has, by itself; for `tillwire devices`.
#include "agent/desk/routes.h"

void tw_desk_devices(struct tw_request *request)
{
    struct tw_buf body = {0};
    tw_buf_add_text(&body, "{\"devices\":");
    tw_lane_devices(request->desk->with.lane, &body);
    tw_buf_add_text(&body, "}");
    tw_request_answer(request, MHD_HTTP_OK, "application/json", &body);
}
