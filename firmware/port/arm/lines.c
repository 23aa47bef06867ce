// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/arm/lines.h"

enum { XON = 0x11, XOFF = 0x13, NOTHING = 0 };

// A port, as its interrupt sees it.
struct line {
    struct tw_pass *in;     // what it received
    struct tw_pass *out;    // what it is to send
    enum tw_port sends;     // who sends what it received; itself: the main loop takes it
    bool by_bytes;          // XON/XOFF, to the till or from the printer
    _Atomic bool halted;    // the other side said XOFF
    _Atomic bool stopped;   // the other side was told to stop
    _Atomic uint8_t urgent; // XON or XOFF to be sent before all else
};

static struct tw_lines lines;
static _Atomic uint8_t out_ring[TW_LINES_PASS_BYTES];
static _Atomic uint8_t back_ring[TW_LINES_PASS_BYTES];
static _Atomic uint8_t heard_ring[TW_LINES_HEARD_BYTES];
static _Atomic uint8_t said_ring[TW_LINES_SAID_BYTES];
static _Atomic uint8_t scanned_ring[TW_LINES_SCANNER_BYTES];

static struct line ports[TW_PORTS] = {
    [TW_PORT_TILL] = {.in = &lines.out, .out = &lines.back, .sends = TW_PORT_PRINTER},
    [TW_PORT_PRINTER] = {.in = &lines.back, .out = &lines.out, .sends = TW_PORT_TILL},
    [TW_PORT_AGENT] = {.in = &lines.heard, .out = &lines.said, .sends = TW_PORT_AGENT},
    [TW_PORT_SCANNER] = {.in = &lines.scanned, .out = NULL, .sends = TW_PORT_SCANNER},
};

struct tw_lines *tw_lines_init(void)
{
    tw_pass_init(&lines.out, out_ring, sizeof out_ring, TW_PASS_COPIED);
    tw_pass_init(&lines.back, back_ring, sizeof back_ring, TW_PASS_ALONE);
    tw_pass_init(&lines.heard, heard_ring, sizeof heard_ring, TW_PASS_ALONE);
    tw_pass_init(&lines.said, said_ring, sizeof said_ring, TW_PASS_ALONE);
    tw_pass_init(&lines.scanned, scanned_ring, sizeof scanned_ring, TW_PASS_ALONE);
    return &lines;
}

void tw_lines_set_flow(enum tw_port port, enum tw_link_flow flow)
{
    struct line *line = &ports[port];
    uint32_t state = tw_board_lock();
    line->by_bytes = flow == TW_LINK_FLOW_XONXOFF;
    line->halted = false;
    line->urgent = NOTHING;
    tw_board_unlock(state);
}

// ---- telling the other side

// The till by XOFF, too; to the printer such a byte would be a part of what is printed.
static void tell(enum tw_port port, bool ready)
{
    struct line *line = &ports[port];
    line->stopped = !ready;
    tw_board_set_ready(port, ready);
    if (line->by_bytes && port == TW_PORT_TILL) {
        line->urgent = ready ? XON : XOFF;
        tw_board_kick(port);
    }
}

static void stop_if_full(enum tw_port port)
{
    if (!ports[port].stopped && tw_pass_level(ports[port].in) == TW_PASS_HIGH) {
        tell(port, false);
    }
}

static void go_on_if_empty(enum tw_port port)
{
    if (ports[port].stopped && tw_pass_level(ports[port].in) == TW_PASS_LOW) {
        tell(port, true);
    }
}

// ---- the interrupts' side

// Whether it was one of the two bytes that are no data: from the printer only. What the till prints holds
// any byte, in pictures and in parameters of commands.
static bool obey(enum tw_port port, uint8_t byte)
{
    struct line *line = &ports[port];
    if (port != TW_PORT_PRINTER || !line->by_bytes || (byte != XON && byte != XOFF)) {
        return false;
    }
    line->halted = byte == XOFF;
    tw_board_kick(port);
    return true;
}

void tw_lines_missed(enum tw_port port)
{
    tw_pass_miss(ports[port].in);
}

void tw_lines_received(enum tw_port port, uint8_t byte)
{
    struct line *line = &ports[port];
    if (obey(port, byte)) {
        return;
    }
    (void)tw_pass_put(line->in, byte);
    stop_if_full(port);
    if (line->sends != port) {
        tw_board_kick(line->sends);
    }
}

bool tw_lines_next(enum tw_port port, uint8_t *byte)
{
    struct line *line = &ports[port];
    if (line->urgent != NOTHING) {
        *byte = line->urgent;
        line->urgent = NOTHING;
        return true;
    }
    if (line->out == NULL || line->halted || !tw_pass_take(line->out, byte)) {
        return false;
    }
    if (line->sends != port) {
        go_on_if_empty(line->sends);
    }
    return true;
}

// ---- the main loop's side

void tw_lines_look(void)
{
    for (enum tw_port port = TW_PORT_TILL; port < TW_PORTS; port++) {
        uint32_t state = tw_board_lock();
        go_on_if_empty(port);
        tw_board_unlock(state);
        if (ports[port].out != NULL && tw_pass_held(ports[port].out) > 0) {
            tw_board_kick(port);
        }
    }
}

bool tw_lines_are_idle(void)
{
    return tw_pass_held(&lines.heard) == 0 && tw_pass_held(&lines.said) == 0 &&
           tw_pass_held(&lines.scanned) == 0;
}

bool tw_lines_are_through(void)
{
    return tw_pass_held(&lines.out) == 0 && tw_pass_held(&lines.back) == 0 &&
           lines.out.copied == lines.out.taken;
}

uint32_t tw_lines_bytes(enum tw_port port)
{
    return ports[port].in->put;
}

uint32_t tw_lines_misses(enum tw_port port)
{
    return tw_pass_overruns(ports[port].in);
}

uint64_t tw_lines_overruns(void)
{
    uint64_t all = 0;
    for (enum tw_port port = TW_PORT_TILL; port < TW_PORTS; port++) {
        all += tw_lines_misses(port);
    }
    return all;
}
