// SPDX-License-Identifier: Apache-2.0
//
// GET /healthz: can the journal take events? That is all a restart could mend. One that is full is no such
// case: it empties by itself once the centre takes events again, and a restart would only take the line down.
#include "agent/desk/routes.h"

void tw_desk_health(struct tw_request *request)
{
    struct tw_journal_stats stats;
    struct tw_buf body = {0};
    tw_journal_stats(request->desk->with.journal, &stats);
    bool well = stats.last_error == TW_OK || stats.last_error == TW_ERR_FULL;
    bool full = tw_desk_is_full(&stats);
    tw_buf_add_text(&body, !well  ? "the last commit failed\n"
                           : full ? "ok, but the journal is full: see tillwire status\n"
                                  : "ok\n");
    tw_request_answer(request, well ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, "text/plain; charset=utf-8",
                      &body);
}
