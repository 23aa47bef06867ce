// SPDX-License-Identifier: Apache-2.0
//
// GET /healthz: can the journal take events? That is all a restart could mend.
#include "agent/desk/routes.h"

void tw_desk_health(struct tw_request *request)
{
    struct tw_journal_stats stats;
    struct tw_buf body = {0};
    tw_journal_stats(request->desk->with.journal, &stats);
    bool well = stats.last_error == TW_OK;
    tw_buf_add_text(&body, well ? "ok\n" : "the last commit failed\n");
    tw_request_answer(request, well ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain; charset=utf-8",
                      &body);
}
