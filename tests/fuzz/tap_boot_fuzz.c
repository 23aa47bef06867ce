// SPDX-License-Identifier: Apache-2.0
//
// Any memory at all as a boot log, and any bytes as an image's header: the loader reads both before
// it trusts anything. What it finds lies in bounds, what it appends is found again, and an image
// that is taken fits its slot.
#include "firmware/core/boot.h"
#include "firmware/core/image.h"
#include "tests/fuzz/target.h"
#include "tillwire/tap_link.h"

enum { PAGE = 256 };

static int erase(void *port, uint32_t at, uint32_t len)
{
    memset((uint8_t *)port + at, 0xff, len);
    return 0;
}

static int program(void *port, uint32_t at, const uint8_t *bytes, size_t len)
{
    uint8_t *memory = (uint8_t *)port + at;
    for (size_t i = 0; i < len; i++) {
        memory[i] &= bytes[i];
    }
    return 0;
}

static enum tw_image_fault judge(void *context, uint8_t slot, uint32_t floor)
{
    const uint8_t *verdict = context;
    (void)floor;
    fuzz_require(slot == TW_IMAGE_SLOT_A || slot == TW_IMAGE_SLOT_B);
    return (*verdict >> slot & 1) != 0 ? TW_IMAGE_GOOD : TW_IMAGE_BAD_HASH;
}

static void keep_books(uint8_t *memory, uint8_t verdict)
{
    struct tw_nvm nvm = {.bytes = memory,
                         .page_at = {0, PAGE},
                         .page_bytes = PAGE,
                         .erase = erase,
                         .write = program,
                         .port = memory};
    struct tw_boot_log log;
    struct tw_boot_state before;
    struct tw_boot_state after;
    tw_boot_log_open(&log, &nvm);
    tw_boot_state_read(&log, &before);
    fuzz_require(before.tries <= TW_BOOT_TRIES && before.trial <= TW_IMAGE_SLOT_B);
    uint8_t slot = tw_boot_choose(&log, judge, &verdict);
    fuzz_require((slot == TW_IMAGE_SLOT_NONE) == ((verdict & 6) == 0));
    tw_boot_state_read(&log, &after);
    fuzz_require(after.floor == before.floor && after.confirmed == before.confirmed);
    tw_boot_confirm(&after, TW_IMAGE_SLOT_B, 77);
    int code = tw_boot_state_write(&log, &after);
    tw_boot_log_open(&log, &nvm);
    tw_boot_state_read(&log, &before);
    fuzz_require(code != 0 || (before.confirmed == TW_IMAGE_SLOT_B && before.floor >= 77));
}

static void read_header(const uint8_t *header)
{
    const struct tw_image_place place = {1, TW_IMAGE_SLOT_A, 4096, 2};
    struct tw_image image;
    if (tw_image_check_header(header, &place, &image) == TW_IMAGE_GOOD) {
        fuzz_require(image.length_bytes > TW_IMAGE_HEADER && image.length_bytes <= 4096);
        fuzz_require(image.board == 1 && image.slot == TW_IMAGE_SLOT_A && image.version >= 2);
    }
}

// No chance finds a CRC: the records whose bit is set in `which` are given a good one.
static void make_good(uint8_t *memory, uint8_t which)
{
    for (uint32_t record = 0; record < 2 * PAGE / TW_BOOT_RECORD; record++) {
        uint8_t *bytes = memory + (size_t)record * TW_BOOT_RECORD;
        if ((which >> record % 8 & 1) != 0) {
            tw_link_put(bytes + TW_BOOT_RECORD - 4, tw_link_crc32(0, bytes, TW_BOOT_RECORD - 4), 4);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t memory[2 * PAGE];
    memset(memory, 0xff, sizeof memory);
    memcpy(memory, data, size < sizeof memory ? size : sizeof memory);
    read_header(memory);
    make_good(memory, size > 1 ? data[size - 2] : 0);
    keep_books(memory, size > 0 ? data[size - 1] : 0);
    return 0;
}
