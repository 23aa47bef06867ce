// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/arm/speeds.h"

#include "firmware/port/arm/board.h"
#include "firmware/port/arm/lines.h"

enum {
    MOST_PULSES = 64,
    SCANNER_BAUD = 9600,
    PROOF_BYTES = 64,
    PROOF_MISSES = 2, // one may be of the relay's contacts
};

static bool same(const struct tw_link_line *a, const struct tw_link_line *b)
{
    return a->baud == b->baud && a->bits == b->bits && a->parity == b->parity && a->stop == b->stop &&
           a->flow == b->flow;
}

static uint32_t baud_or(const struct tw_link_line *line, uint32_t otherwise)
{
    return line->baud == 0 && line->bits != 0 ? otherwise : line->baud;
}

// A port that stays as it is, is not touched: the agent says CONFIG whenever it comes back.
static void set(enum tw_port port, const struct tw_link_line *line, struct tw_link_line *now)
{
    if (!same(line, now) && tw_board_set_line(port, line)) {
        *now = *line;
    }
}

static void set_both(struct tw_speeds *speeds, struct tw_link_line till, struct tw_link_line printer)
{
    printer.baud = baud_or(&printer, till.baud);
    speeds->wire = false;
    set(TW_PORT_TILL, &till, &speeds->set.till);
    set(TW_PORT_PRINTER, &printer, &speeds->set.printer);
}

// ---- finding the speed

// Those that are left of an older wire: the till may be set otherwise since.
static void forget_pulses(void)
{
    uint32_t ticks;
    bool quiet;
    for (unsigned i = 0; i < MOST_PULSES && tw_board_take_pulse(&ticks, &quiet); i++) {
    }
}

// The wire takes both ports, whatever they were.
static void become_wire(struct tw_speeds *speeds)
{
    static const struct tw_link_line closed;
    speeds->waits = false;
    speeds->wire = true;
    speeds->finding = !speeds->failed;
    forget_pulses();
    tw_speed_init(&speeds->pulses, tw_board_pulse_hz());
    speeds->set.till = speeds->asked.till;
    speeds->set.printer = closed;
    tw_board_join_wire();
}

// Nobody said that the cable has all wires: readiness counts only where it is seen.
static struct tw_link_line as_wired(enum tw_port port, const struct tw_link_line *line)
{
    struct tw_link_line wired = *line;
    if (line->flow != TW_LINK_FLOW_XONXOFF && !tw_board_is_ready(port)) {
        wired.flow = TW_LINK_FLOW_NONE;
    }
    return wired;
}

static void take_over(struct tw_speeds *speeds, uint32_t baud)
{
    struct tw_link_line till = as_wired(TW_PORT_TILL, &speeds->asked.till);
    till.baud = baud;
    speeds->finding = false;
    speeds->proving = true;
    speeds->bytes = tw_lines_bytes(TW_PORT_TILL);
    speeds->misses = tw_lines_misses(TW_PORT_TILL);
    set_both(speeds, till, as_wired(TW_PORT_PRINTER, &speeds->asked.printer));
}

static void measure(struct tw_speeds *speeds)
{
    uint32_t ticks;
    bool quiet = false;
    for (unsigned i = 0; i < MOST_PULSES && tw_board_take_pulse(&ticks, &quiet); i++) {
        tw_speed_pulse(&speeds->pulses, ticks);
    }
    uint32_t baud = quiet ? tw_speed_found(&speeds->pulses) : 0;
    if (baud != 0) {
        take_over(speeds, baud);
    }
}

// Where a parity bit comes instead of the stop bit, every other byte or so is a framing error.
static void prove(struct tw_speeds *speeds)
{
    speeds->failed = tw_lines_misses(TW_PORT_TILL) - speeds->misses >= PROOF_MISSES;
    speeds->waits = speeds->failed;
    speeds->proving = !speeds->failed && tw_lines_bytes(TW_PORT_TILL) - speeds->bytes < PROOF_BYTES;
}

// ---- the interface

static bool known(const struct tw_link_settings *settings)
{
    return tw_board_knows_line(&settings->till) && tw_board_knows_line(&settings->printer) &&
           tw_board_knows_line(&settings->scanner);
}

bool tw_speeds_apply(void *port, const struct tw_link_settings *settings)
{
    struct tw_speeds *speeds = (struct tw_speeds *)port;
    if (!known(settings)) {
        return false;
    }
    bool find = settings->till.baud == 0 && settings->till.bits != 0 && tw_board_has_wire();
    bool changed =
        !same(&settings->till, &speeds->asked.till) || !same(&settings->printer, &speeds->asked.printer);
    speeds->asked = *settings;
    if (changed || !find) {
        speeds->waits = find;
        speeds->finding = false;
        speeds->proving = false;
        speeds->failed = false;
    }
    if (!find) {
        set_both(speeds, settings->till, settings->printer);
    }
    struct tw_link_line scanner = settings->scanner;
    scanner.baud = baud_or(&scanner, SCANNER_BAUD);
    set(TW_PORT_SCANNER, &scanner, &speeds->set.scanner);
    return true;
}

void tw_speeds_look(struct tw_speeds *speeds, bool silent)
{
    if (speeds->proving) {
        prove(speeds);
    }
    if (speeds->waits && (speeds->wire || ((silent || speeds->failed) && tw_lines_are_through()))) {
        become_wire(speeds);
    }
    if (speeds->finding) {
        measure(speeds);
    }
}
