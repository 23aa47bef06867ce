// SPDX-License-Identifier: Apache-2.0
//
// What a scanner sends with nothing of it left but lengths, timing and structure, as lines of a recording
// (hal/io/recording.h): enough to see how a device talks, and no code that it read. What is kept is listed,
// and everything else becomes one and the same character, whatever it was: at a wrong baud rate, parity or
// bit count a card number is other bytes, and any difference between them that stayed would be a piece of it
// (P6). Kept are, of bytes, at the beginning of a code STX or the configured `prefix`, and one identifier (of
// AIM, ISO/IEC 15424, or as `code_id` says); at its end the configured `suffix`, or CR, LF, TAB, ETX and EOT;
// and none of that where a byte in between is no text. Of reports: their number, and what their descriptor
// says is a length, an identifier or "goes on". Of keys: Enter, Tab, Shift, Ctrl, Alt and the locks; those
// that type a digit become 0, all others A.
//
// Threading: one thread. Memory: bounded: the code at hand, wiped. Time: milliseconds of the recording come
// in; held bytes keep the time at which they came. Errors: memory that is out loses lines.
#ifndef TW_LANE_BLANK_H
#define TW_LANE_BLANK_H

#include "tillwire/bytes.h"
#include "tillwire/device_config.h"

// Bytes with so much time between them belong to two codes: the silence that ends a scan
// (hal/drivers/scanner/serial.c).
#define TW_BLANK_PAUSE_MS 50

struct tw_blank;

// Takes whole lines, within tw_blank_feed and _flush; borrowed for the call.
typedef void tw_blank_fn(void *ctx, struct tw_slice lines);

// For the stream of `config->transport` ("hidraw": reports, "evdev": keys, else bytes). `config` is borrowed
// and outlives it. TW_ERR_NOMEM.
int TW_MUST_CHECK tw_blank_new(const struct tw_device_config *config, tw_blank_fn *fn, void *ctx,
                               struct tw_blank **out);
void tw_blank_free(struct tw_blank *blank); // NULL does nothing; what is held is not given out

// The device is open, and this is its report descriptor (hidraw). Without one, of reports only lengths stay.
void tw_blank_describe(struct tw_blank *blank, struct tw_slice descriptor);

// The next bytes as the transport gave them, at `at_ms`; keys bring their own time (CLOCK_MONOTONIC),
// of which `start_ms` is the recording's 0.
void tw_blank_feed(struct tw_blank *blank, struct tw_slice bytes, int64_t at_ms, int64_t start_ms);
// Nothing came for TW_BLANK_PAUSE_MS, or the line was lost: gives out what is held; half a report is
// forgotten.
void tw_blank_flush(struct tw_blank *blank);

#endif
