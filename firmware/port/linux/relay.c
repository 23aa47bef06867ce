// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/linux/relay.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "firmware/core/tap.h"
#include "firmware/port/linux/about.h"
#include "firmware/port/linux/handed.h"
#include "firmware/port/linux/harden.h"
#include "firmware/port/linux/line.h"
#include "firmware/port/linux/net.h"
#include "firmware/port/linux/session.h"

enum {
    AGENT_OUT_BYTES = 8 * 1024,
    AGENT_ROUNDS = 8,         // buffers sent to the agent in one go; then printing has its turn
    BYTES_PER_RECORD = 256,   // of the copy, for each record of the tap
    DRAIN_US = 10 * 1000000,  // after SIGTERM, for a printer that is slow
    DRAIN_AGENT_US = 1000000, // and then for the agent, from the last byte it took
};

struct tw_relay {
    size_t mapped_bytes;
    struct tw_relay_settings settings;
    char address[256];
    char socket_path[256]; // "": not ours to remove
    int agents;            // listener
    int agent;             // connection, -1: none
    size_t out_at, out_len;
    uint64_t drain_us;      // SIGTERM came: the latest end; 0: it did not
    uint64_t handover_us;   // all is forwarded: the latest end of waiting for the agent
    uint64_t handed_over;   // all before was taken by then
    struct tw_route *route; // one of the two below; NULL while it is being made
    union {
        struct tw_session session;
        struct tw_line line;
    } way;
    struct tw_about about;
    struct tw_tap tap;
    uint8_t out[AGENT_OUT_BYTES];
};

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t monotonic_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

// ---- the agent's side

static void lose_agent(struct tw_relay *relay)
{
    tw_net_close(relay->agent);
    relay->agent = -1;
    relay->out_at = 0;
    relay->out_len = 0;
    tw_tap_detach(&relay->tap);
}

static void accept_agent(struct tw_relay *relay, uint64_t now_us)
{
    int fd = accept4(relay->agents, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        lose_agent(relay); // a new agent takes the place of an old one
        relay->agent = fd;
        tw_tap_attach(&relay->tap, now_us);
    }
}

static void hear_agent(struct tw_relay *relay)
{
    uint8_t bytes[2048];
    ssize_t got = recv(relay->agent, bytes, sizeof bytes, 0);
    if (got > 0) {
        tw_tap_receive(&relay->tap, bytes, (size_t)got);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        lose_agent(relay);
    }
}

static void tell_agent(struct tw_relay *relay)
{
    for (int round = 0; round < AGENT_ROUNDS && relay->agent >= 0; round++) {
        if (relay->out_at == relay->out_len) {
            relay->out_at = 0;
            relay->out_len = tw_tap_transmit(&relay->tap, relay->out, sizeof relay->out);
        }
        if (relay->out_len == 0) {
            return;
        }
        ssize_t put =
            send(relay->agent, relay->out + relay->out_at, relay->out_len - relay->out_at, MSG_NOSIGNAL);
        if (put < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (put < 0) {
            lose_agent(relay);
            return;
        }
        relay->out_at += (size_t)put;
    }
}

// ---- the end

static void begin_drain(struct tw_relay *relay, int signals, uint64_t now_us)
{
    uint8_t info[128]; // struct signalfd_siginfo, whose content does not matter
    (void)!read(signals, info, sizeof info);
    relay->route->ops->shut(relay->route);
    if (relay->drain_us == 0) {
        relay->drain_us = now_us + DRAIN_US;
    }
}

static bool is_drained(struct tw_relay *relay, uint64_t now_us)
{
    if (relay->drain_us == 0) {
        return false;
    }
    if (relay->handover_us == 0 && !relay->route->ops->is_forwarded(relay->route)) {
        return now_us >= relay->drain_us;
    }
    if (relay->handover_us == 0) {
        relay->route->ops->end(relay->route, now_us);
        relay->handover_us = now_us + DRAIN_AGENT_US;
        relay->drain_us = now_us + DRAIN_US;
        relay->handed_over = relay->tap.first;
    }
    if (relay->tap.first > relay->handed_over) {
        relay->handed_over = relay->tap.first;
        relay->handover_us = earlier(now_us + DRAIN_AGENT_US, relay->drain_us);
    }
    bool taken = relay->agent < 0 || relay->tap.first == relay->tap.next;
    return taken || now_us >= relay->handover_us;
}

// ---- the loop

enum { SIGNALS, AGENTS, AGENT, ROUTE, ENTRIES = ROUTE + TW_ROUTE_ENTRIES };

static void interest(const struct tw_relay *relay, int signals, struct pollfd entries[ENTRIES])
{
    short agent_events = relay->out_at < relay->out_len ? POLLIN | POLLOUT : POLLIN;
    entries[SIGNALS] = (struct pollfd){.fd = signals, .events = POLLIN};
    entries[AGENTS] = (struct pollfd){.fd = relay->agents, .events = POLLIN};
    entries[AGENT] = (struct pollfd){.fd = relay->agent, .events = agent_events};
    relay->route->ops->interest(relay->route, &entries[ROUTE]);
}

static int timeout_ms(const struct tw_relay *relay, uint64_t now_us)
{
    uint64_t due_us = earlier(relay->route->ops->deadline_us(relay->route), tw_tap_deadline_us(&relay->tap));
    if (relay->drain_us != 0) {
        due_us = earlier(due_us, now_us + 20000); // a till's silence has no descriptor
    }
    if (due_us == UINT64_MAX) {
        return -1;
    }
    return due_us <= now_us ? 0 : (int)earlier((due_us - now_us + 999) / 1000, 3600000);
}

// Printing comes first, then everything else.
static void turn(struct tw_relay *relay, int signals, const struct pollfd entries[ENTRIES])
{
    uint64_t now_us = monotonic_us();
    relay->route->ops->work(relay->route, &entries[ROUTE], now_us);
    if (now_us >= relay->route->ops->deadline_us(relay->route)) {
        relay->route->ops->tick(relay->route, now_us);
    }
    tw_tap_tick(&relay->tap, now_us);
    if (entries[AGENT].revents != 0) {
        hear_agent(relay);
    }
    if (entries[AGENTS].revents != 0) {
        accept_agent(relay, now_us);
    }
    tell_agent(relay);
    if (entries[SIGNALS].revents != 0) {
        begin_drain(relay, signals, now_us);
    }
}

// True while frames wait that the agent's socket would take at once.
static bool more_for_agent(const struct tw_relay *relay)
{
    return relay->agent >= 0 && relay->out_at == relay->out_len && relay->out_len == AGENT_OUT_BYTES;
}

void tw_relay_run(struct tw_relay *relay, int signals)
{
    while (!is_drained(relay, monotonic_us())) {
        struct pollfd entries[ENTRIES];
        interest(relay, signals, entries);
        int wait_ms = more_for_agent(relay) ? 0 : timeout_ms(relay, monotonic_us());
        if (poll(entries, ENTRIES, wait_ms) < 0) {
            memset(entries, 0, sizeof entries); // EINTR
        }
        turn(relay, signals, entries);
    }
}

// ---- making and freeing

static int open_agents(struct tw_relay *relay, struct tw_error_text *err)
{
    const struct tw_relay_settings *settings = &relay->settings;
    if (settings->handed != NULL && settings->handed->agents >= 0) {
        relay->agents = settings->handed->agents;
        return 0;
    }
    (void)mkdir(settings->run_dir, 0750); // whoever starts first makes it; that it is missing shows below
    int len = snprintf(relay->socket_path, sizeof relay->socket_path, "%s/%s.tap.sock", settings->run_dir,
                       settings->name);
    if (len < 0 || (size_t)len >= sizeof relay->socket_path) {
        relay->socket_path[0] = '\0';
        return tw_fail(err, TW_ERR_TOO_LARGE, "`run_dir` %s is too long; shorten it", settings->run_dir);
    }
    int outcome = tw_net_listen_unix(relay->socket_path, &relay->agents, err);
    if (outcome != 0) {
        relay->socket_path[0] = '\0'; // not ours to remove
    }
    return outcome;
}

static int open_session(struct tw_relay *relay, struct tw_error_text *err)
{
    const struct tw_relay_settings *settings = &relay->settings;
    int tills = settings->handed != NULL ? settings->handed->tills : -1;
    int outcome = 0;
    if (tills >= 0) {
        tw_net_adopt(tills, relay->address);
    } else {
        outcome = tw_net_listen(settings->listen, relay->address, &tills, err);
    }
    if (outcome == 0) {
        tw_session_init(&relay->way.session, settings->name, settings->forward, tills, &relay->tap);
        relay->route = &relay->way.session.route;
    }
    return outcome;
}

static int open_line(struct tw_relay *relay, struct tw_error_text *err)
{
    const struct tw_relay_settings *settings = &relay->settings;
    enum tw_line_flow flow = TW_LINE_FREE;
    if (!tw_line_flow_of(settings->flow, &flow)) {
        return tw_fail(err, TW_ERR_INVALID, "`flow` %s is not known; use none, rtscts, dtrdsr or xonxoff",
                       settings->flow);
    }
    int outcome = tw_serial_check(&settings->form, err);
    if (outcome != 0) {
        return outcome;
    }
    int event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (event < 0) {
        return tw_fail(err, TW_ERR_IO, "cannot watch the ports: %s; raise the limit on open files",
                       strerror(errno));
    }
    (void)snprintf(relay->address, sizeof relay->address, "%s", settings->port);
    struct tw_line *line = &relay->way.line;
    tw_line_init(line, settings->name, settings->port, settings->forward, event, &relay->tap);
    relay->route = &line->route;
    tw_about_line(&relay->about, &settings->form, flow);
    tw_line_start(line, &settings->form, flow, monotonic_us());
    return 0;
}

static size_t record_count(size_t ring_bytes)
{
    return ring_bytes / BYTES_PER_RECORD;
}

static void init_tap(struct tw_relay *relay, const uint8_t boot[16])
{
    size_t ring_bytes = relay->settings.buffer_bytes;
    struct tw_tap_record *records = (struct tw_tap_record *)(relay + 1);
    struct tw_tap_memory memory = {
        .ring = (uint8_t *)(records + record_count(ring_bytes)),
        .ring_bytes = ring_bytes,
        .records = records,
        .record_count = record_count(ring_bytes),
    };
    tw_tap_init(&relay->tap, &memory, boot);
    tw_about_init(&relay->about, &relay->tap, monotonic_us());
}

static struct tw_relay *map(const struct tw_relay_settings *settings)
{
    size_t ring_bytes = settings->buffer_bytes != 0 ? settings->buffer_bytes : TW_RELAY_DEFAULT_BUFFER_BYTES;
    ring_bytes = ring_bytes < TW_RELAY_MIN_BUFFER_BYTES ? TW_RELAY_MIN_BUFFER_BYTES : ring_bytes;
    size_t bytes =
        sizeof(struct tw_relay) + record_count(ring_bytes) * sizeof(struct tw_tap_record) + ring_bytes;
    struct tw_relay *relay = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (relay == MAP_FAILED) {
        return NULL;
    }
    relay->mapped_bytes = bytes;
    relay->settings = *settings;
    relay->settings.buffer_bytes = (uint32_t)ring_bytes;
    relay->agents = -1;
    relay->agent = -1;
    return relay;
}

int tw_relay_new(const struct tw_relay_settings *settings, struct tw_relay **out, struct tw_error_text *err)
{
    uint8_t boot[16];
    if (getrandom(boot, sizeof boot, 0) != (ssize_t)sizeof boot) {
        return tw_fail(err, TW_ERR_IO, "cannot get random bytes: %s; try again", strerror(errno));
    }
    struct tw_relay *relay = map(settings);
    if (relay == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "no memory for a copy of %u bytes; lower `buffer_bytes`",
                       settings->buffer_bytes);
    }
    tw_harden_memory(relay, relay->mapped_bytes);
    init_tap(relay, boot);
    int outcome = settings->port == NULL ? tw_net_check(settings->forward, err) : 0;
    outcome = outcome != 0 ? outcome : open_agents(relay, err);
    if (outcome == 0) {
        outcome = settings->port != NULL ? open_line(relay, err) : open_session(relay, err);
    }
    if (outcome != 0) {
        tw_relay_free(relay);
        return outcome;
    }
    *out = relay;
    return 0;
}

const char *tw_relay_address(const struct tw_relay *relay)
{
    return relay->address;
}

void tw_relay_free(struct tw_relay *relay)
{
    if (relay == NULL) {
        return;
    }
    lose_agent(relay);
    if (relay->route != NULL) {
        relay->route->ops->end(relay->route, monotonic_us());
    }
    tw_net_close(relay->agents);
    if (relay->socket_path[0] != '\0') {
        (void)unlink(relay->socket_path);
    }
    size_t bytes = relay->mapped_bytes;
    (void)munmap(relay, bytes); // the kernel clears pages before it gives them to anybody
}
