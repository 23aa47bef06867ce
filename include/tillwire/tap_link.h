// SPDX-License-Identifier: Apache-2.0
//
// The tap link: how a tap (the relay process, or the board in the printer line) hands its copy of
// the printer stream to the agent. Frames are COBS-coded (Cheshire and Baker, 1999) and end with a
// zero byte, so that either side finds the next frame after any damage; each carries a type, a
// sequence number and a CRC-32 (ISO-HDLC, polynomial 0xEDB88320, as in IEEE 802.3).
//
//   frame   = COBS( type:u8 sequence:u8 payload[0..TW_LINK_MAX_PAYLOAD] crc32:u32 ) 0x00
//   numbers are little-endian; the CRC covers type, sequence and payload
//
//   tap -> agent   HELLO  version:u16 boot:u8[16] first:u64 next:u64 buffer:u32
//                         stream bytes [first, next) are still held; boot is new with every start
//                  DATA   offset:u64 time_us:u64 bytes[1..TW_LINK_MAX_DATA]
//                  MARK   offset:u64 time_us:u64 what:u8 (TW_LINK_OPENED, TW_LINK_CLOSED)
//                  LOST   from:u64 to:u64        given up for want of room, unacknowledged
//                  STARTED offset:u64 start:u8   answers the START of that sequence number: the
//                                                stream goes on here; acknowledged is gone
//                  SCAN   number:u64 at:u64 time_us:u64 bytes[1..TW_LINK_MAX_SCAN]
//                         a reading of the tap's scanner without its terminator, in its place of the stream:
//                         after all before offset `at`. Numbers count from 1 at boot
//                  SCAN_LOST from:u64 to:u64     scans [from, to) were given up for want of room
//                  INFO   struct tw_link_info    after STARTED, after CONFIG, and every 10 s while streaming
//                  UPDATE_STATE state:u8 reason:u8 offset:u32   answers each UPDATE_ frame
//   agent -> tap   START  boot:u8[16] offset:u64 send again from here (after HELLO)
//                  ACK    offset:u64             all before it is durable: forget it
//                  CREDIT bytes:u32              may send this many more DATA bytes; START sets it to 0
//                  SCAN_ACK number:u64           all scans up to and with it are durable: forget them
//                  CONFIG till:LINE printer:LINE scanner:LINE   taken over at once, and kept;
//                         a line of zeros stays as it is
//                  UPDATE_BEGIN length:u32 version:u32 board:u32   of an image for the slot that does
//                                                not run, header included; erases that slot
//                  UPDATE_DATA offset:u32 bytes[1..TW_LINK_MAX_DATA]   one at a time; any offset but the
//                                                one needed is answered with the one needed
//                  UPDATE_END                    check it, and restart with it
//   LINE           = baud:u32 bits:u8 parity:u8 stop:u8 flow:u8; all zeros in INFO: there is none now.
//                    LINE, INFO and UPDATE_STATE are in tillwire/tap_info.h
//
// Until START arrives the tap sends nothing but HELLO, once a second. A gap in the sequence
// numbers of received frames means damage on the line: the agent sends START again from the last
// contiguous offset and takes nothing until STARTED names that START, for what is still on its way
// may lack a MARK. The tap answers damage, a second without credit, and ten without an ACK
// after all was sent, with HELLO. Times of MARKs
// strictly increase, so that one sent again is known; a SCAN sent again (after each START all that are not
// acknowledged are) is known by its number. Printing never waits for any of this (P5).
//
// Threading: pure functions, caller's memory. Memory: none allocated (the board has no heap).
// Time: none. Errors: TW_ERR_DAMAGED for a frame that fails its checks, TW_ERR_TOO_LARGE.
#ifndef TW_TAP_LINK_H
#define TW_TAP_LINK_H

#include <stddef.h>
#include <stdint.h>

#define TW_LINK_VERSION     2 // 1 had no scans, no INFO, no CONFIG and no UPDATE_
#define TW_LINK_MAX_DATA    1024
#define TW_LINK_MAX_SCAN    256
#define TW_LINK_MAX_PAYLOAD (16 + TW_LINK_MAX_DATA)
#define TW_LINK_OVERHEAD    6 // type, sequence, CRC
// COBS adds one byte in 254 and one at the front; then the zero.
#define TW_LINK_MAX_FRAME                                                                                    \
    (TW_LINK_MAX_PAYLOAD + TW_LINK_OVERHEAD + (TW_LINK_MAX_PAYLOAD + TW_LINK_OVERHEAD) / 254 + 2)

enum tw_link_type {
    TW_LINK_HELLO = 1,
    TW_LINK_DATA = 2,
    TW_LINK_MARK = 3,
    TW_LINK_LOST = 4,
    TW_LINK_STARTED = 5,
    TW_LINK_SCAN = 6,
    TW_LINK_SCAN_LOST = 7,
    TW_LINK_INFO = 8,
    TW_LINK_UPDATE_STATE = 9,
    TW_LINK_START = 17,
    TW_LINK_ACK = 18,
    TW_LINK_CREDIT = 19,
    TW_LINK_SCAN_ACK = 20,
    TW_LINK_CONFIG = 21,
    TW_LINK_UPDATE_BEGIN = 22,
    TW_LINK_UPDATE_DATA = 23,
    TW_LINK_UPDATE_END = 24,
};
// Sizes of payloads; of SCAN and UPDATE_DATA what comes before the bytes.
enum {
    TW_LINK_SCAN_HEAD_BYTES = 24,
    TW_LINK_SCAN_LOST_BYTES = 16,
    TW_LINK_INFO_BYTES = 86,
    TW_LINK_UPDATE_STATE_BYTES = 6,
    TW_LINK_SCAN_ACK_BYTES = 8,
    TW_LINK_CONFIG_BYTES = 24,
    TW_LINK_UPDATE_BEGIN_BYTES = 12,
    TW_LINK_UPDATE_DATA_HEAD_BYTES = 4,
    TW_LINK_LINE_BYTES = 8,
};
enum tw_link_mark { TW_LINK_OPENED = 1, TW_LINK_CLOSED = 2 };

struct tw_link_frame {
    uint8_t type;
    uint8_t sequence;
    const uint8_t *payload; // borrowed from the decoder's buffer
    size_t len;
};

// Writes a whole frame with its zero into `out` (room for TW_LINK_MAX_FRAME). Returns its length,
// 0 when `len` is over TW_LINK_MAX_PAYLOAD.
size_t tw_link_encode(uint8_t type, uint8_t sequence, const uint8_t *payload, size_t len, uint8_t *out);

// The same from pieces, where they cannot be had in one: begin, add, end. `out` as above; no more than
// TW_LINK_MAX_PAYLOAD may be added.
struct tw_link_writer {
    uint8_t *out;
    size_t code_at; // where the length of the run under way will stand
    size_t len;
    uint32_t crc;
};
void tw_link_begin(struct tw_link_writer *writer, uint8_t type, uint8_t sequence, uint8_t *out);
void tw_link_add(struct tw_link_writer *writer, const uint8_t *bytes, size_t len);
size_t tw_link_end(struct tw_link_writer *writer);

// Collects bytes until a zero and checks the frame.
struct tw_link_decoder {
    uint8_t bytes[TW_LINK_MAX_FRAME];
    size_t len;
    int overflow; // the current frame is too long; skipped to the next zero
};

// Takes one byte. Returns 1 and fills `frame` when a good frame ended here, 0 when more is needed,
// TW_ERR_DAMAGED when a frame ended that fails its checks (empty frames are ignored: 0).
int tw_link_decode(struct tw_link_decoder *decoder, uint8_t byte, struct tw_link_frame *frame);

// CRC-32 of `len` bytes (start with 0; results may be chained).
uint32_t tw_link_crc32(uint32_t crc, const uint8_t *bytes, size_t len);

// Little-endian fields, the same on every port.
static inline void tw_link_put(uint8_t *out, uint64_t value, unsigned bytes)
{
    uint64_t rest = value;
    for (unsigned i = 0; i < bytes; i++) {
        out[i] = (uint8_t)rest;
        rest >>= 8;
    }
}

static inline uint64_t tw_link_get(const uint8_t *in, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = bytes; i > 0; i--) {
        value = (value << 8) | in[i - 1];
    }
    return value;
}

#endif
