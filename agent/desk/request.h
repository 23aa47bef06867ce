// SPDX-License-Identifier: Apache-2.0
//
// One HTTP request as a resource sees it: what was asked, and one answer, now or later. A handler either
// answers before it returns, or keeps the request (tw_request_keep) and answers from a callback; the
// connection waits meanwhile without a thread. An answer to a client that has gone is dropped.
//
// Threading: the loop thread. Memory: a request lives as long as somebody keeps it; the body is wiped
// before it is freed. Time: none. Errors: none; memory out becomes a 500.
#ifndef TW_AGENT_DESK_REQUEST_H
#define TW_AGENT_DESK_REQUEST_H

#include <microhttpd.h>
#include <stdbool.h>

#include "agent/desk/problem.h"
#include "tillwire/bytes.h"
#include "tillwire/desk.h"
#include "tillwire/json.h"

struct tw_feed;
struct tw_record;
struct tw_route;
struct tw_server;
struct tw_worker;

// What all resources share.
struct tw_desk {
    struct tw_desk_options with;
    struct tw_feed *feed;
    struct tw_worker *worker;
    struct tw_record *records;     // under way
    struct tw_server *tcp, *local; // `tcp` NULL without desk.listen
    int64_t started_wall_ms, started_ms;
    uint16_t port; // the TCP port taken, 0 without one
};

struct tw_request {
    struct tw_desk *desk; // NULL once the desk has stopped
    struct tw_server *server;
    struct MHD_Connection *connection; // NULL once the client has gone
    const struct tw_route *route;
    unsigned refs;
    bool suspended, too_large;
    size_t dropped; // body bytes beyond the limit
    struct tw_buf body;
    tw_json *json; // of the body, after tw_request_object
    // The answer; `status` 0 until there is one.
    unsigned status;
    const char *type;
    const char *allow; // of a 405
    struct tw_buf answer;
    struct MHD_Response *stream; // instead of `answer`
    struct tw_request *prev, *next;
};

// A request header or query argument, NULL when absent; borrowed, while the client is there.
const char *tw_request_header(const struct tw_request *request, const char *name);
const char *tw_request_query(const struct tw_request *request, const char *name);

// Answers with `body` (taken, left empty).
void tw_request_answer(struct tw_request *request, unsigned status, const char *type, struct tw_buf *body);
void tw_request_problem(struct tw_request *request, enum tw_problem problem, const char *detail,
                        const char *field);
// What a callback's error means to the client. TW_OK is not an error.
void tw_request_failed(struct tw_request *request, int error);

// Keeps the request beyond the handler; every keep has one release.
void tw_request_keep(struct tw_request *request);
void tw_request_release(struct tw_request *request);

// Reads the body of a POST, which is a JSON object; then its members can be asked for. False: the request is
// answered.
bool tw_request_object(struct tw_request *request);

// Text member `name` of the JSON body, 1 to `max` bytes. Absent is NULL, a problem when `required`.
// False: the request is answered.
bool tw_request_text(struct tw_request *request, const char *name, size_t max, bool required,
                     const char **out);

// Number member `name` of the JSON body, from 1 to 2^53 (RFC 8259 section 6). False: the request is answered.
bool tw_request_number(struct tw_request *request, const char *name, uint64_t *out);
// Query argument `name`, decimal; `out` is untouched where it is absent. False: the request is answered.
bool tw_request_query_number(struct tw_request *request, const char *name, uint64_t min, uint64_t max,
                             uint64_t *out);

// True when the text holds what may be a payment card number (P6).
bool tw_request_forbidden(const struct tw_request *request, const char *text);

#endif
