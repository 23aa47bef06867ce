// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/linux/line.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    REOPEN_US = 300000,
    FULL_BYTES = 1024, // held for a printer that does not take it: the till is to stop
    LOOK_US = 10000,
    LOOK_FOR_US = 200000, // after a change of lines
    ROUNDS = 8,           // buffers moved in one go before others get their turn
    ALL_LINES = TIOCM_CTS | TIOCM_DSR,
    XON = 0x11,
    XOFF = 0x13,
};

bool tw_line_flow_of(const char *name, enum tw_line_flow *out)
{
    static const char *const names[] = {
        [TW_LINE_FREE] = "none",
        [TW_LINE_RTSCTS] = "rtscts",
        [TW_LINE_DTRDSR] = "dtrdsr",
        [TW_LINE_XONXOFF] = "xonxoff",
    };
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name != NULL ? name : "none", names[i]) == 0) {
            *out = (enum tw_line_flow)i;
            return true;
        }
    }
    return false;
}

// ---- saying stop and go

// What the other side of a port shows us; a port that is not there shows a pulled cable, one without
// lines is always ready.
static int lines_of(const struct tw_line_end *end)
{
    if (end->fd < 0) {
        return 0;
    }
    return end->lines.started ? tw_lines_now(&end->lines) : ALL_LINES;
}

static int crossed(int lines)
{
    return ((lines & TIOCM_CTS) != 0 ? TIOCM_RTS : 0) | ((lines & TIOCM_DSR) != 0 ? TIOCM_DTR : 0);
}

static void raise_lines(struct tw_line_end *end, int lines)
{
    if (end->fd >= 0 && end->lines.started && end->raised != lines) {
        tw_serial_set_lines(end->fd, end->raised, lines);
        end->raised = lines;
    }
}

static void hold(struct tw_line_end *end, bool stop)
{
    if (end->fd >= 0 && end->held != stop) {
        end->held = stop;
        tw_serial_hold(end->fd, stop);
    }
}

// Once stopped for want of room, the till goes on when all that was held is gone.
static void note_fullness(struct tw_line *line)
{
    size_t held = tw_pump_held(&line->out);
    line->full = held > (line->full ? 0 : FULL_BYTES);
}

// Also where the kernel itself obeys CTS: what waits here is not told to the agent as printed, and is
// not lost with a port.
static bool says_stop(const struct tw_line *line, int lines)
{
    return (line->flow == TW_LINE_RTSCTS && (lines & TIOCM_CTS) == 0) ||
           (line->flow == TW_LINE_DTRDSR && (lines & TIOCM_DSR) == 0);
}

// The till may send when the printer takes bytes and we have room; nobody else decides that.
static void stop_or_go(struct tw_line *line)
{
    note_fullness(line);
    int printer = lines_of(&line->printer);
    int till = lines_of(&line->till);
    bool ours = line->full || line->shut;
    int for_till = crossed(printer);
    if (ours && line->flow == TW_LINE_RTSCTS) {
        for_till &= ~TIOCM_RTS;
    } else if (ours && line->flow == TW_LINE_DTRDSR) {
        for_till &= ~TIOCM_DTR;
    }
    raise_lines(&line->till, for_till);
    raise_lines(&line->printer, crossed(till));
    hold(&line->printer, line->printer_xoff || says_stop(line, printer));
    hold(&line->till, says_stop(line, till));
    bool xoff = line->flow == TW_LINE_XONXOFF && (ours || line->printer_xoff);
    if (line->till.fd >= 0 && line->till_xoff != xoff) {
        line->till_xoff = xoff;
        tw_serial_say(line->till.fd, xoff);
    }
}

// ---- pages

// A page ends where the till's connection does: its port is gone, or it lets its DTR fall (a cable
// without that wire never raises it, and does not count). A printer that is gone ends nothing: the till
// does not know, and goes on where it was stopped.
static void mark(struct tw_line *line, uint64_t now_us)
{
    int dsr = lines_of(&line->till) & TIOCM_DSR;
    line->dsr_seen = line->till.fd >= 0 && (line->dsr_seen || dsr != 0);
    bool hung_up = line->flow != TW_LINE_DTRDSR && line->dsr_seen && dsr == 0;
    bool open = line->till.fd >= 0 && !hung_up;
    if (open != line->marked_open) {
        line->marked_open = open;
        tw_tap_mark(line->tap, open ? TW_LINK_OPENED : TW_LINK_CLOSED, now_us);
    }
}

static void settle(struct tw_line *line, uint64_t now_us)
{
    stop_or_go(line);
    mark(line, now_us);
}

// ---- ports that come and go

static void clear(struct tw_pump *pump)
{
    explicit_bzero(pump->bytes, sizeof pump->bytes);
    pump->at = 0;
    pump->len = 0;
}

static void close_end(struct tw_line_end *end)
{
    tw_lines_stop(&end->lines);
    tw_serial_close(end->fd);
    end->fd = -1;
    end->raised = 0;
    end->held = false;
}

static void look_soon(struct tw_line *line, uint64_t now_us)
{
    line->look_us = now_us + LOOK_US;
    line->look_until_us = now_us + LOOK_FOR_US;
}

static void log_absence(const struct tw_line *line, struct tw_line_end *end, const char *why)
{
    if (!end->told) {
        end->told = true;
        (void)fprintf(stderr, "tillwire-relay: device %s: the %s's port: %s\n", line->device, end->what, why);
    }
}

static void lose(struct tw_line *line, struct tw_line_end *end, uint64_t now_us)
{
    close_end(end);
    end->retry_us = now_us + REOPEN_US;
    log_absence(line, end, "it is gone; it is opened again when it is back");
    clear(&line->back); // an answer for nobody, or the half of one
    if (end == &line->printer) {
        line->printer_xoff = false;
    }
    settle(line, now_us);
}

// A till that was told XOFF in an earlier life of ours waits for XON.
static void greet(struct tw_line *line, struct tw_line_end *end)
{
    if (end == &line->till && line->flow == TW_LINE_XONXOFF) {
        line->till_xoff = false;
        tw_serial_say(end->fd, false);
    }
}

static void open_end(struct tw_line *line, struct tw_line_end *end, uint64_t now_us)
{
    struct tw_error_text why = {0};
    bool obeys_cts = end == &line->printer && line->flow == TW_LINE_RTSCTS;
    if (tw_serial_open(end->path, &line->form, obeys_cts, &end->fd, &why) != 0) {
        end->retry_us = now_us + REOPEN_US;
        log_absence(line, end, why.text);
        return;
    }
    if (end->told) {
        end->told = false;
        (void)fprintf(stderr, "tillwire-relay: device %s: the %s's port %s is open again\n", line->device,
                      end->what, end->path);
    }
    end->raised = TIOCM_RTS | TIOCM_DTR; // tty_ioctl(4): opening raises both
    (void)tw_lines_start(&end->lines, end->fd, line->event);
    look_soon(line, now_us);
    greet(line, end);
    settle(line, now_us);
}

// ---- moving bytes

// Makes room at the end, then reads. Returns whether the port is still there.
static bool fill(struct tw_pump *pump, int fd, ptrdiff_t *got)
{
    if (pump->at == pump->len) {
        pump->at = 0;
        pump->len = 0;
    } else if (pump->len == sizeof pump->bytes && pump->at > 0) {
        memmove(pump->bytes, pump->bytes + pump->at, pump->len - pump->at);
        pump->len -= pump->at;
        pump->at = 0;
    }
    *got = 0;
    if (pump->len < sizeof pump->bytes) {
        *got = tw_serial_read(fd, pump->bytes + pump->len, sizeof pump->bytes - pump->len);
    }
    pump->len += *got > 0 ? (size_t)*got : 0;
    return *got >= 0;
}

// First to the printer, then to the tap: the copy never delays a byte.
static bool print(struct tw_line *line, uint64_t now_us, ptrdiff_t *put)
{
    struct tw_pump *pump = &line->out;
    const uint8_t *bytes = pump->bytes + pump->at;
    *put = 0;
    if (line->printer.fd >= 0 && !line->printer.held && tw_pump_held(pump) > 0) {
        *put = tw_serial_write(line->printer.fd, bytes, tw_pump_held(pump));
    }
    if (*put > 0) {
        tw_tap_print(line->tap, bytes, (size_t)*put, now_us);
        pump->at += (size_t)*put;
    }
    return *put >= 0;
}

static void work_out(struct tw_line *line, uint64_t now_us)
{
    ptrdiff_t got = 1;
    ptrdiff_t put = 1;
    bool till = true;
    bool printer = true;
    for (int round = 0; round < ROUNDS && (got > 0 || put > 0) && till && printer; round++) {
        got = 0;
        till = line->till.fd < 0 || fill(&line->out, line->till.fd, &got);
        printer = print(line, now_us, &put);
    }
    if (!till) {
        lose(line, &line->till, now_us);
    }
    if (!printer) {
        lose(line, &line->printer, now_us);
    }
}

// XON and XOFF of the printer are obeyed and told at once, ahead of the answers around them.
static size_t take_flow(struct tw_line *line, uint8_t *bytes, size_t len)
{
    size_t kept = 0;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == XON || bytes[i] == XOFF) {
            line->printer_xoff = bytes[i] == XOFF;
        } else {
            bytes[kept++] = bytes[i];
        }
    }
    return kept;
}

static bool hear(struct tw_line *line, ptrdiff_t *got)
{
    struct tw_pump *pump = &line->back;
    if (!fill(pump, line->printer.fd, got)) {
        return false;
    }
    if (*got > 0 && line->flow == TW_LINE_XONXOFF) {
        size_t len = (size_t)*got;
        pump->len = pump->len - len + take_flow(line, pump->bytes + pump->len - len, len);
        stop_or_go(line);
    }
    return true;
}

// With nobody there an answer goes nowhere, as on a cable.
static bool answer(struct tw_line *line, ptrdiff_t *put)
{
    struct tw_pump *pump = &line->back;
    *put = 0;
    if (line->till.fd < 0) {
        clear(pump);
    } else if (tw_pump_held(pump) > 0) {
        *put = tw_serial_write(line->till.fd, pump->bytes + pump->at, tw_pump_held(pump));
    }
    pump->at += *put > 0 ? (size_t)*put : 0;
    return *put >= 0;
}

static void work_back(struct tw_line *line, uint64_t now_us)
{
    ptrdiff_t got = 1;
    ptrdiff_t put = 1;
    bool till = true;
    bool printer = true;
    for (int round = 0; round < ROUNDS && (got > 0 || put > 0) && till && printer; round++) {
        got = 0;
        printer = line->printer.fd < 0 || hear(line, &got);
        till = answer(line, &put);
    }
    if (!till) {
        lose(line, &line->till, now_us);
    }
    if (!printer) {
        lose(line, &line->printer, now_us);
    }
}

static struct tw_line *of(struct tw_route *route)
{
    return (struct tw_line *)route;
}

// Reading finds the end of a port only where there is room to read.
static void drop_ended(struct tw_line *line, struct tw_line_end *end, short revents, uint64_t now_us)
{
    if (end->fd >= 0 && (revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) {
        lose(line, end, now_us);
    }
}

// The printer is heard first: it may say stop.
static void line_work(struct tw_route *route, const struct pollfd entries[TW_ROUTE_ENTRIES], uint64_t now_us)
{
    struct tw_line *line = of(route);
    if (entries[TW_ROUTE_DOOR].revents != 0) {
        uint64_t count;
        (void)!read(line->event, &count, sizeof count);
        look_soon(line, now_us);
        settle(line, now_us);
    }
    short till = entries[TW_ROUTE_TILL].revents;
    short printer = entries[TW_ROUTE_PRINTER].revents;
    if (((printer & ~POLLOUT) | (till & POLLOUT)) != 0) {
        work_back(line, now_us);
    }
    if (((till & ~POLLOUT) | (printer & POLLOUT)) != 0) {
        work_out(line, now_us);
    }
    if ((till | printer) != 0) {
        drop_ended(line, &line->till, till, now_us);
        drop_ended(line, &line->printer, printer, now_us);
        stop_or_go(line);
    }
}

// ---- what to wait for

// A port that is neither read nor written is still watched for its end.
static struct pollfd entry_of(const struct tw_line_end *end, bool read, bool write)
{
    short events = (short)((read ? POLLIN : 0) | (write && !end->held ? POLLOUT : 0));
    return (struct pollfd){.fd = end->fd, .events = events};
}

static bool has_room(const struct tw_pump *pump)
{
    return tw_pump_held(pump) < sizeof pump->bytes;
}

static void line_interest(const struct tw_route *route, struct pollfd entries[TW_ROUTE_ENTRIES])
{
    const struct tw_line *line = (const struct tw_line *)route;
    entries[TW_ROUTE_DOOR] = (struct pollfd){.fd = line->event, .events = POLLIN};
    entries[TW_ROUTE_TILL] = entry_of(&line->till, has_room(&line->out), tw_pump_held(&line->back) > 0);
    entries[TW_ROUTE_PRINTER] = entry_of(&line->printer, has_room(&line->back), tw_pump_held(&line->out) > 0);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t line_deadline_us(const struct tw_route *route)
{
    const struct tw_line *line = (const struct tw_line *)route;
    uint64_t due_us = line->look_us;
    due_us = line->till.fd < 0 ? earlier(due_us, line->till.retry_us) : due_us;
    return line->printer.fd < 0 ? earlier(due_us, line->printer.retry_us) : due_us;
}

static void line_tick(struct tw_route *route, uint64_t now_us)
{
    struct tw_line *line = of(route);
    if (line->printer.fd < 0 && now_us >= line->printer.retry_us) {
        open_end(line, &line->printer, now_us);
    }
    if (line->till.fd < 0 && now_us >= line->till.retry_us && !line->shut) {
        open_end(line, &line->till, now_us);
    }
    if (now_us >= line->look_us) {
        line->look_us = now_us < line->look_until_us ? now_us + LOOK_US : UINT64_MAX;
        tw_lines_look(&line->till.lines);
        tw_lines_look(&line->printer.lines);
    }
}

// ---- the end

static void line_shut(struct tw_route *route)
{
    of(route)->shut = true;
    stop_or_go(of(route));
}

static bool line_is_forwarded(const struct tw_route *route)
{
    const struct tw_line *line = (const struct tw_line *)route;
    if (tw_pump_held(&line->out) > 0 || (line->printer.fd >= 0 && tw_serial_unsent(line->printer.fd) > 0)) {
        return false;
    }
    struct pollfd entry = {.fd = line->till.fd, .events = POLLIN};
    return poll(&entry, 1, 0) == 0;
}

static void line_end(struct tw_route *route, uint64_t now_us)
{
    struct tw_line *line = of(route);
    close_end(&line->till);
    close_end(&line->printer);
    line->till.retry_us = UINT64_MAX;
    line->printer.retry_us = UINT64_MAX;
    line->look_us = UINT64_MAX;
    mark(line, now_us);
    clear(&line->out);
    clear(&line->back);
    if (line->event >= 0) {
        (void)close(line->event);
        line->event = -1;
    }
}

void tw_line_init(struct tw_line *line, const char *device, const char *till, const char *printer, int event,
                  struct tw_tap *tap)
{
    static const struct tw_route_ops ops = {
        .interest = line_interest,
        .work = line_work,
        .tick = line_tick,
        .deadline_us = line_deadline_us,
        .shut = line_shut,
        .is_forwarded = line_is_forwarded,
        .end = line_end,
    };
    line->route.ops = &ops;
    line->device = device;
    line->tap = tap;
    line->event = event;
    line->till = (struct tw_line_end){.what = "till", .path = till, .fd = -1};
    line->printer = (struct tw_line_end){.what = "printer", .path = printer, .fd = -1};
    line->look_us = UINT64_MAX;
}

void tw_line_start(struct tw_line *line, const struct tw_serial_form *form, enum tw_line_flow flow,
                   uint64_t now_us)
{
    line->form = *form;
    line->flow = flow;
    open_end(line, &line->printer, now_us);
    open_end(line, &line->till, now_us);
}
