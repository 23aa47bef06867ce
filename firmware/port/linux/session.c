// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/linux/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "firmware/port/linux/net.h"

enum {
    CONNECT_US = 5000000,      // a till is kept waiting for its printer for this long
    CONNECT_DOWN_US = 1000000, // when the till before it waited in vain
    ATTEMPT_US = 3000000,
    RETRY_US = 200000,
    LINGER_US = 1000000,    // after one side ended, when another till waits
    IDLE_END_US = 60000000, // when nobody does
    ROUNDS = 8,             // buffers moved in one go before others get their turn
};

enum outcome { MOVED, BLOCKED, BROKEN_SOURCE, BROKEN_SINK };

// ---- one direction

static enum outcome fill(struct tw_pump *pump, int source, bool *ended)
{
    ssize_t got = recv(source, pump->bytes, sizeof pump->bytes, 0);
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR ? BLOCKED : BROKEN_SOURCE;
    }
    pump->at = 0;
    pump->len = (size_t)got;
    *ended = got == 0;
    return MOVED;
}

static enum outcome empty(struct tw_pump *pump, int sink, size_t *sent)
{
    ssize_t put = send(sink, pump->bytes + pump->at, pump->len - pump->at, MSG_NOSIGNAL);
    if (put < 0) {
        return errno == EAGAIN || errno == EINTR ? BLOCKED : BROKEN_SINK;
    }
    *sent = (size_t)put;
    return MOVED;
}

static bool holds_bytes(const struct tw_pump *pump)
{
    return tw_pump_held(pump) > 0;
}

// ---- the session

static void reset_pump(struct tw_pump *pump)
{
    explicit_bzero(pump->bytes, sizeof pump->bytes);
    pump->at = 0;
    pump->len = 0;
}

static void mark_closed(struct tw_session *session, uint64_t now_us)
{
    if (session->state == TW_SESSION_OPEN && !session->marked_closed) {
        session->marked_closed = true;
        tw_tap_mark(session->tap, TW_LINK_CLOSED, now_us);
    }
}

static void forget(struct tw_session *session)
{
    session->till = -1;
    session->printer = -1;
    session->state = TW_SESSION_IDLE;
    reset_pump(&session->out);
    reset_pump(&session->back);
    session->out_ended = session->out_passed = false;
    session->back_ended = session->back_passed = false;
}

// The printer is gone, or never came, or does not take what is held: the till sees what it would see
// without us.
static void let_go(struct tw_session *session, uint64_t now_us)
{
    mark_closed(session, now_us);
    tw_net_close(session->printer);
    tw_net_abort(session->till);
    forget(session);
}

static void end(struct tw_session *session, uint64_t now_us)
{
    if (holds_bytes(&session->out)) {
        let_go(session, now_us);
        return;
    }
    mark_closed(session, now_us);
    tw_net_close(session->printer);
    tw_net_close(session->till);
    forget(session);
}

// ---- connecting

static void fail_attempt(struct tw_session *session, const struct tw_error_text *why, uint64_t now_us)
{
    if (!session->printer_down) {
        session->printer_down = true;
        (void)fprintf(stderr, "tillwire-relay: device %s: %s\n", session->device, why->text);
    }
    tw_net_close(session->printer);
    session->printer = -1;
    if (now_us + RETRY_US >= session->give_up_us) {
        let_go(session, now_us);
        return;
    }
    session->state = TW_SESSION_WAITING;
    session->retry_us = now_us + RETRY_US;
}

static void attempt(struct tw_session *session, uint64_t now_us)
{
    struct tw_error_text why = {0};
    if (tw_net_connect(session->forward, &session->printer, &why) != 0) {
        fail_attempt(session, &why, now_us);
        return;
    }
    session->state = TW_SESSION_CONNECTING;
    session->retry_us = now_us + ATTEMPT_US < session->give_up_us ? now_us + ATTEMPT_US : session->give_up_us;
}

static void finish_attempt(struct tw_session *session, uint64_t now_us)
{
    struct tw_error_text why = {0};
    if (tw_net_connected(session->printer, session->forward, &why) != 0) {
        fail_attempt(session, &why, now_us);
        return;
    }
    if (session->printer_down) {
        session->printer_down = false;
        (void)fprintf(stderr, "tillwire-relay: device %s: the printer at %s is reached again\n",
                      session->device, session->forward);
    }
    session->state = TW_SESSION_OPEN;
    session->retry_us = 0;
    session->last_us = now_us;
    tw_tap_mark(session->tap, TW_LINK_OPENED, now_us);
}

static void begin(struct tw_session *session, uint64_t now_us)
{
    int till = accept4(session->tills, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (till < 0) {
        return;
    }
    tw_net_tune(till);
    tw_net_close_with_reset(till);
    session->till = till;
    session->till_gone = false;
    session->marked_closed = false;
    session->give_up_us = now_us + (session->printer_down ? CONNECT_DOWN_US : CONNECT_US);
    attempt(session, now_us);
}

// ---- moving bytes

// First to the printer, then to the tap: the copy never delays a byte.
static enum outcome move_out(struct tw_session *session, uint64_t now_us)
{
    struct tw_pump *pump = &session->out;
    if (!holds_bytes(pump)) {
        return session->out_ended ? BLOCKED : fill(pump, session->till, &session->out_ended);
    }
    size_t sent = 0;
    enum outcome outcome = empty(pump, session->printer, &sent);
    tw_tap_print(session->tap, pump->bytes + pump->at, sent, now_us);
    pump->at += sent;
    return outcome;
}

static enum outcome move_back(struct tw_session *session)
{
    struct tw_pump *pump = &session->back;
    if (!holds_bytes(pump)) {
        return session->back_ended ? BLOCKED : fill(pump, session->printer, &session->back_ended);
    }
    size_t sent = 0;
    enum outcome outcome = empty(pump, session->till, &sent);
    pump->at += sent;
    return outcome;
}

static void pass_end(const struct tw_pump *pump, bool ended, bool *passed, int sink)
{
    if (ended && !holds_bytes(pump) && !*passed) {
        *passed = true;
        (void)shutdown(sink, SHUT_WR);
    }
}

// A till that is gone has no more to say and hears nothing.
static void lose_till(struct tw_session *session)
{
    session->till_gone = true;
    session->out_ended = true;
    session->back_ended = true;
    session->back_passed = true;
    session->back.at = session->back.len;
}

static bool work_out(struct tw_session *session, uint64_t now_us)
{
    enum outcome outcome = MOVED;
    for (int round = 0; round < 2 * ROUNDS && outcome == MOVED; round++) {
        outcome = move_out(session, now_us);
    }
    if (outcome == BROKEN_SOURCE) {
        lose_till(session);
    }
    pass_end(&session->out, session->out_ended, &session->out_passed, session->printer);
    if (session->out_passed) {
        mark_closed(session, now_us); // the page is over, however long the printer stays
    }
    return outcome != BROKEN_SINK;
}

static bool work_back(struct tw_session *session)
{
    enum outcome outcome = session->till_gone ? BLOCKED : MOVED;
    for (int round = 0; round < 2 * ROUNDS && outcome == MOVED; round++) {
        outcome = move_back(session);
    }
    if (outcome == BROKEN_SINK) {
        lose_till(session);
    }
    if (!session->till_gone) {
        pass_end(&session->back, session->back_ended, &session->back_passed, session->till);
    }
    return outcome != BROKEN_SOURCE;
}

static void work_open(struct tw_session *session, short till, short printer, uint64_t now_us)
{
    bool printer_alive = true;
    if (((till & ~POLLOUT) | (printer & (POLLOUT | POLLERR | POLLHUP))) != 0) {
        printer_alive = work_out(session, now_us);
    }
    if (((printer & ~POLLOUT) | (till & (POLLOUT | POLLERR | POLLHUP))) != 0) {
        printer_alive = work_back(session) && printer_alive;
    }
    if ((till | printer) != 0) {
        session->last_us = now_us;
    }
    if ((till & POLLERR) != 0 && holds_bytes(&session->out)) {
        lose_till(session); // its bytes wait for the printer; it must not be polled meanwhile
    }
    if (!printer_alive) {
        let_go(session, now_us);
    } else if (session->out_passed && session->back_passed) {
        end(session, now_us);
    }
}

static struct tw_session *of(struct tw_route *route)
{
    return (struct tw_session *)route;
}

static void session_work(struct tw_route *route, const struct pollfd entries[TW_ROUTE_ENTRIES],
                         uint64_t now_us)
{
    struct tw_session *session = of(route);
    if (session->state == TW_SESSION_CONNECTING && entries[TW_ROUTE_PRINTER].revents != 0) {
        finish_attempt(session, now_us);
    } else if (session->state == TW_SESSION_OPEN) {
        work_open(session, entries[TW_ROUTE_TILL].revents, entries[TW_ROUTE_PRINTER].revents, now_us);
    } else if (session->state == TW_SESSION_IDLE && entries[TW_ROUTE_DOOR].revents != 0) {
        begin(session, now_us);
    }
}

// ---- what to wait for

static struct pollfd entry_of(int fd, bool read, bool write)
{
    short events = (short)((read ? POLLIN : 0) | (write ? POLLOUT : 0));
    return (struct pollfd){.fd = events != 0 ? fd : -1, .events = events};
}

static void session_interest(const struct tw_route *route, struct pollfd entries[TW_ROUTE_ENTRIES])
{
    const struct tw_session *session = (const struct tw_session *)route;
    const struct tw_pump *out = &session->out;
    const struct tw_pump *back = &session->back;
    entries[TW_ROUTE_DOOR] = entry_of(session->tills, session->state == TW_SESSION_IDLE, false);
    entries[TW_ROUTE_TILL] = (struct pollfd){.fd = -1};
    entries[TW_ROUTE_PRINTER] = (struct pollfd){.fd = -1};
    if (session->state == TW_SESSION_CONNECTING) {
        entries[TW_ROUTE_PRINTER] = entry_of(session->printer, false, true);
    } else if (session->state == TW_SESSION_OPEN) {
        if (!session->till_gone) {
            entries[TW_ROUTE_TILL] =
                entry_of(session->till, !session->out_ended && !holds_bytes(out), holds_bytes(back));
        }
        entries[TW_ROUTE_PRINTER] =
            entry_of(session->printer, !session->back_ended && !holds_bytes(back), holds_bytes(out));
    }
}

static bool half_ended(const struct tw_session *session)
{
    return session->state == TW_SESSION_OPEN && (session->out_passed || session->back_passed);
}

static uint64_t session_deadline_us(const struct tw_route *route)
{
    const struct tw_session *session = (const struct tw_session *)route;
    if (session->state == TW_SESSION_WAITING || session->state == TW_SESSION_CONNECTING) {
        return session->retry_us;
    }
    if (!half_ended(session)) {
        return UINT64_MAX;
    }
    return session->retry_us > session->last_us + LINGER_US ? session->retry_us
                                                            : session->last_us + LINGER_US;
}

static bool till_waits(const struct tw_session *session)
{
    struct pollfd entry = {.fd = session->tills, .events = POLLIN};
    return poll(&entry, 1, 0) > 0;
}

static void session_tick(struct tw_route *route, uint64_t now_us)
{
    struct tw_session *session = of(route);
    if (now_us < session_deadline_us(route)) {
        return;
    }
    if (session->state == TW_SESSION_WAITING) {
        attempt(session, now_us);
    } else if (session->state == TW_SESSION_CONNECTING) {
        struct tw_error_text why;
        (void)tw_fail(&why, TW_ERR_IO,
                      "the printer at %s does not answer; check that it is switched on and `forward`",
                      session->forward);
        fail_attempt(session, &why, now_us);
    } else if (now_us >= session->last_us + IDLE_END_US || till_waits(session)) {
        end(session, now_us);
    } else {
        session->retry_us = now_us + LINGER_US; // look again for a till that waits
    }
}

// ---- the end

static void session_shut(struct tw_route *route)
{
    tw_net_close(of(route)->tills);
    of(route)->tills = -1;
}

static bool session_is_forwarded(const struct tw_route *route)
{
    const struct tw_session *session = (const struct tw_session *)route;
    if (session->state != TW_SESSION_OPEN) {
        return session->state == TW_SESSION_IDLE;
    }
    if (holds_bytes(&session->out)) {
        return false;
    }
    struct pollfd entry = {.fd = session->till, .events = POLLIN};
    return session->out_ended || poll(&entry, 1, 0) == 0;
}

static void session_end(struct tw_route *route, uint64_t now_us)
{
    end(of(route), now_us);
    session_shut(route);
}

void tw_session_init(struct tw_session *session, const char *device, const char *forward, int tills,
                     struct tw_tap *tap)
{
    static const struct tw_route_ops ops = {
        .interest = session_interest,
        .work = session_work,
        .tick = session_tick,
        .deadline_us = session_deadline_us,
        .shut = session_shut,
        .is_forwarded = session_is_forwarded,
        .end = session_end,
    };
    session->route.ops = &ops;
    session->device = device;
    session->forward = forward;
    session->tap = tap;
    session->state = TW_SESSION_IDLE;
    session->tills = tills;
    session->till = -1;
    session->printer = -1;
}
