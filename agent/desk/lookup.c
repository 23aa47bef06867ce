// SPDX-License-Identifier: Apache-2.0
//
// POST /v1/members/lookup {"card", "operator"?}: tier, points and how old they are. Who asked is
// committed to the audit trail before the answer leaves.
#include <pwd.h>
#include <sys/socket.h>

#include "agent/desk/routes.h"
#include "agent/desk/server.h"
#include "tillwire/event.h"

#define MAX_CARD     128
#define MAX_OPERATOR 64

static void write_text(struct tw_buf *body, const char *name, const char *text)
{
    tw_buf_printf(body, ",\"%s\":", name);
    if (text[0] != '\0') {
        tw_json_dump_text(tw_slice_of(text), body);
    } else {
        tw_buf_add_text(body, "null");
    }
}

static void write_number(struct tw_buf *body, const char *name, bool known, int64_t number)
{
    if (known) {
        tw_buf_printf(body, ",\"%s\":%lld", name, (long long)number);
    } else {
        tw_buf_printf(body, ",\"%s\":null", name);
    }
}

static void answer_member(struct tw_request *request, const struct tw_lane_member *answer)
{
    const struct tw_member *member = &answer->member;
    char as_of[25] = "";
    struct tw_buf body = {0};
    if (member->as_of_ms > 0) {
        tw_event_time(member->as_of_ms, as_of);
    }
    tw_buf_printf(&body, "{\"found\":%s", member->found ? "true" : "false");
    write_text(&body, "scheme", member->scheme);
    write_text(&body, "tier", member->tier);
    write_number(&body, "points", member->has_points, member->points);
    write_text(&body, "as_of", as_of);
    write_number(&body, "age_s", answer->age_s >= 0, answer->age_s);
    tw_buf_add_text(&body, "}");
    tw_request_answer(request, MHD_HTTP_OK, "application/json", &body);
}

static void on_member(void *ctx, const struct tw_lane_member *answer)
{
    struct tw_request *request = ctx;
    if (answer->error == TW_ERR_INVALID || answer->error == TW_ERR_NOT_FOUND) {
        tw_request_problem(request, TW_PROBLEM_NOT_LOYALTY,
                           "no rule of loyalty.cards in the configuration fits", "/card");
    } else if (answer->error == TW_ERR_REFUSED) {
        tw_request_problem(request, TW_PROBLEM_PAYMENT_CARD,
                           "this looks like a payment card; it was not kept", "/card");
    } else if (answer->error != TW_OK) {
        tw_request_failed(request, answer->error);
    } else {
        answer_member(request, answer);
    }
    tw_request_release(request);
}

// The name of the user at the other end of the Unix socket (unix(7), SO_PEERCRED). Only /etc/passwd is
// asked: a directory service could make the loop wait.
static void peer_name(const struct tw_request *request, char *out, size_t size)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ucred peer = {0};
    socklen_t len = sizeof peer;
    if (info == NULL || getsockopt(info->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0) {
        return;
    }
    (void)snprintf(out, size, "uid %u", (unsigned)peer.uid);
    FILE *users = fopen("/etc/passwd", "re");
    if (users == NULL) {
        return;
    }
    struct passwd entry;
    struct passwd *found = NULL;
    char line[1024];
    while (fgetpwent_r(users, &entry, line, sizeof line, &found) == 0) {
        if (entry.pw_uid == peer.uid) {
            (void)snprintf(out, size, "%s", entry.pw_name);
            break;
        }
    }
    (void)fclose(users);
}

static const char *via_of(const struct tw_request *request)
{
    const char *agent = tw_request_header(request, MHD_HTTP_HEADER_USER_AGENT);
    if (tw_server_is_local(request->server)) {
        return agent != NULL && strncmp(agent, "tillwire/", 9) == 0 ? "cli" : "api";
    }
    // A browser names the page's origin with a POST: that is the associates' page.
    return tw_request_header(request, MHD_HTTP_HEADER_ORIGIN) != NULL ? "desk" : "api";
}

void tw_desk_lookup(struct tw_request *request)
{
    const char *card = NULL;
    const char *operator_id = NULL;
    char user[MAX_OPERATOR] = "";
    if (!tw_request_object(request) || !tw_request_text(request, "card", MAX_CARD, true, &card) ||
        !tw_request_text(request, "operator", MAX_OPERATOR, false, &operator_id)) {
        return;
    }
    if (operator_id != NULL && tw_request_forbidden(request, operator_id)) {
        tw_request_problem(request, TW_PROBLEM_PAYMENT_CARD, "an operator is no card number", "/operator");
        return;
    }
    if (operator_id == NULL && tw_server_is_local(request->server)) {
        peer_name(request, user, sizeof user);
        operator_id = user[0] != '\0' ? user : NULL;
    }
    const struct tw_lane_asker asker = {.by = operator_id, .via = via_of(request)};
    tw_request_keep(request);
    tw_lane_lookup(request->desk->with.lane, tw_slice_of(card), &asker, on_member, request);
}
