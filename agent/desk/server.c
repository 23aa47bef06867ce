// SPDX-License-Identifier: Apache-2.0
#include "agent/desk/server.h"

#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include "agent/desk/access.h"
#include "agent/desk/routes.h"

#define DROPPED_MAX ((size_t)16 * 1024 * 1024) // bytes of a refused body that are read for politeness

#define POOL_BYTES (16 * 1024) // a connection's headers and its share of a body
#define IDLE_S     30          // a client that sends nothing for so long is gone
// Request line and headers. MHD answers from the same pool, and copies cookies into it: with more of them a
// sale would be stored and its answer find no room (0.9.75).
#define HEAD_MAX 4096

struct tw_server {
    struct tw_desk *desk;
    const char *listen;
    struct MHD_Daemon *daemon;
    struct tw_watch *watch;
    struct tw_timer *timer;
    struct tw_request *requests;
};

bool tw_server_is_local(const struct tw_server *server)
{
    return server->listen == NULL;
}

static struct tw_request *begin(struct tw_server *server, struct MHD_Connection *connection)
{
    struct tw_request *request = calloc(1, sizeof *request);
    if (request == NULL) {
        return NULL;
    }
    request->desk = server->desk;
    request->server = server;
    request->connection = connection;
    request->refs = 1;
    request->next = server->requests;
    if (server->requests != NULL) {
        server->requests->prev = request;
    }
    server->requests = request;
    return request;
}

static bool is_head_too_large(const struct tw_request *request)
{
    const union MHD_ConnectionInfo *head =
        MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return head != NULL && head->header_size > HEAD_MAX;
}

// Everything that can be said before the body is read.
static void check_head(struct tw_request *request, const char *path, const char *method)
{
    const char *host = tw_request_header(request, MHD_HTTP_HEADER_HOST);
    const char *type = tw_request_header(request, MHD_HTTP_HEADER_CONTENT_TYPE);
    request->route = tw_route_find(path);
    if (is_head_too_large(request)) {
        tw_request_problem(
            request, TW_PROBLEM_HEAD_TOO_LARGE,
            "request line and headers may have 4096 bytes together; a browser sends what other "
            "programs of this computer left as cookies: clear those of this address",
            NULL);
    } else if (!tw_access_host(host, request->server->listen)) {
        tw_request_problem(request, TW_PROBLEM_HOST,
                           "use localhost, 127.0.0.1 or the address the agent listens on", NULL);
    } else if (!tw_access_origin(tw_request_header(request, MHD_HTTP_HEADER_ORIGIN), host)) {
        tw_request_problem(request, TW_PROBLEM_ORIGIN, "pages of other sites may not use this interface",
                           NULL);
    } else if (request->route == NULL) {
        tw_request_problem(request, TW_PROBLEM_NOT_FOUND, "include/contract/names.md lists what there is",
                           NULL);
    } else if (request->route->local && !tw_server_is_local(request->server)) {
        tw_request_problem(
            request, TW_PROBLEM_LOCAL,
            "ask on run_dir/control.sock, or with the command line: tillwire queue, tillwire devices", NULL);
    } else if (!tw_route_takes(request->route, method)) {
        request->allow = tw_route_allow(request->route);
        tw_request_problem(request, TW_PROBLEM_METHOD, "the Allow header names what this path takes", NULL);
    } else if (request->route->bytes && !tw_access_type(type, "application/octet-stream")) {
        tw_request_problem(request, TW_PROBLEM_BYTES_TYPE,
                           "send the file itself with Content-Type: application/octet-stream", NULL);
    } else if (strcmp(request->route->method, MHD_HTTP_METHOD_POST) == 0 && !request->route->bytes &&
               !tw_access_type(type, "application/json")) {
        tw_request_problem(request, TW_PROBLEM_MEDIA_TYPE,
                           "send a JSON body with Content-Type: application/json", NULL);
    }
}

static void refuse_body(struct tw_request *request)
{
    if (request->status == 0) {
        char detail[64];
        (void)snprintf(detail, sizeof detail, "a body may have at most %d bytes", TW_DESK_MAX_BODY);
        tw_request_problem(request, TW_PROBLEM_BODY_TOO_LARGE, detail, NULL);
    }
}

// Whether to answer before the body: when the client waits for it (RFC 9110 section 10.1.1), or when
// the body is too long even to be read and dropped.
static bool refuse_at_once(const struct tw_request *request)
{
    const char *length = tw_request_header(request, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t bytes = length != NULL ? strtoull(length, NULL, 10) : 0;
    bool waits = tw_request_header(request, MHD_HTTP_HEADER_EXPECT) != NULL;
    return bytes > DROPPED_MAX || (waits && bytes > TW_DESK_MAX_BODY);
}

// A refused body is still read, so that the client gets to read the answer; but not without end.
static enum MHD_Result take_body(struct tw_request *request, const char *bytes, size_t *len)
{
    if (request->status != 0 || request->body.len + *len > TW_DESK_MAX_BODY) {
        refuse_body(request);
        request->dropped += *len;
    } else {
        tw_buf_add(&request->body, bytes, *len);
    }
    *len = 0;
    return request->dropped <= DROPPED_MAX ? MHD_YES : MHD_NO;
}

// Seconds until the same request may fare better (RFC 9110 section 10.2.3): a full journal empties slowly.
static const char *retry_after(unsigned status)
{
    return status == MHD_HTTP_SERVICE_UNAVAILABLE    ? "5"
           : status == MHD_HTTP_INSUFFICIENT_STORAGE ? "30"
                                                     : NULL;
}

static enum MHD_Result send_answer(struct tw_request *request)
{
    struct MHD_Response *response = request->stream;
    if (response == NULL) {
        // MHD keeps the bytes beyond the request, so they change hands.
        response =
            MHD_create_response_from_buffer(request->answer.len, request->answer.ptr, MHD_RESPMEM_MUST_FREE);
        if (response == NULL) {
            return MHD_NO;
        }
        request->answer = (struct tw_buf){0};
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, request->type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (request->allow != NULL) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, request->allow);
    }
    const char *retry_s = retry_after(request->status);
    if (retry_s != NULL) {
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, retry_s);
    }
    enum MHD_Result result = MHD_queue_response(request->connection, request->status, response);
    MHD_destroy_response(response);
    request->stream = NULL;
    return result;
}

// The body is whole: runs the handler.
static void run(struct tw_request *request)
{
    if (tw_buf_status(&request->body) != TW_OK) {
        tw_request_failed(request, TW_ERR_NOMEM);
    } else {
        request->route->handle(request);
    }
}

static enum MHD_Result on_access(void *ctx, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *bytes, size_t *len,
                                 void **slot)
{
    (void)version;
    struct tw_request *request = *slot;
    if (request == NULL) {
        request = begin(ctx, connection);
        *slot = request;
        if (request == NULL) {
            return MHD_NO;
        }
        check_head(request, url, method);
        if (refuse_at_once(request)) {
            refuse_body(request);
            return send_answer(request);
        }
        return MHD_YES;
    }
    if (*len > 0) {
        return take_body(request, bytes, len);
    }
    if (request->status == 0) {
        run(request);
    }
    if (request->status == 0) {
        request->suspended = true;
        MHD_suspend_connection(connection);
        return MHD_YES;
    }
    return send_answer(request);
}

static void on_completed(void *ctx, struct MHD_Connection *connection, void **slot,
                         enum MHD_RequestTerminationCode why)
{
    (void)connection;
    (void)why;
    struct tw_server *server = ctx;
    struct tw_request *request = *slot;
    if (request == NULL) {
        return;
    }
    *slot = NULL;
    if (request->prev != NULL) {
        request->prev->next = request->next;
    } else {
        server->requests = request->next;
    }
    if (request->next != NULL) {
        request->next->prev = request->prev;
    }
    request->connection = NULL;
    request->server = NULL;
    request->desk = NULL;
    tw_request_release(request);
}

// Lets MHD do what is due and asks it when to come back.
static void turn(void *ctx)
{
    struct tw_server *server = ctx;
    tw_journal_hold(server->desk->with.journal, true); // sales that come at once share a commit
    (void)MHD_run(server->daemon);
    tw_journal_hold(server->desk->with.journal, false);
    MHD_UNSIGNED_LONG_LONG in_ms = 0;
    if (MHD_get_timeout(server->daemon, &in_ms) == MHD_YES) {
        tw_timer_start(server->timer, in_ms < INT_MAX ? (int64_t)in_ms : INT_MAX);
    } else {
        tw_timer_stop(server->timer);
    }
}

void tw_server_resume(struct tw_server *server, struct MHD_Connection *connection)
{
    MHD_resume_connection(connection);
    tw_timer_start(server->timer, 0);
}

static void on_ready(void *ctx, short revents)
{
    (void)revents;
    turn(ctx);
}

static struct MHD_Daemon *start_daemon(struct tw_server *server, int fd, unsigned max_connections)
{
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO, 0, NULL, NULL,
                            on_access, server, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED,
                            on_completed, server, MHD_OPTION_CONNECTION_LIMIT, max_connections,
                            MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES, MHD_OPTION_END);
}

int tw_server_new(struct tw_desk *desk, int fd, const char *listen, unsigned max_connections,
                  struct tw_server **out)
{
    struct tw_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return TW_ERR_NOMEM;
    }
    *server = (struct tw_server){.desk = desk, .listen = listen};
    server->daemon = start_daemon(server, fd, max_connections);
    if (server->daemon == NULL) {
        free(server);
        return TW_ERR_NOMEM;
    }
    const union MHD_DaemonInfo *epoll = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    server->timer = tw_timer_new(desk->with.loop, turn, server);
    server->watch = epoll != NULL ? tw_watch_new(desk->with.loop, epoll->epoll_fd, on_ready, server) : NULL;
    if (server->timer == NULL || server->watch == NULL) {
        tw_server_free(server);
        return TW_ERR_NOMEM;
    }
    tw_watch_events(server->watch, POLLIN);
    *out = server;
    return TW_OK;
}

void tw_server_free(struct tw_server *server)
{
    if (server == NULL) {
        return;
    }
    if (server->watch != NULL) {
        tw_watch_close(server->watch);
    }
    if (server->timer != NULL) {
        tw_timer_close(server->timer);
    }
    // MHD stops only once nothing is suspended.
    for (struct tw_request *request = server->requests; request != NULL; request = request->next) {
        if (request->suspended) {
            request->suspended = false;
            MHD_resume_connection(request->connection);
        }
    }
    MHD_stop_daemon(server->daemon);
    free(server);
}
