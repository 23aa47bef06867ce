// SPDX-License-Identifier: Apache-2.0
//
// May this image be started? All the rules of firmware/core/image.h, and the signature against the
// one key that is compiled in.
//
// Threading: none. Memory: a static heap of its own for the time of a check. Time: two passes over
// the image and one ECDSA verification (P-256), some 10^7 instructions. Errors: enum tw_image_fault.
#ifndef TW_ARM_LOADER_CHECK_H
#define TW_ARM_LOADER_CHECK_H

#include "firmware/core/image.h"

// The public point x||y, big-endian (SEC 1, 2.3.3, without its first byte); made by tools/firmware/pack.
extern const uint8_t tw_loader_key[64];

// `bytes`: the slot in place.
enum tw_image_fault tw_loader_check(const uint8_t *bytes, const struct tw_image_place *place);

#endif
