// SPDX-License-Identifier: Apache-2.0
//
// The taxonomy: every event type with its CloudEvents `type`, its data schema and the MQTT family
// it travels in, and the writer of the published form (CloudEvents 1.0, JSON structured mode). The
// same row always gives the same bytes, so that a resend is byte-identical (P3).
//
// Threading: pure functions. Memory: the caller's buffer. Time: comes with the row.
// Errors: TW_ERR_NOMEM through the buffer.
#ifndef TW_EVENT_H
#define TW_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "tillwire/bytes.h"
#include "tillwire/clock.h"

#define TW_EVENT_MAX_BYTES (64 * 1024) // one published event
#define TW_EVENT_PREFIX    "io.tillwire."

//   symbol, stored number (never changes), type without prefix, schema name, MQTT family
#define TW_EVENT_TYPES(X)                                                                                    \
    X(SALE_COMPLETED, 1, "sale.completed", "sale", "sale")                                                   \
    X(SALE_RETURNED, 2, "sale.returned", "sale", "sale")                                                     \
    X(SALE_VOIDED, 3, "sale.voided", "sale", "sale")                                                         \
    X(SALE_CORRECTED, 4, "sale.corrected", "sale", "sale")                                                   \
    X(LOYALTY_SCANNED, 10, "loyalty.scanned", "loyalty-scanned", "loyalty")                                  \
    X(LOYALTY_LOOKED_UP, 11, "loyalty.looked_up", "loyalty-looked-up", "audit")                              \
    X(COUPON_REDEEMED, 20, "coupon.redeemed", "coupon-redeemed", "coupon")                                   \
    X(CAPTURE_UNPARSED, 30, "capture.unparsed", "capture-unparsed", "capture")                               \
    X(CAPTURE_GAP, 31, "capture.gap", "capture-gap", "capture")                                              \
    X(CAPTURE_DRIFT, 32, "capture.drift", "capture-drift", "capture")                                        \
    X(DEVICE_ATTACHED, 50, "device.attached", "device-attached", "device")                                   \
    X(DEVICE_LOST, 51, "device.lost", "device-lost", "device")

enum tw_event_type {
#define X(symbol, number, type, schema, family) TW_EVENT_##symbol = (number),
    TW_EVENT_TYPES(X)
#undef X
};

// Sales have the numbers below 10 and are remembered after they were delivered (P3). What is given up
// first when room runs out, as capture.drift is: 50 to 59 device.*, and, reserved, 60 to 69 offer.*.
static inline bool tw_event_is_sale(enum tw_event_type type)
{
    return type > 0 && (int)type < 10;
}

const char *tw_event_type_name(enum tw_event_type type);   // "io.tillwire.sale.completed"; NULL if unknown
const char *tw_event_type_schema(enum tw_event_type type); // "sale"
const char *tw_event_type_family(enum tw_event_type type); // "sale"

// One event as it lies in the journal.
struct tw_event_row {
    uint64_t sequence;
    enum tw_event_type type;
    uint8_t id[16]; // UUIDv7 (RFC 9562 section 5.7)
    struct tw_slice subject;
    struct tw_slice data; // a JSON object, complete
    int64_t time_ms;      // capture, wall clock
    int64_t recorded_ms;  // commit, wall clock
    int64_t monotonic_ms; // capture, monotonic
    enum tw_clock_trust clock;
    const char *boot; // boot id, UUID text
    // What the journal stores of subject and data, where that was made already (agent/journal/record.h).
    struct tw_slice packed;
};

#define TW_HASH_HEX 64 // hex digits of a SHA-256

// Appends the published form. `source` is "/TENANT/STORE/TERMINAL", `epoch` UUID text, `prevhash`
// TW_HASH_HEX hex digits.
void tw_event_write(const struct tw_event_row *row, const char *source, const char *epoch,
                    const char *prevhash, struct tw_buf *out);

// RFC 3339, UTC, milliseconds: "2026-11-22T09:15:00.123Z" into out[25].
void tw_event_time(int64_t wall_ms, char out[25]);

// UUID text (RFC 9562 section 4) into out[37], and back (TW_ERR_INVALID).
void tw_uuid_text(const uint8_t id[16], char out[37]);
int TW_MUST_CHECK tw_uuid_parse(const char *text, uint8_t id[16]);

#endif
