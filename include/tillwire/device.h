// SPDX-License-Identifier: Apache-2.0
//
// A device as the agent sees it: a name from the configuration, a transport (hal/io) and a driver
// (hal/drivers/CLASS). hal/core runs its life: open, reopen with jittered back-off, feed, tick.
// It owns no thread and no event loop: the agent asks for its descriptor and the time of its next
// deadline, and calls it when either is due. The rules a driver obeys are in hal/README.md.
//
// Threading: one thread (the agent's loop). Memory: a device owns its transport and driver; the
// configuration strings are copied. Time: monotonic milliseconds come in as arguments.
// Errors: opening never fails for good; a lost device is tried again.
#ifndef TW_DEVICE_H
#define TW_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "tillwire/bytes.h"
#include "tillwire/device_config.h"
#include "tillwire/err.h"

struct tw_io_facts; // hal/io/io.h
struct tw_tap_scan; // tillwire/tap_device.h

// The life of a device; what leads from one to the other is in hal/README.md.
//   symbol, word
#define TW_DEVICE_STATES(X)                                                                                  \
    X(PROBE, "probe") /* not looked for yet */                                                               \
    X(OPEN, "open")   /* being opened: a connection is on its way */                                         \
    X(READY, "ready") /* open, and what it says is read */                                                   \
    X(STALE, "stale") /* open, but it says nothing when it should */                                         \
    X(LOST, "lost")   /* not there, or not to be had; looked for again by itself */

// Why a device is stale or lost.
#define TW_DEVICE_REASONS(X)                                                                                 \
    X(NONE, "none")           /* it is neither */                                                            \
    X(ABSENT, "absent")       /* it was not there when it was looked for */                                  \
    X(UNPLUGGED, "unplugged") /* it went while it was open */                                                \
    X(CLOSED, "closed")       /* the other side ended the connection */                                      \
    X(REFUSED, "refused")     /* it is there, but not to be had, or not what is configured */                \
    X(SILENT, "silent")       /* it says nothing when it should */                                           \
    X(FAULTY, "faulty")       /* its line broke, or it cannot go on */                                       \
    X(RESTARTED, "restarted") /* closed by the agent: what it sent could not be kept yet */

enum tw_device_state {
#define X(symbol, word) TW_DEVICE_##symbol,
    TW_DEVICE_STATES(X)
#undef X
        TW_DEVICE_STATE_COUNT
};

enum tw_device_reason {
#define X(symbol, word) TW_DEVICE_REASON_##symbol,
    TW_DEVICE_REASONS(X)
#undef X
        TW_DEVICE_REASON_COUNT
};

// The words; they are stable.
const char *tw_device_state_word(enum tw_device_state state);
const char *tw_device_reason_word(enum tw_device_reason reason);

// A file in a folder.
struct tw_device_file {
    const char *name; // without folder; may hold any byte but '/' and NUL
    uint64_t bytes;
    uint32_t waiting; // files that wait there, this one included
    bool open;        // whoever writes it may not be done: it was not seen closed, and is not old
};

// What the agent says about the file that is read.
enum tw_file_answer {
    TW_FILE_MORE = 0,   // the next bytes may come
    TW_FILE_ACCEPTED,   // what is in it is durable: it is put away
    TW_FILE_REFUSED,    // it cannot be read: it is put away apart, with the reason
    TW_FILE_LATER,      // it stays where it is and comes again, before any other
    TW_FILE_UNFINISHED, // an open one stops in the middle: it comes again when it was changed, or is old
};

// What devices tell the agent. Called on the device's thread, from tw_device_ready and _tick. All
// functions must be given. Bytes and texts are borrowed for the call; tw_device_acknowledge may be
// called from inside, tw_device_free may not.
struct tw_device_sink {
    void *ctx;
    // One complete scan, without terminator.
    void (*scan)(void *ctx, const char *device, struct tw_slice code);
    // The tap said HELLO, once for every new line and every new boot; [first, next) is what it still
    // holds. Return the offset to start from: the committed position, 0 for a boot not seen before.
    // Everything from there on is told again, so a half page kept from an earlier line is void.
    // Damage on a line is mended below: it is never told here.
    uint64_t (*tap_hello)(void *ctx, const char *device, const uint8_t boot[16], uint64_t first,
                          uint64_t next);
    // Printer bytes [offset, offset + len), contiguous from the start offset.
    void (*tap_bytes)(void *ctx, const char *device, uint64_t offset, uint64_t time_us,
                      struct tw_slice bytes);
    // The till's connection opened or closed (enum tw_link_mark) at `offset`.
    void (*tap_mark)(void *ctx, const char *device, uint64_t offset, int mark);
    // Bytes [from, to) were given up by the tap before they were acknowledged.
    void (*tap_lost)(void *ctx, const char *device, uint64_t from, uint64_t to);
    // The tap's scanner; both NULL where nobody asks. All before it in the stream was told, or is lost; scans
    // [from, to) were given up by the tap. After tap_hello, scans not yet acknowledged are told again.
    void (*tap_scan)(void *ctx, const char *device, const struct tw_tap_scan *scan);
    void (*tap_scans_lost)(void *ctx, const char *device, uint64_t from, uint64_t to);
    // Ready (up, no `why`), stale (up, with `why`) or lost; `why` is one sentence for a person.
    // tw_device_status, which may be called from inside, says more.
    void (*state)(void *ctx, const char *device, bool up, const char *why);
    // Whether a code is a loyalty card by the agent's rules; nothing is kept, nothing happens. Readers of
    // magnetic stripes ask before they tell a scan. NULL: nothing is.
    bool (*is_loyalty)(void *ctx, struct tw_slice code);
    // Folders only; NULL elsewhere. A file begins; its next bytes; it ends, whole or not (then there is no
    // answer to give). Another begins only after tw_device_file_answer, so does more of it unless file_bytes
    // returned true. A file that was begun when the device went is begun again, if it is still there.
    void (*file_begin)(void *ctx, const char *device, const struct tw_device_file *file);
    bool (*file_bytes)(void *ctx, const char *device, struct tw_slice bytes);
    void (*file_end)(void *ctx, const char *device, bool whole);
};

struct tw_device;

struct tw_device_status {
    const char *name;
    const char *class_name;
    bool up; // ready or stale
    enum tw_device_state state;
    enum tw_device_reason reason;    // why it is stale or lost
    uint16_t vendor, product;        // USB ids, and the serial number, when it was open last; 0 and NULL
    const char *serial;              // where they are not known
    const struct tw_io_facts *facts; // what the transport knows; NULL while it is not open
    const char *why;                 // last error, NULL when ready
    int64_t last_byte_ms;            // monotonic; -1: never
    uint64_t bytes;                  // received
    uint64_t errors;                 // frames or scans refused
    unsigned reopens;
};

// Finds the driver for class and transport in the registry and makes the device; opens nothing
// yet. TW_ERR_NOT_FOUND when no driver serves that class, with the classes that exist in `err`.
int TW_MUST_CHECK tw_device_new(const struct tw_device_config *config, const struct tw_device_sink *sink,
                                uint32_t jitter_seed, struct tw_device **out, struct tw_error_text *err);
void tw_device_free(struct tw_device *device);

// The descriptor to wait on, -1 while down; and for what (POLLIN, POLLOUT). Both may change after
// every call below.
int tw_device_fd(const struct tw_device *device);
short tw_device_events(const struct tw_device *device);

// The descriptor is ready: reads until nothing is left or 64 KiB were read, feeds the driver.
void tw_device_ready(struct tw_device *device, short revents, int64_t monotonic_ms);

// Time passed: opens, reopens, sends what is due, minds silence. Call at tw_device_deadline.
void tw_device_tick(struct tw_device *device, int64_t monotonic_ms);
int64_t tw_device_deadline(const struct tw_device *device); // monotonic ms; INT64_MAX: none

// Tap only: everything before `offset` is durable. Sent to the tap at once if it can be.
void tw_device_acknowledge(struct tw_device *device, uint64_t offset, int64_t monotonic_ms);

// Displays only: shows two lines of UTF-8, now and after each reopening until others are to be shown; two
// empty ones make it blank. A display that has not taken what it was sent before is opened anew, so that it
// never shows what was meant for somebody else.
void tw_device_show(struct tw_device *device, const char *upper, const char *lower, int64_t monotonic_ms);

// Folders only: what becomes of the file that is read; `why` is one sentence of a refusal, else NULL.
void tw_device_file_answer(struct tw_device *device, enum tw_file_answer answer, const char *why);

// Closes and opens the device anew, as after a loss: a tap says HELLO again and is asked from where.
void tw_device_restart(struct tw_device *device, int64_t monotonic_ms);

// Something was plugged in (tw_hotplug): a device that is down and has a node is tried at its next
// deadline, which is now; the back-off starts over.
void tw_device_hurry(struct tw_device *device, int64_t monotonic_ms);

void tw_device_status(const struct tw_device *device, struct tw_device_status *out);

// Hears every byte of the device's as it comes, before its driver does; one at a time, NULL for none.
// The bytes are borrowed for the call and may hold card data (P6).
typedef void tw_device_overhear_fn(void *ctx, struct tw_slice bytes, int64_t monotonic_ms);
void tw_device_overhear(struct tw_device *device, tw_device_overhear_fn *fn, void *ctx);

#endif
