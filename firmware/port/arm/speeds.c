// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/arm/speeds.h"

#include "firmware/port/arm/board.h"

enum { MOST_PULSES = 64, SCANNER_BAUD = 9600 };

static bool same(const struct tw_link_line *a, const struct tw_link_line *b)
{
    return a->baud == b->baud && a->bits == b->bits && a->parity == b->parity && a->stop == b->stop &&
           a->flow == b->flow;
}

// A port that stays as it is, is not touched: the agent says CONFIG whenever it comes back.
static void set(enum tw_port port, const struct tw_link_line *line, uint32_t baud, struct tw_link_line *now)
{
    struct tw_link_line known = *line;
    known.baud = known.baud == 0 && known.bits != 0 ? baud : known.baud;
    if (!same(&known, now) && tw_board_set_line(port, &known)) {
        *now = known;
    }
}

static void set_both(struct tw_speeds *speeds, uint32_t baud)
{
    set(TW_PORT_TILL, &speeds->asked.till, baud, &speeds->set.till);
    set(TW_PORT_PRINTER, &speeds->asked.printer, speeds->set.till.baud, &speeds->set.printer);
}

// The wire takes both ports, whatever they were.
static void begin_finding(struct tw_speeds *speeds)
{
    static const struct tw_link_line closed;
    speeds->finding = true;
    tw_speed_init(&speeds->pulses, tw_board_pulse_hz());
    speeds->set.till = speeds->asked.till;
    speeds->set.printer = closed;
    tw_board_join_wire();
}

void tw_speeds_apply(void *port, struct tw_link_settings *settings)
{
    struct tw_speeds *speeds = (struct tw_speeds *)port;
    bool find = settings->till.baud == 0 && settings->till.bits != 0 && tw_board_has_wire();
    bool found = same(&settings->till, &speeds->asked.till) && !speeds->finding;
    speeds->asked = *settings;
    if (find && !found) {
        begin_finding(speeds);
    } else {
        speeds->finding = false;
        set_both(speeds, speeds->set.till.baud);
    }
    set(TW_PORT_SCANNER, &settings->scanner, SCANNER_BAUD, &speeds->set.scanner);
}

void tw_speeds_look(struct tw_speeds *speeds)
{
    uint32_t ticks;
    bool quiet = false;
    for (unsigned i = 0; speeds->finding && i < MOST_PULSES && tw_board_take_pulse(&ticks, &quiet); i++) {
        tw_speed_pulse(&speeds->pulses, ticks);
    }
    uint32_t baud = speeds->finding && quiet ? tw_speed_found(&speeds->pulses) : 0;
    if (baud != 0) {
        speeds->finding = false;
        set_both(speeds, baud);
    }
}
