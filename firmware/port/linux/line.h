// SPDX-License-Identifier: Apache-2.0
//
// The route between two serial ports: one to the till, one to the printer, as if the relay were the
// cable. Bytes go both ways, unchanged. What says "stop" goes through as well, at once: the
// printer's CTS and DSR become the till's RTS and DTR and the other way round, XOFF overtakes
// everything, and what was taken from the till by then waits here. A port that vanishes is opened
// again when it is back; to the other side it looks like a cable that was pulled.
//
// Threading: one thread, and one for each port that sleeps on its modem lines (lines.h).
// Memory: the caller's; it must not move. Time: monotonic microseconds come in. Errors: none to the
// caller; a port that is missing is logged once and tried again.
#ifndef TW_RELAY_LINE_H
#define TW_RELAY_LINE_H

#include "firmware/core/tap.h"
#include "firmware/port/linux/lines.h"
#include "firmware/port/linux/route.h"
#include "firmware/port/linux/serial.h"

// How the printer tells the till to stop.
enum tw_line_flow { TW_LINE_FREE, TW_LINE_RTSCTS, TW_LINE_DTRDSR, TW_LINE_XONXOFF };

struct tw_line_end {
    const char *what; // "till", "printer": for the log
    const char *path;
    int fd; // -1: not there
    struct tw_lines lines;
    int raised;        // RTS and DTR as we set them
    bool held;         // what we send to it is stopped
    bool told;         // its absence, to the log
    uint64_t retry_us; // not there: open it then
};

struct tw_line {
    struct tw_route route; // first: its functions get a pointer to it
    const char *device;    // for the log
    struct tw_tap *tap;
    struct tw_serial_form form;
    enum tw_line_flow flow;
    int event; // lines changed
    struct tw_line_end till, printer;
    struct tw_pump out, back; // till to printer, printer to till
    bool printer_xoff;        // the printer said XOFF
    bool till_xoff;           // the till was told XOFF
    bool full;                // more is held than a printer that reads would leave
    bool shut;
    bool marked_open;
    bool dsr_seen;          // the till's DSR was high since its port was opened
    uint64_t look_us;       // look at the lines again
    uint64_t look_until_us; // for as long
};

// "none", "rtscts", "dtrdsr", "xonxoff"; NULL is none. Returns false for anything else.
bool tw_line_flow_of(const char *name, enum tw_line_flow *out);

// `device`, `till` and `printer` (paths) are borrowed for good; `event` is an eventfd(2) and the line's
// from now on.
void tw_line_init(struct tw_line *line, const char *device, const char *till, const char *printer, int event,
                  struct tw_tap *tap);
// Then: a form that was checked, flow, and the first attempt to open.
void tw_line_start(struct tw_line *line, const struct tw_serial_form *form, enum tw_line_flow flow,
                   uint64_t now_us);

#endif
