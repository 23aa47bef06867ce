// SPDX-License-Identifier: Apache-2.0
#include "firmware/core/image.h"

#include <string.h>

#include "tillwire/tap_link.h"

enum { AT_BOARD = 8, AT_VERSION = 12, AT_SLOT = 16, AT_LENGTH = 20, AT_HASH = 24 };

_Static_assert(AT_HASH + TW_IMAGE_HASH <= TW_IMAGE_SIGNED, "the hash is signed");
_Static_assert(TW_IMAGE_SIGNED + TW_IMAGE_SIGNATURE == TW_IMAGE_HEADER, "the signature ends the header");

enum tw_image_fault tw_image_parse(const uint8_t *header, struct tw_image *image)
{
    if (memcmp(header, TW_IMAGE_MAGIC, 8) != 0) {
        return TW_IMAGE_NO_HEADER;
    }
    uint32_t length = (uint32_t)tw_link_get(&header[AT_LENGTH], 4);
    if (length <= TW_IMAGE_HEADER || length > TW_IMAGE_MAX) {
        return TW_IMAGE_WRONG_LENGTH;
    }
    image->board = (uint32_t)tw_link_get(&header[AT_BOARD], 4);
    image->version = (uint32_t)tw_link_get(&header[AT_VERSION], 4);
    image->slot = (uint32_t)tw_link_get(&header[AT_SLOT], 4);
    image->length_bytes = length;
    image->sha256 = &header[AT_HASH];
    return TW_IMAGE_GOOD;
}

enum tw_image_fault tw_image_check_header(const uint8_t *bytes, const struct tw_image_place *place,
                                          struct tw_image *image)
{
    struct tw_image found;
    enum tw_image_fault fault = tw_image_parse(bytes, &found);
    if (fault != TW_IMAGE_GOOD) {
        return fault;
    }
    if (found.board != place->board) {
        return TW_IMAGE_WRONG_BOARD;
    }
    if (found.slot != place->slot) {
        return TW_IMAGE_WRONG_SLOT;
    }
    if (found.length_bytes > place->slot_bytes) {
        return TW_IMAGE_WRONG_LENGTH;
    }
    if (found.version < place->floor) {
        return TW_IMAGE_TOO_OLD;
    }
    *image = found;
    return TW_IMAGE_GOOD;
}

enum tw_image_fault tw_image_check_body(const uint8_t *bytes, const struct tw_image *image,
                                        tw_image_hash *hash)
{
    uint8_t digest[TW_IMAGE_HASH];
    hash(&bytes[TW_IMAGE_HEADER], image->length_bytes - TW_IMAGE_HEADER, digest);
    return memcmp(digest, image->sha256, sizeof digest) == 0 ? TW_IMAGE_GOOD : TW_IMAGE_BAD_HASH;
}
