// SPDX-License-Identifier: Apache-2.0
//
// A card that is drawn through a reader of magnetic stripes: its tracks as readers send them (ISO/IEC
// 7811-6, layouts of 7813 and 4909), and what is done with them at the end, the same for all drivers of
// such readers. Of a track only the first field is kept, never name, expiry or anything behind it. A swipe
// is told when that field of one track is a loyalty card by the agent's rules (is_loyalty of the sink), and
// none of the others may be a payment card's; everything else is counted in the driver's `errors` and wiped.
//
// Threading: one thread. Memory: part of the driver's instance; nothing is allocated. Time: a swipe is over
// after TW_SWIPE_SILENCE_MS without a byte, since readers may end each track like a line. Errors: counted.
#ifndef TW_STRIPE_SWIPE_H
#define TW_STRIPE_SWIPE_H

#include "hal/core/driver.h"

enum {
    TW_SWIPE_TRACKS = 4,       // a card has three
    TW_SWIPE_FIELD_BYTES = 64, // no identifier of ours is longer
    TW_SWIPE_SILENCE_MS = 100, // 96 characters at 9600 baud; no key of a reader that types comes later
};

struct tw_swipe_track {
    uint8_t bytes[TW_SWIPE_FIELD_BYTES]; // the first field
    size_t len;
    char start;  // its start sentinel: % for track 1, ; for 2, and ; + or # for 3
    bool closed; // the first field is over
    bool spoilt; // too long, or holds what no track can
    bool whole;  // its end sentinel came
};

struct tw_swipe {
    struct tw_swipe_track tracks[TW_SWIPE_TRACKS];
    size_t count;
    bool begun;
    bool inside;   // of the last track
    bool too_many; // tracks: it is no card
    int64_t last_ms;
};

// Takes characters, in any pieces. What stands outside of tracks (a check character, which the reader has
// looked at; line ends) is passed over. A control character ends a track that has no end sentinel.
void tw_swipe_feed(struct tw_swipe *swipe, struct tw_slice text, int64_t now_ms);

// When nothing belongs to it any more; INT64_MAX while there is none.
int64_t tw_swipe_deadline(const struct tw_swipe *swipe);

// Time passed: when it is over, tells the sink of `driver`, or counts. Nothing of it stays then.
void tw_swipe_tick(struct tw_swipe *swipe, struct tw_driver *driver, int64_t now_ms);

// What was begun will not be completed: counted. Nothing stays.
void tw_swipe_drop(struct tw_swipe *swipe, struct tw_driver *driver);

#endif
