// SPDX-License-Identifier: Apache-2.0
//
// The relay's serial route between two pseudo terminals, with a till and a printer at their far ends: the
// till sends what is to be printed and obeys XOFF where it should, the printer keeps what it gets unless it
// is stalled. Modem lines come from modem_shim.c where a test wants some.
//
// Threading: one thread, and the route's own. Memory: a rig is freed by its test. Time: real, for waiting
// only; nothing is measured. Errors: cmocka assertions.
#ifndef TW_FAKE_LINE_RIG_H
#define TW_FAKE_LINE_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>

#include "firmware/port/linux/line.h"
#include "tests/fakes/modem_shim.h"
#include "tests/fakes/pty.h"

enum {
    LINE_RIG_RING_BYTES = 2 << 20,
    LINE_RIG_RECORDS = 1024,
    PATIENCE_US = 20000000,
    XON = 0x11,
    XOFF = 0x13,
    READY_LINES = TIOCM_CTS | TIOCM_DSR,
};

struct line_rig_heap {
    uint8_t bytes[1 << 20];
    size_t len, sent;
};

struct line_rig {
    struct fake_pty till, printer;
    struct tw_tap tap;
    struct tw_line line;
    struct line_rig_heap to_print, printed, to_answer, answered;
    bool printer_stalled;
    bool till_obeys; // XOFF
    bool till_stopped;
    unsigned xoffs, xons; // the till was told
    unsigned idle_wakes;  // of poll(2), in a row
    uint8_t ring[LINE_RIG_RING_BYTES];
    struct tw_tap_record records[LINE_RIG_RECORDS];
};

uint64_t line_rig_now_us(void);
void line_rig_add(struct line_rig_heap *heap, const void *bytes, size_t len);
// Seeded bytes.
void line_rig_add_random(struct line_rig_heap *heap, size_t len, uint32_t seed);

// Maps the file of the modem lines, once for the program. Returns 0, or -1.
int line_rig_map_modems(void);
// Plugged: both ports are there from the start.
struct line_rig *line_rig_new(enum tw_line_flow flow, bool plugged);
// Both ports have modem lines, all raised: out[0] is the till's port, out[1] the printer's.
struct line_rig *line_rig_new_with_lines(enum tw_line_flow flow, struct fake_modem *out[2]);
void line_rig_free(struct line_rig *rig);
// Another node behind the same link.
void line_rig_plug(struct fake_pty *pty);

// Moves what can be moved at the far ends and in the route, waiting a millisecond at most.
void line_rig_turn(struct line_rig *rig);
void line_rig_turns(struct line_rig *rig, int count);

// What the program raised on its side; and what the other side raises from now on.
uint32_t line_rig_raised(const struct fake_modem *modem);
void line_rig_show(struct fake_modem *modem, uint32_t lines);

void line_rig_assert_same(const struct line_rig_heap *a, const struct line_rig_heap *b);
// The copy is what was to be printed, all of it.
void line_rig_assert_copied(const struct line_rig *rig);
unsigned line_rig_marks(const struct line_rig *rig, enum tw_link_mark what);

// Turns the rig until `condition` holds.
#define UNTIL(rig, condition)                                                                                \
    do {                                                                                                     \
        uint64_t end_us = line_rig_now_us() + PATIENCE_US;                                                   \
        while (!(condition)) {                                                                               \
            assert_true(line_rig_now_us() < end_us);                                                         \
            line_rig_turn(rig);                                                                              \
        }                                                                                                    \
    } while (0)

#endif
