// SPDX-License-Identifier: Apache-2.0
//
// The tap: what keeps a copy of the printer's bytes until the agent has them safe. It is fed with
// what was forwarded (`tw_tap_print`) and with the till's comings and goings (`tw_tap_mark`), and
// speaks the tap link (tillwire/tap_link.h) over any line: bytes from the agent go in with
// `tw_tap_receive`, bytes for the agent come out of `tw_tap_transmit`. When the copy has no room,
// the oldest unacknowledged bytes are given up, counted, and named by LOST; printing never waits.
// Readings of the board's scanner (scans.h) are sent in their place of the stream; what else the agent
// wants of the board goes through `struct tw_tap_board`.
//
// Threading: one caller at a time; pure state machine. Memory: the caller's, all of it; nothing is
// allocated. Acknowledged bytes are wiped at once, for they may hold card data (P6). Time: the
// caller's monotonic microseconds. Errors: none can happen to the caller; damage is counted.
#ifndef TW_TAP_H
#define TW_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/scans.h"
#include "tillwire/tap_info.h"
#include "tillwire/tap_link.h"

#define TW_TAP_HELLO_US    1000000u  // between two HELLOs, and without credit before the next HELLO
#define TW_TAP_DOUBT_US    10000000u // all was sent, and nothing of it acknowledged for so long: HELLO
#define TW_TAP_INFO_US     10000000u // between two INFOs
#define TW_TAP_SILENT_US   1000000u  // nothing printed for so long: between two receipts
#define TW_TAP_STAMP_US    100000u   // bytes that came later than this after the last record get a new time
#define TW_TAP_MIN_RECORDS 8u        // smallest table of records

// A thing that happened at an offset: a mark, or (what == 0) only the time of the bytes from here.
struct tw_tap_record {
    uint64_t offset;
    uint64_t time_us;
    uint8_t what;
};

struct tw_tap_memory {
    uint8_t *ring; // zeroed by the caller
    size_t ring_bytes;
    struct tw_tap_record *records;
    size_t record_count; // at least TW_TAP_MIN_RECORDS; two a till connection are used
};

// What the board does for the agent; called from tw_tap_receive and tw_tap_transmit. While one of them waits
// for the board's flash it may call tw_tap_print, tw_tap_mark and tw_tap_skip, and nothing else of the tap.
struct tw_tap_board {
    // Fills in what the board knows; the counts of the tap, and its time as `uptime_us`, are there already.
    void (*info)(void *port, struct tw_link_info *info);
    // CONFIG. False: it makes no sense, and changed nothing.
    bool (*configure)(void *port, const struct tw_link_settings *settings);
    // An UPDATE_ frame of the right length (updater.h); returns the answer.
    struct tw_link_update (*update)(void *port, const struct tw_link_frame *frame, uint64_t now_us);
    void *port;
    struct tw_scans *scans; // NULL: no scanner
};

enum tw_tap_state { TW_TAP_DETACHED, TW_TAP_GREETING, TW_TAP_STREAMING };

struct tw_tap {
    struct tw_tap_memory memory;
    struct tw_tap_board board;
    uint8_t boot[16];

    // The stream: offsets count from 0 at boot. acked <= first <= next.
    uint64_t acked; // the agent has all before
    uint64_t first; // oldest byte still held; [acked, first) was given up
    uint64_t next;  // one beyond the newest byte
    uint64_t base;  // the offset at the ring's start: base <= first < base + ring_bytes. An empty ring starts
                    // over, so that few pages are used
    // The table of records is a ring too, counted the same way.
    uint64_t record_first;
    uint64_t record_next;
    uint64_t record_base;
    uint64_t base_time_us; // time of bytes before the oldest record
    uint64_t moment_us;    // of the newest mark or scan
    uint64_t print_us;     // of the newest byte

    // The link.
    enum tw_tap_state state;
    uint64_t now_us;
    uint64_t hello_due_us;
    uint64_t stall_due_us;
    uint64_t doubt_due_us;
    uint64_t info_due_us;
    uint64_t send;        // next offset to send
    uint64_t record_send; // next record to send
    uint32_t credit;
    uint8_t sequence;       // of the next frame sent
    uint8_t agent_sequence; // of the next frame expected
    uint8_t start_sequence; // of the START to be answered
    bool answer_start;
    bool hello_due;
    bool info_due;
    bool update_due;
    bool met;                     // the agent has started the stream since the start
    struct tw_link_update update; // the answer to be sent
    struct tw_link_decoder decoder;
    uint8_t frame[TW_LINK_MAX_FRAME]; // the frame on its way out
    size_t frame_len;
    size_t frame_sent;

    // Counters for people; they never go back.
    uint64_t lost_bytes; // given up without acknowledgement
    uint64_t bad_frames; // from the agent: damaged, out of sequence, or senseless
};

// Makes an empty tap. `boot` is new with every start (16 random bytes).
void tw_tap_init(struct tw_tap *tap, const struct tw_tap_memory *memory, const uint8_t boot[16]);

// The board that `tap` runs on, once, before it is attached. Without one there is no INFO, and CONFIG
// and UPDATE_ are counted as bad.
void tw_tap_set_board(struct tw_tap *tap, const struct tw_tap_board *board);

// Bytes that were forwarded to the printer just now.
void tw_tap_print(struct tw_tap *tap, const uint8_t *bytes, size_t len, uint64_t time_us);

// `count` bytes were forwarded and could not be copied. A copy with a hole is of no use: all that is held
// goes with them, is counted, and is named by LOST.
void tw_tap_skip(struct tw_tap *tap, uint64_t count);

// The till's connection opened or closed here. Of the marks at one offset the newest two are kept:
// they all mean the same, an end of page.
void tw_tap_mark(struct tw_tap *tap, enum tw_link_mark what, uint64_t time_us);

// The time of a mark or scan that happens at `time_us`: they all differ, so that their order is known again.
uint64_t tw_tap_moment(struct tw_tap *tap, uint64_t time_us);

// A line to the agent exists now (a new one replaces the old one), or no longer.
void tw_tap_attach(struct tw_tap *tap, uint64_t time_us);
void tw_tap_detach(struct tw_tap *tap);

// Bytes from the agent, in any pieces.
void tw_tap_receive(struct tw_tap *tap, const uint8_t *bytes, size_t len);

// Bytes for the agent: fills up to `cap` bytes of `out`, returns how many; 0: nothing to say now.
size_t tw_tap_transmit(struct tw_tap *tap, uint8_t *out, size_t cap);

// Time passed. `tw_tap_deadline_us` is when to call it next; UINT64_MAX: no need.
void tw_tap_tick(struct tw_tap *tap, uint64_t time_us);
uint64_t tw_tap_deadline_us(const struct tw_tap *tap);

// Nothing was printed lately; and the agent has acknowledged all there is. Both: a restart loses nothing.
bool tw_tap_is_silent(const struct tw_tap *tap, uint64_t now_us);
bool tw_tap_is_safe(const struct tw_tap *tap);

#endif
