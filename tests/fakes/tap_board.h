// SPDX-License-Identifier: Apache-2.0
//
// A board at the far end of a line (tests/fakes/lane.h): the tap, the update and the boot decision of
// firmware/core on a memory that behaves like flash; signatures are not looked at. It restarts as a board
// does: the line stays, what was in memory is gone.
//
// Threading: one thread. Memory: freed by the test. Time: the lane's. Errors: cmocka assertions.
#ifndef TW_FAKE_TAP_BOARD_H
#define TW_FAKE_TAP_BOARD_H

#include "firmware/core/settings.h"
#include "firmware/core/updater.h"
#include "tests/fakes/lane.h"
#include "tillwire/bytes.h"

enum { TAP_BOARD_PAGE_BYTES = 16 * 1024, TAP_BOARD_SLOT_BYTES = 64 * 1024, TAP_BOARD_IMAGE_BYTES = 9000 };

struct tap_board {
    struct far_end *far;
    uint8_t bytes[2 * TAP_BOARD_PAGE_BYTES + 2 * TAP_BOARD_SLOT_BYTES];
    struct tw_nvm nvm;
    struct tw_boot_log log;
    struct tw_updater updater;
    struct tw_settings settings;
    bool finding; // says of a moment: a till of 19200 baud, no printer
    unsigned configured;
    uint8_t boots;
    uint8_t running;
    uint64_t boot_us;
    uint32_t healthy_us; // a trial that lives so long is confirmed
    uint32_t hangs;      // a version that never speaks; the watchdog ends it
};

// A board that runs version 1.0.0 from its first slot.
struct tap_board *tap_board_new(struct far_end *far);
void tap_board_free(struct tap_board *board);
void tap_board_restart(struct tap_board *board, uint64_t now_us);
// What its main loop does beside the link.
void tap_board_turn(struct tap_board *board, uint64_t now_us);
// Runs lane, line and board for so many seconds.
void tap_board_run(struct tap_board *board, struct lane *lane, int seconds);

// An update file with the images of both slots.
void tap_board_file(uint32_t kind, uint32_t version, struct tw_buf *out);

#endif
