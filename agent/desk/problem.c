// SPDX-License-Identifier: Apache-2.0
#include "agent/desk/problem.h"

#include "tillwire/json.h"

static const struct {
    unsigned status;
    const char *slug, *title;
} problems[TW_PROBLEM_COUNT] = {
#define X(symbol, status, slug, title) {status, slug, title},
    TW_PROBLEMS(X)
#undef X
};

unsigned tw_problem_status(enum tw_problem problem)
{
    return problems[problem].status;
}

const char *tw_problem_slug(enum tw_problem problem)
{
    return problems[problem].slug;
}

void tw_problem_write(enum tw_problem problem, const char *detail, const char *field, struct tw_buf *out)
{
    tw_buf_printf(out, "{\"type\":\"urn:tillwire:problem:%s\",\"title\":\"%s\",\"status\":%u,\"detail\":",
                  problems[problem].slug, problems[problem].title, problems[problem].status);
    tw_json_dump_text(tw_slice_of(detail), out);
    if (field != NULL) {
        tw_buf_add_text(out, ",\"field\":");
        tw_json_dump_text(tw_slice_of(field), out);
    }
    tw_buf_add_text(out, "}");
}
