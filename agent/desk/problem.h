// SPDX-License-Identifier: Apache-2.0
//
// The problems the desk answers with (RFC 9457): each has one status and one title for good; the
// sentence in `detail` says what was wrong this time and what to do. No value of the request is ever
// quoted: it may be personal. The slugs are listed in include/contract/names.md.
//
// Threading: pure functions. Memory: the caller's buffer. Time: none. Errors: through the buffer.
#ifndef TW_AGENT_DESK_PROBLEM_H
#define TW_AGENT_DESK_PROBLEM_H

#include "tillwire/bytes.h"

//   symbol, status, slug, title
#define TW_PROBLEMS(X)                                                                                       \
    X(NOT_JSON, 400, "not-json", "The body is not a JSON object")                                            \
    X(KEY_INVALID, 400, "idempotency-key-invalid", "The Idempotency-Key cannot be used")                     \
    X(HOST, 403, "host-not-allowed", "The Host is not this terminal")                                        \
    X(ORIGIN, 403, "origin-not-allowed", "The request comes from another web site")                          \
    X(LOCAL, 403, "control-socket-only", "Only on the control socket")                                       \
    X(NOT_FOUND, 404, "not-found", "There is nothing here")                                                  \
    X(METHOD, 405, "method-not-allowed", "The method does not fit")                                          \
    X(OTHER_SOURCE, 409, "of-another-source", "It is of what this terminal was before")                      \
    X(NOT_RECORDED, 409, "not-recorded", "This device cannot be recorded now")                               \
    X(NOT_UPDATED, 409, "not-updated", "This device cannot be updated so")                                   \
    X(BODY_TOO_LARGE, 413, "body-too-large", "The body is too large")                                        \
    X(MEDIA_TYPE, 415, "not-json-type", "The Content-Type is not application/json")                          \
    X(BYTES_TYPE, 415, "not-bytes-type", "The Content-Type is not application/octet-stream")                 \
    X(FIELD, 422, "field-invalid", "A field is missing or wrong")                                            \
    X(KEY_REUSED, 422, "idempotency-key-reused", "The Idempotency-Key belongs to another request")           \
    X(NOT_LOYALTY, 422, "not-a-loyalty-card", "This is no loyalty card of this tenant")                      \
    X(PAYMENT_CARD, 422, "payment-card-refused", "Payment card data is refused")                             \
    X(EVENT_TOO_LARGE, 422, "event-too-large", "The event would be too large to send")                       \
    X(HEAD_TOO_LARGE, 431, "head-too-large", "The headers are too large")                                    \
    X(INTERNAL, 500, "internal", "The request could not be carried out")                                     \
    X(FOLLOWERS, 503, "too-many-followers", "Too many programs follow the events")                           \
    X(STORAGE, 503, "storage-failed", "The journal could not store the event")                               \
    X(NO_ROOM, 507, "no-room", "There is no room for more events")

enum tw_problem {
#define X(symbol, status, slug, title) TW_PROBLEM_##symbol,
    TW_PROBLEMS(X)
#undef X
        TW_PROBLEM_COUNT
};

unsigned tw_problem_status(enum tw_problem problem);
const char *tw_problem_slug(enum tw_problem problem);

// Appends the problem as application/problem+json. `field` is a JSON Pointer (RFC 6901) or NULL.
void tw_problem_write(enum tw_problem problem, const char *detail, const char *field, struct tw_buf *out);

#endif
