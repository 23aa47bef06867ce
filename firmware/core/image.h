// SPDX-License-Identifier: Apache-2.0
//
// Is this image one that may run from that slot? The rules that the loader (before it starts one)
// and the update (before it marks one) share; tillwire/tap_image.h has the format. Hash and
// signature are the caller's: on the board they are mbedTLS's.
//
// Threading: pure functions. Memory: read in place. Time: one pass over the image. Errors: enum
// tw_image_fault, checked in the order of its numbers but for the two that cost time.
#ifndef TW_IMAGE_H
#define TW_IMAGE_H

#include "tillwire/tap_image.h"

// SHA-256 of `len` bytes.
typedef void tw_image_hash(const uint8_t *bytes, size_t len, uint8_t digest[TW_IMAGE_HASH]);

// What the place it shall run from asks for.
struct tw_image_place {
    uint32_t board;
    uint32_t slot; // enum tw_image_slot
    uint32_t slot_bytes;
    uint32_t floor; // the lowest version taken
};

// The header alone, `bytes` of TW_IMAGE_HEADER: magic, board, slot, length, version; no
// cryptography. `image` is written when TW_IMAGE_GOOD is returned.
enum tw_image_fault tw_image_check_header(const uint8_t *bytes, const struct tw_image_place *place,
                                          struct tw_image *image);

// The body against the hash in the header, which must be good: TW_IMAGE_GOOD or TW_IMAGE_BAD_HASH.
// `bytes` is the whole image.
enum tw_image_fault tw_image_check_body(const uint8_t *bytes, const struct tw_image *image,
                                        tw_image_hash *hash);

#endif
