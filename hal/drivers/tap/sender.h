// SPDX-License-Identifier: Apache-2.0
//
// New firmware on its way to a board, as the agent's end of the tap link sees it: UPDATE_BEGIN, the image
// piece by piece with one frame in flight, UPDATE_END, and then what the board says of itself. Whatever is
// not answered is sent again; the board says what it needs, so that nothing depends on what arrived. A board
// that starts anew in the middle is sent all of it again. Pure but for the copy of the image.
//
// Threading: one thread. Memory: a copy of the image until the board has it. Time: monotonic milliseconds
// come in. Errors: TW_ERR_NOMEM; what the board refuses is a sentence in the report.
#ifndef TW_HAL_TAP_SENDER_H
#define TW_HAL_TAP_SENDER_H

#include "tillwire/tap_device.h"
#include "tillwire/tap_image.h"

struct tw_tap_sender {
    struct tw_tap_update *report; // the owner's, kept up to date
    uint8_t *image;               // NULL: nothing is to be sent any more
    uint32_t board;
    uint32_t at;         // the board needs what begins here
    bool begun;          // it said so
    unsigned anew;       // how often it had to begin again
    unsigned unanswered; // frames sent since it last answered
    int64_t due_ms;      // when the present frame is sent again; INT64_MAX: none is
    struct tw_error_text why;
};

#define TW_TAP_SENDER_MAX_FRAME (TW_LINK_UPDATE_DATA_HEAD_BYTES + TW_LINK_MAX_DATA)

// Finds in an update file (tillwire/tap_image.h) the image for `board`, and of these the one for the slot
// that does not run. `bytes` borrows from the file. TW_ERR_INVALID, TW_ERR_MISMATCH: with a sentence.
int TW_MUST_CHECK tw_tap_sender_pick(struct tw_slice file, uint32_t board, uint8_t running_slot,
                                     struct tw_image *image, struct tw_slice *bytes,
                                     struct tw_error_text *err);

void tw_tap_sender_init(struct tw_tap_sender *sender, struct tw_tap_update *report);
void tw_tap_sender_free(struct tw_tap_sender *sender);

// Begins. What was before must have ended.
int TW_MUST_CHECK tw_tap_sender_begin(struct tw_tap_sender *sender, const struct tw_image *image,
                                      struct tw_slice bytes);
static inline bool tw_tap_sender_is_under_way(const struct tw_tap_sender *sender)
{
    return sender->report->state != TW_TAP_UPDATE_NONE && sender->report->state < TW_TAP_UPDATE_CONFIRMED;
}

// The line carries frames (again): the present one is due.
void tw_tap_sender_line_up(struct tw_tap_sender *sender, int64_t now_ms);
// UPDATE_STATE came.
void tw_tap_sender_answered(struct tw_tap_sender *sender, const struct tw_link_update *answer,
                            int64_t now_ms);
// INFO came; `new_boot`: the first of a boot.
void tw_tap_sender_informed(struct tw_tap_sender *sender, const struct tw_link_info *info, bool new_boot,
                            int64_t now_ms);

int64_t tw_tap_sender_deadline(const struct tw_tap_sender *sender);
// The frame that is due: its payload in `out` and its type. Returns its length; 0 and type 0: none is due.
size_t tw_tap_sender_frame(struct tw_tap_sender *sender, int64_t now_ms, uint8_t out[TW_TAP_SENDER_MAX_FRAME],
                           uint8_t *type);

#endif
