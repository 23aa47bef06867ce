// SPDX-License-Identifier: Apache-2.0
//
// The tap's firmware as the agent and the board hand it on: one signed image for each slot of a
// board, and the update file that holds them. An image runs in place, so each is linked for its
// slot; the board says (INFO) which slot runs, and is sent the image of the other.
//
//   image  = header[TW_IMAGE_HEADER] body           the vector table is the start of the body
//   header = magic[8] board:u32 version:u32 slot:u32 length:u32 sha256[32] zeros[136] signature[64]
//            length counts header and body; sha256 is that of the body (FIPS 180-4); signature is
//            r||s, big-endian, ECDSA P-256 with SHA-256 (FIPS 186-4) of the 192 bytes before it
//   file   = TW_IMAGE_FILE_MAGIC[16] count:u32 { length:u32 image[length] } x count
//   numbers are little-endian, but for r and s; version = major<<16 | minor<<8 | patch
//
// Threading: pure functions. Memory: the caller's. Time: none. Errors: enum tw_image_fault.
#ifndef TW_TAP_IMAGE_H
#define TW_TAP_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#define TW_IMAGE_HEADER     256
#define TW_IMAGE_SIGNED     192 // bytes of the header that the signature covers
#define TW_IMAGE_HASH       32
#define TW_IMAGE_SIGNATURE  64
#define TW_IMAGE_MAX        65536 // the smallest slot of any board
#define TW_IMAGE_MAGIC      "TWTAP\0\1\0"
#define TW_IMAGE_FILE_MAGIC "TWTAP UPDATE 1\r\n"

enum tw_image_slot { TW_IMAGE_SLOT_NONE = 0, TW_IMAGE_SLOT_A = 1, TW_IMAGE_SLOT_B = 2 };

// Why an image is not taken. The numbers are kept in the board's boot log and never change.
enum tw_image_fault {
    TW_IMAGE_GOOD = 0,
    TW_IMAGE_NO_HEADER = 1,     // the magic is not there: empty slot, or something else
    TW_IMAGE_WRONG_BOARD = 2,   // made for another board
    TW_IMAGE_WRONG_SLOT = 3,    // linked for the other slot
    TW_IMAGE_WRONG_LENGTH = 4,  // shorter than a header, or longer than the slot
    TW_IMAGE_TOO_OLD = 5,       // below the lowest version that may run
    TW_IMAGE_BAD_SIGNATURE = 6, // not signed with the board's key
    TW_IMAGE_BAD_HASH = 7,      // the body is not the one that was signed
    TW_IMAGE_NOT_HEALTHY = 8,   // good, but never ran for a healthy minute
};

struct tw_image {
    uint32_t board;
    uint32_t version;
    uint32_t slot;         // enum tw_image_slot
    uint32_t length_bytes; // header and body
    const uint8_t *sha256; // borrowed from the header: TW_IMAGE_HASH bytes
};

// Reads a header of TW_IMAGE_HEADER bytes; `image` borrows from it. Returns TW_IMAGE_GOOD,
// TW_IMAGE_NO_HEADER, or TW_IMAGE_WRONG_LENGTH where no slot could hold it; nothing else is checked.
enum tw_image_fault tw_image_parse(const uint8_t *header, struct tw_image *image);

#endif
