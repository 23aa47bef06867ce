// SPDX-License-Identifier: Apache-2.0
//
// A new image, frame by frame, into the slot that does not run; checked, marked for trial, and, once
// it runs, confirmed after a healthy minute. Until the mark is written the old image stays the one
// that starts, so that power may go at any instant. The signature is the loader's business: an image
// that lies about itself is refused there, and the old one starts.
//
// Threading: main loop only. Memory: the caller's. Time: BEGIN erases a slot, END hashes one; the
// port goes on passing bytes meanwhile. Errors: told the agent (UPDATE_STATE).
#ifndef TW_UPDATER_H
#define TW_UPDATER_H

#include <stdbool.h>
#include <stdint.h>

#include "firmware/core/boot.h"
#include "firmware/core/image.h"
#include "tillwire/tap_info.h"

#define TW_UPDATER_HEALTHY_US  60000000u // a trial that lives so long is confirmed
#define TW_UPDATER_QUIET_US    1000000u  // the answer is on its way; the tap has its own measure of quiet
#define TW_UPDATER_PATIENCE_US 60000000u // for the agent to acknowledge what the restart forgets

struct tw_updater_port {
    const struct tw_nvm *nvm;
    struct tw_boot_log *log;
    tw_image_hash *hash;
    uint32_t board;      // enum tw_link_board
    uint8_t running;     // enum tw_image_slot
    uint32_t healthy_us; // TW_UPDATER_HEALTHY_US, but in tests on the target
};

struct tw_updater {
    struct tw_updater_port port;
    struct tw_link_update state;
    uint32_t length; // as BEGIN announced
    uint32_t version;
    uint64_t checked_us;
    bool settled; // the running image needs no confirmation any more
};

void tw_updater_init(struct tw_updater *updater, const struct tw_updater_port *port);

// An UPDATE_ frame, whose length tap.c has checked; returns the answer to it.
struct tw_link_update tw_updater_take(struct tw_updater *updater, const struct tw_link_frame *frame,
                                      uint64_t now_us);

// Is it time to restart with the new image? `silent`: nothing was printed lately; `safe`: the agent has all
// that was (tap.h).
bool tw_updater_wants_restart(const struct tw_updater *updater, bool silent, bool safe, uint64_t now_us);

// The main loop is alive `up_us` after the start; `met` says whether the agent has started the stream since.
// Confirms the running image once it has proved itself.
void tw_updater_tick(struct tw_updater *updater, bool met, uint64_t up_us);

// Fills in what an update changes: firmware, board, slot, state.
void tw_updater_info(const struct tw_updater *updater, struct tw_link_info *info);

#endif
