// SPDX-License-Identifier: Apache-2.0
//
// What the board remembers from one start to the next: which slot is trusted, which one is on
// trial, how far back a version may go, and the settings. It is kept in a log of 32-byte records in
// two pages of the NVM; the newest good record of a kind counts, so that power may go at any
// instant: an append either happened or did not. The loader and the update decide by it.
//
//   record  = head:u32 payload[24] crc32:u32      numbers are little-endian
//   head    = sequence << 8 | kind; the sequence grows by one with every record. Its 24 bits outlast
//             the flash: 10,000 erases (DS8626, table "Flash memory endurance") of two pages of 512
//   state   = confirmed:u8 trial:u8 tries:u8 fault:u8 fault_slot:u8 0 0 0 floor:u32 rescue_floor:u32 zeros[8]
//
// A full page: the other one is erased, the newest record of every other kind is copied to it, and
// the new record behind them; until that is whole, the old page counts.
//
// Threading: main loop only. Memory: the caller's; records are read in place. Time: an append may
// erase a page. Errors: negative tw_err.
#ifndef TW_BOOT_H
#define TW_BOOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/nvm.h"
#include "tillwire/tap_image.h"

#define TW_BOOT_RECORD  32
#define TW_BOOT_PAYLOAD 24
#define TW_BOOT_TRIES   3 // starts that an image on trial has to become confirmed

// ---- the log

enum tw_boot_kind {
    TW_BOOT_STATE = 1,
    TW_BOOT_SETTINGS = 2, // till, printer and scanner LINE of CONFIG
    TW_BOOT_COUNT = 3,    // starts, for a board without random numbers
};
#define TW_BOOT_KINDS 3

struct tw_boot_log {
    const struct tw_nvm *nvm;
    uint32_t sequence;              // of the newest record; 0: none
    uint32_t page;                  // the page appended to, 0 or 1
    uint32_t used;                  // places in it that are not erased any more
    uint32_t newest[TW_BOOT_KINDS]; // where the newest record of each kind lies; UINT32_MAX: nowhere
};

// Finds the newest records. Writes nothing.
void tw_boot_log_open(struct tw_boot_log *log, const struct tw_nvm *nvm);

// The newest payload of a kind, borrowed until the next append; NULL when there is none.
const uint8_t *tw_boot_log_read(const struct tw_boot_log *log, enum tw_boot_kind kind);

// Appends, and reads back what was written. What is the newest already is not written again.
// TW_ERR_IO: the memory did not take it; the record before still counts.
int tw_boot_log_append(struct tw_boot_log *log, enum tw_boot_kind kind,
                       const uint8_t payload[TW_BOOT_PAYLOAD]);

// ---- the state

struct tw_boot_state {
    uint8_t confirmed;     // enum tw_image_slot: the slot that proved itself; none: a new board
    uint8_t trial;         // the slot to be tried; none: no trial
    uint8_t tries;         // starts that the trial has left
    uint8_t fault;         // enum tw_image_fault: why an image was last refused or given up
    uint8_t fault_slot;    // the slot it was in
    uint32_t floor;        // the highest version ever confirmed; a trial below it is refused
    uint32_t rescue_floor; // the one before; below it nothing starts, not even to save the day
};

// The newest state; all zeros on a new board. What makes no sense (a slot on trial that is the
// confirmed one) is read as no trial.
void tw_boot_state_read(const struct tw_boot_log *log, struct tw_boot_state *state);

// TW_ERR_IO as tw_boot_log_append.
int tw_boot_state_write(struct tw_boot_log *log, const struct tw_boot_state *state);

// ---- what the loader decides

// May the image in `slot` be started, in a version not below `floor`?
typedef enum tw_image_fault tw_boot_check(void *context, uint8_t slot, uint32_t floor);

// The slot to start now, or TW_IMAGE_SLOT_NONE when no image is good. The slot on trial comes first
// while it has tries left, and is charged one before its image is looked at, so that a trial that
// hangs or loses power ends; then the confirmed slot, or, where none is, the one that did not fail a trial;
// then the other. What was refused is recorded.
uint8_t tw_boot_choose(struct tw_boot_log *log, tw_boot_check *check, void *context);

// ---- what the running image decides

// May the slot that does not run be overwritten? Not while the running one is on trial: the other
// is then the one that is known to work.
bool tw_boot_may_update(const struct tw_boot_state *state, uint8_t running);

// The other slot is about to be overwritten, were it the confirmed one: from now on the running image, which
// may be the second choice, is what is started unless a trial is on. To be written before the slot is erased,
// or an image that is whole and not yet on trial would be started as the confirmed one.
void tw_boot_rely(struct tw_boot_state *state, uint8_t running);

// The slot holds a checked image: it is started next, TW_BOOT_TRIES times at most.
void tw_boot_try(struct tw_boot_state *state, uint8_t slot);

// The running image was healthy for a minute.
void tw_boot_confirm(struct tw_boot_state *state, uint8_t running, uint32_t version);

#endif
