// SPDX-License-Identifier: Apache-2.0
//
// What a tap says of itself, and how its serial lines are set: the payloads of INFO, CONFIG and
// UPDATE_STATE on the tap link (tillwire/tap_link.h).
//
// Threading: pure functions, caller's memory. Memory: none allocated. Time: none. Errors: none; what
// is read may hold any value, and whoever uses it looks first.
#ifndef TW_TAP_INFO_H
#define TW_TAP_INFO_H

#include <stdint.h>

#include "tillwire/tap_link.h"

enum tw_link_parity {
    TW_LINK_PARITY_NONE,
    TW_LINK_PARITY_EVEN,
    TW_LINK_PARITY_ODD,
    TW_LINK_PARITY_MARK, // the relay's only
    TW_LINK_PARITY_SPACE,
};
enum tw_link_flow { TW_LINK_FLOW_NONE, TW_LINK_FLOW_RTSCTS, TW_LINK_FLOW_XONXOFF, TW_LINK_FLOW_DTRDSR };
enum tw_link_board { TW_LINK_BOARD_LINUX, TW_LINK_BOARD_STM32F405, TW_LINK_BOARD_MPS2_AN386 };
enum tw_link_trial {
    TW_LINK_CONFIRMED,
    TW_LINK_ON_TRIAL,
    TW_LINK_REVERTED, // the last update was refused, or did not prove itself
};
enum tw_update_state {
    TW_UPDATE_IDLE,      // nothing was begun since the board started
    TW_UPDATE_RECEIVING, // `offset` is what is needed next; at the image's length: UPDATE_END
    TW_UPDATE_CHECKED,   // restarts as soon as nothing is printed and nothing unacknowledged would be lost
    TW_UPDATE_FAILED,    // see the reason; UPDATE_BEGIN begins anew
};
// Why an update failed: below 16 it is the image, enum tw_image_fault (tillwire/tap_image.h).
enum tw_update_reason {
    TW_UPDATE_NOT_HERE = 16, // not this way: the relay is updated with the package it came in
    TW_UPDATE_OTHER = 17,    // the image is not the one that BEGIN announced
    TW_UPDATE_STORAGE = 18,  // the board's flash did not take it
    TW_UPDATE_ON_TRIAL = 19, // the running image is not confirmed yet, so the other one is kept
};

struct tw_link_update { // UPDATE_STATE
    uint8_t state;      // enum tw_update_state
    uint8_t reason;     // 0: none
    uint32_t offset;
};

struct tw_link_line { // a serial line
    uint32_t baud;    // 0: found by the board itself
    uint8_t bits;     // 0: there is no such line, and all else is 0
    uint8_t parity;   // enum tw_link_parity
    uint8_t stop;     // 1, 2
    uint8_t flow;     // enum tw_link_flow
};

struct tw_link_settings { // CONFIG, where a line of zeros stays as it is
    struct tw_link_line till;
    struct tw_link_line printer;
    struct tw_link_line scanner;
};

struct tw_link_info {
    uint32_t firmware; // major << 16 | minor << 8 | patch
    uint32_t board;    // enum tw_link_board
    uint8_t slot;      // enum tw_image_slot (tillwire/tap_image.h): the one that runs
    uint8_t state;     // enum tw_link_trial
    uint64_t uptime_us;
    uint64_t lost_bytes; // of the copy, given up
    uint64_t lost_scans;
    uint64_t overruns;   // bytes that a serial line brought faster than they could be taken
    uint64_t bad_frames; // from the agent
    struct tw_link_settings lines;
    uint8_t serial[12]; // of the board; zeros: none
};

// Payloads of CONFIG, UPDATE_STATE and INFO, little-endian as all else.
void tw_link_put_settings(uint8_t out[TW_LINK_CONFIG_BYTES], const struct tw_link_settings *settings);
void tw_link_get_settings(const uint8_t in[TW_LINK_CONFIG_BYTES], struct tw_link_settings *out);
void tw_link_put_update(uint8_t out[TW_LINK_UPDATE_STATE_BYTES], const struct tw_link_update *update);
void tw_link_get_update(const uint8_t in[TW_LINK_UPDATE_STATE_BYTES], struct tw_link_update *out);
void tw_link_put_info(uint8_t out[TW_LINK_INFO_BYTES], const struct tw_link_info *info);
void tw_link_get_info(const uint8_t in[TW_LINK_INFO_BYTES], struct tw_link_info *out);

#endif
