// SPDX-License-Identifier: Apache-2.0
//
// What a device of class tap tells and does beyond other devices: readings of its own scanner, what it says
// of itself, and new firmware for it. The rest of it is tillwire/device.h.
//
// Threading: as tillwire/device.h. Memory: what is told is borrowed; an image is copied. Time: monotonic
// milliseconds come in; a tap's own are microseconds since its boot. Errors: one sentence.
#ifndef TW_TAP_DEVICE_H
#define TW_TAP_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "tillwire/bytes.h"
#include "tillwire/err.h"
#include "tillwire/tap_info.h"

struct tw_device;

// One reading of a tap's scanner, in its place between the printer bytes.
struct tw_tap_scan {
    uint64_t number;      // from 1 on in each boot; one that comes again has the same
    uint64_t time_us;     // on the clock of DATA
    int64_t age_ms;       // how long ago that was; INT64_MAX: not known
    struct tw_slice code; // as any scanner's; empty: it was not framed as configured
};

// How an update stands. The words are stable.
//   symbol, word
#define TW_TAP_UPDATES(X)                                                                                    \
    X(NONE, "none")             /* none since the agent started */                                           \
    X(SENDING, "sending")       /* the board takes the image, or is about to */                              \
    X(CHECKING, "checking")     /* it has all of it */                                                       \
    X(RESTARTING, "restarting") /* it found it good */                                                       \
    X(TRIAL, "trial")           /* the new firmware runs, and has yet to prove itself */                     \
    X(CONFIRMED, "confirmed")   /* it has */                                                                 \
    X(REVERTED, "reverted")     /* the earlier firmware runs again */                                        \
    X(FAILED, "failed")         /* the board did not take it; what ran still runs */

enum tw_tap_update_state {
#define X(symbol, word) TW_TAP_UPDATE_##symbol,
    TW_TAP_UPDATES(X)
#undef X
        TW_TAP_UPDATE_STATE_COUNT
};

const char *tw_tap_update_word(enum tw_tap_update_state state);

struct tw_tap_update {
    enum tw_tap_update_state state;
    uint32_t version; // of the image: major << 16 | minor << 8 | patch
    uint8_t slot;     // it is for
    uint32_t sent_bytes, length_bytes;
    const char *why; // a sentence, where it failed or was reverted; NULL else
};

// What is known of a tap.
struct tw_tap_report {
    bool known;               // it said something of itself since its line was opened
    struct tw_link_info info; // the newest
    int64_t info_ms;          // when it came, monotonic
    struct tw_tap_update update;
};

// NULL: the device is no tap. Borrowed until the next call on the device.
const struct tw_tap_report *tw_device_tap(const struct tw_device *device);

// All scans up to and with `number` of the present boot are durable, or need not be.
void tw_device_acknowledge_scans(struct tw_device *device, uint64_t number, int64_t monotonic_ms);

// Picks the image for the slot that does not run from an update file (tillwire/tap_image.h) and begins to
// send it; tw_device_tap tells how it goes. Printing and the copy go on meanwhile. TW_ERR_INVALID: the file;
// TW_ERR_MISMATCH: it is for another board; TW_ERR_REFUSED: the device takes none, or not now;
// TW_ERR_EXISTS: one is under way; TW_ERR_NOMEM.
int TW_MUST_CHECK tw_device_update(struct tw_device *device, struct tw_slice file, int64_t monotonic_ms,
                                   struct tw_error_text *err);

#endif
