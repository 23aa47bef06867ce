// SPDX-License-Identifier: Apache-2.0
//
// SHA-256 as the boards compute it, by mbedTLS: the tw_image_hash of loader and update.
//
// Threading: none. Memory: 128 bytes of stack. Time: one pass. Errors: none.
#ifndef TW_ARM_IMAGE_HASH_H
#define TW_ARM_IMAGE_HASH_H

#include "firmware/core/image.h"

void tw_arm_image_hash(const uint8_t *bytes, size_t len, uint8_t digest[TW_IMAGE_HASH]);

#endif
