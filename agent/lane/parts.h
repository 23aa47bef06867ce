// SPDX-License-Identifier: Apache-2.0
//
// What the files of the lane share: the lane itself, who is where (slots.c), how a
// sale becomes events (sale_event.c), one tap's way from bytes to commits (tap.c), and the devices
// on the loop (devices.c).
//
// Threading: the loop thread, but for the callbacks of journal and member store, which only post.
// Memory: a lane owns its taps and devices. Time: from the lane's clock and the loop.
// Errors: as include/tillwire/lane.h.
#ifndef TW_LANE_PARTS_H
#define TW_LANE_PARTS_H

#include <stdbool.h>

#include "agent/lane/identity.h"
#include "agent/lane/presence.h"
#include "tillwire/device.h"
#include "tillwire/lane.h"
#include "tillwire/reader.h"
#include "tillwire/sale_json.h"
#include "tillwire/scan.h"
#include "tillwire/tap_device.h"

struct tw_lane_tap;
struct tw_lane_poslog;
struct tw_lane_device;
struct tw_lane_display;

struct tw_lane {
    struct tw_lane_options with;
    struct tw_identity *identities; // one a workstation
    size_t identity_count;
    struct tw_lane_tap **taps;
    size_t tap_count;
    struct tw_lane_poslog **poslogs;
    size_t poslog_count;
    struct tw_lane_device **devices;
    size_t device_count;
    struct tw_lane_display **displays; // those that greet
    size_t display_count;
    struct tw_hotplug *hotplug; // NULL: no device has a node, or there is no udev
    struct tw_watch *hotplug_watch;
    struct tw_lane_recording *recordings; // at most one a device
    uint64_t lost_scans; // could not be kept, and nobody asked for an answer: told with the next one
    bool closing;        // nothing is submitted any more
};

// ---- slots.c ----

// The identity slot of a workstation: NULL for one that is not configured.
struct tw_identity *tw_identity_of(struct tw_lane *lane, const char *workstation);
// Makes the slots and reads back what the journal kept.
int TW_MUST_CHECK tw_identity_restore(struct tw_lane *lane, struct tw_error_text *err);
// Remembers a card; the batch stores it (pseudonym only).
void tw_identity_set(struct tw_identity *identity, const char *scheme, const char *card,
                     const char *pseudonym, int64_t now_ms, struct tw_batch *batch);
// The batch stores who stands at the workstation now, else who was taken by the sale that comes next (NULL:
// none waits), or nobody: its own sale used a scan up. To be called when the batch is submitted, so that the
// store learns of scans and sales in their order.
void tw_identity_keep(struct tw_lane *lane, const char *workstation, const struct tw_identity *waiting,
                      struct tw_batch *batch);
// tw_identity_return to the slot it came from: a sale was not written as a new one.
void tw_identity_give_back(struct tw_lane *lane, struct tw_identity *taken);

// The batch stores `who` (NULL: nobody) as the one who stands at the workstation.
void tw_identity_store(const char *workstation, const struct tw_identity *who, struct tw_batch *batch);

// ---- scan_event.c ----

// A code, and whose it is. To be wiped.
struct tw_lane_reading {
    struct tw_scan scan;
    char pseudonym[TW_PSEUDONYM_LEN + 1];
};
// TW_OK: a loyalty card; TW_ERR_REFUSED: a payment card; TW_ERR_NOT_FOUND: neither.
int TW_MUST_CHECK tw_lane_identify(struct tw_lane *lane, struct tw_slice code, struct tw_lane_reading *out);
// Counts a scan by what tw_lane_identify said.
void tw_lane_count_scan(struct tw_lane *lane, const char *device, int outcome);
// Adds the loyalty.scanned of a loyalty card.
void tw_lane_scan_event(struct tw_batch *batch, const char *device, const char *workstation,
                        const struct tw_lane_reading *reading);

// ---- sale_event.c ----

// How a sale reached the agent.
struct tw_sale_origin {
    const char *device; // name of the device, or "api"
    const char *via;    // "receipt", "poslog", "api"
    const char *workstation;
    struct tw_slice witness; // what is hashed: receipt text after the payment guard, or the request
    const char *sha256;      // of the witness, in hex, where the text is gone; else NULL
    bool copy;               // says of itself that it is a copy
    bool apart;              // its number is another sale's: `position` is put behind it
    const char *position;    // unique in place of a receipt number: "BOOT-OFFSET", or a random text
    int64_t read_ms;         // when it came for the first time, wall clock
    int64_t paid_ms;         // how old a scan may be counts until then; 0: `read_ms`
    // Who was taken as its customer then (nobody, without `present`); NULL: this is the first time, and it is
    // who was scanned last.
    struct tw_identity *customer;
};

// Adds the sale event and its coupons to the batch and clears the identity it used, which is handed to
// `taken`: where there is one, the batch is to be given to tw_identity_keep as well. The transaction id is
// written to `transaction_id` (TW_TRANSACTION_ID_MAX). TW_ERR_NOT_FOUND: a copy of something too old to be
// known; nothing was added.
#define TW_TRANSACTION_ID_MAX 256
int TW_MUST_CHECK tw_sale_event(struct tw_lane *lane, struct tw_sale *sale,
                                const struct tw_sale_origin *origin, struct tw_batch *batch,
                                char transaction_id[TW_TRANSACTION_ID_MAX], struct tw_identity *taken);

// The day in the terminal's time zone: YYYY-MM-DD.
void tw_lane_day(int64_t wall_ms, char out[11]);

// Adds an event whose data is built by jansson's pack format (tw_json_pack). Takes `data`.
void tw_lane_event(struct tw_batch *batch, enum tw_event_type type, const char *subject, tw_json *data);

// ---- drift.c ----

// The printed number last reported as different from the configured one; zeroed to begin with.
struct tw_drift {
    char reported[64];
};
// The same number, however many zeros it is padded with.
bool tw_drift_same(const char *a, const char *b);
// Adds a capture.drift when `found` (NULL: not printed) is not `expected`, once for each value.
void tw_drift_check(struct tw_drift *drift, const char *device, const char *what, const char *expected,
                    const char *found, struct tw_batch *batch);

// ---- tap.c ----

int TW_MUST_CHECK tw_lane_tap_new(struct tw_lane *lane, const struct tw_device_config *config,
                                  const char *config_path, struct tw_lane_tap **out,
                                  struct tw_error_text *err);
void tw_lane_tap_free(struct tw_lane_tap *tap);
// The device to acknowledge to; set once it exists.
void tw_lane_tap_attach(struct tw_lane_tap *tap, struct tw_lane_device *device);
// The tap's part of struct tw_device_sink.
uint64_t tw_lane_tap_hello(struct tw_lane_tap *tap, const uint8_t boot[16], uint64_t first, uint64_t next);
void tw_lane_tap_bytes(struct tw_lane_tap *tap, uint64_t offset, uint64_t time_us, struct tw_slice bytes);
void tw_lane_tap_mark(struct tw_lane_tap *tap, uint64_t offset, int mark);
void tw_lane_tap_lost(struct tw_lane_tap *tap, uint64_t from, uint64_t to);
void tw_lane_tap_scan(struct tw_lane_tap *tap, const struct tw_tap_scan *scan);
void tw_lane_tap_scans_lost(struct tw_lane_tap *tap, uint64_t from, uint64_t to);
// Nothing more goes to the journal; what it still answers is heard.
void tw_lane_tap_stop(struct tw_lane_tap *tap);
// Every byte of the tap's present boot before it is durable.
uint64_t tw_lane_tap_position(const struct tw_lane_tap *tap);
struct tw_lane_tap *tw_lane_tap_named(const struct tw_lane *lane, const char *device);

// ---- tap_report.c ----

// What the tap said of itself, and how the update stands that was begun last; null where there is none. New
// references.
tw_json *tw_lane_tap_said(const struct tw_device *device);
tw_json *tw_lane_tap_update(const struct tw_device *device);

// ---- record.c ----

// A device is ready or no more.
void tw_lane_record_state(struct tw_lane *lane, const char *device, bool up);
// The devices go: ends all recordings.
void tw_lane_record_end_all(struct tw_lane *lane);

// ---- devices.c ----

void tw_lane_devices_free(struct tw_lane *lane);
// The device and its entry in the configuration; NULL when there is none of that name.
struct tw_device *tw_lane_device_named(const struct tw_lane *lane, const char *name,
                                       const struct tw_device_config **config);
struct tw_lane_device *tw_lane_device_find(const struct tw_lane *lane, const char *name); // NULL: none
// As tw_device_update.
int TW_MUST_CHECK tw_lane_device_update(struct tw_lane_device *device, struct tw_slice file,
                                        struct tw_error_text *err);
// Such an event of the device, if it is still there, is durable, or could not be kept.
void tw_lane_device_told(struct tw_lane *lane, const char *name, bool kept, enum tw_presence_news news,
                         unsigned left_out);
void tw_lane_device_show(struct tw_lane_device *device, const char *upper, const char *lower);
// Everything before `offset` is durable.
void tw_lane_device_acknowledge(struct tw_lane_device *device, uint64_t offset);
// All scans up to and with `number` are, or need not be.
void tw_lane_device_acknowledge_scans(struct tw_lane_device *device, uint64_t number);
// What becomes of the file that is read.
void tw_lane_device_file_answer(struct tw_lane_device *device, enum tw_file_answer answer, const char *why);
// What the device sent could not be kept: it is asked again from the last place that was.
void tw_lane_device_restart(struct tw_lane_device *device);

// ---- displays.c ----

// From now on the display greets who is identified at its workstation.
int TW_MUST_CHECK tw_lane_display_add(struct tw_lane *lane, const struct tw_device_config *config,
                                      struct tw_lane_device *device, struct tw_error_text *err);
void tw_lane_displays_free(struct tw_lane *lane);
// A member was identified at the workstation, and its sale is over. Neither waits for anything.
void tw_lane_greet(struct tw_lane *lane, const char *workstation, const char *pseudonym);
void tw_lane_greeting_over(struct tw_lane *lane, const char *workstation);

#endif
