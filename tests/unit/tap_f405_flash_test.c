// SPDX-License-Identifier: Apache-2.0
//
// The flash driver of the STM32F405 port, from the sources that are flashed, against a model of the chip's
// flash at the chip's own addresses (tests/fakes/f405.h). It shows that the driver does what RM0090 3.6 asks
// for, in order, and what it does when the flash does not; not that the manual was read rightly, nor how long
// a real flash takes. Where a busy flash would hold the bus, and with it the processor, the model goes on and
// counts (`stalls`).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/core/updater.h"
#include "firmware/port/arm/board.h"
#include "firmware/port/arm/cpu.h"
#include "tests/fakes/f405.h"
#include "tests/fakes/trapped.h"

// ACR at 168 MHz (3.9.1): five wait states, prefetch, both caches.
enum { ACR = 0x705, ACR_OFF = 0x105, ACR_RESET = 0x1905 };
#define LOCKED 0x80000000u

static struct f405 chip;
static unsigned waits;

static void count_waits(void)
{
    waits++;
}

static const struct tw_nvm *start(void)
{
    if (!f405_start(&chip)) {
        print_message("skipped: the chip's addresses are taken here\n");
        skip();
    }
    waits = 0;
    tw_board_while_waiting(count_waits);
    tw_board_start();
    f405_forget(&chip);
    return tw_board_nvm();
}

static uint8_t *flash_at(uint32_t at)
{
    return trapped_memory(F405_FLASH_MEMORY + at);
}

// As it must be left after anything.
static void assert_closed(void)
{
    if (chip.wrong != NULL) {
        fail_msg("%s", chip.wrong);
    }
    assert_int_equal(trapped_get(F405_FLASH_CR), LOCKED);
    assert_int_equal(trapped_get(F405_FLASH_ACR), ACR);
    assert_false(chip.stale);
    assert_int_equal(tw_host_cpu.primask, 0);
}

static bool all_are(uint32_t from, uint32_t to, uint8_t value)
{
    const uint8_t *bytes = flash_at(0);
    for (uint32_t at = from; at < to; at++) {
        if (bytes[at] != value) {
            return false;
        }
    }
    return true;
}

// ---- erasing

struct sector {
    uint32_t at, end, control; // FLASH_CR: PSIZE 10 (x32), SNB, SER
};
static const struct sector sectors[] = {
    {0x08000, 0x0c000, 0x212},
    {0x0c000, 0x10000, 0x21a},
    {0x10000, 0x20000, 0x222},
    {0x20000, 0x40000, 0x22a},
};

static void assert_stores(const uint32_t wanted[][2], size_t count)
{
    size_t next = 0;
    for (size_t i = 0; i < chip.count; i++) {
        const struct f405_store *store = &chip.stores[i];
        if (store->at < F405_FLASH_ACR || store->at > F405_FLASH_CR) {
            continue;
        }
        assert_true(next < count);
        assert_int_equal(store->at, wanted[next][0]);
        assert_int_equal(store->value, wanted[next][1]);
        next++;
    }
    assert_int_equal(next, count);
}

// 3.6.1 keys; 3.6.3 SER and SNB, then STRT; 3.5.2 caches off, reset, and on again.
static void a_sector_is_erased_by_the_manual(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof sectors / sizeof sectors[0]; i++) {
        const struct sector *sector = &sectors[i];
        const struct tw_nvm *nvm = start();
        memset(flash_at(0), 0x5a, F405_FLASH_BYTES);
        uint32_t len = i < 2 ? nvm->page_bytes : nvm->slot_bytes;
        assert_int_equal(nvm->erase(nvm->port, sector->at, len), 0);
        const uint32_t wanted[][2] = {
            {F405_FLASH_KEYR, 0x45670123},
            {F405_FLASH_KEYR, 0xcdef89ab},
            {F405_FLASH_SR, 0xf2},
            {F405_FLASH_CR, sector->control},
            {F405_FLASH_CR, sector->control | 0x10000},
            {F405_FLASH_CR, LOCKED},
            {F405_FLASH_ACR, ACR_OFF},
            {F405_FLASH_ACR, ACR_RESET},
            {F405_FLASH_ACR, ACR},
        };
        assert_stores(wanted, sizeof wanted / sizeof wanted[0]);
        assert_int_equal(chip.operations, 1);
        assert_true(all_are(0, sector->at, 0x5a));
        assert_true(all_are(sector->at, sector->end, 0xff));
        assert_true(all_are(sector->end, F405_FLASH_BYTES, 0x5a));
        assert_closed();
    }
}

static void the_areas_are_the_manuals_sectors(void **state)
{
    (void)state;
    const struct tw_nvm *nvm = start();
    assert_ptr_equal(nvm->bytes, (const uint8_t *)(uintptr_t)F405_FLASH_MEMORY);
    assert_int_equal(nvm->page_at[0], sectors[0].at);
    assert_int_equal(nvm->page_at[1], sectors[1].at);
    assert_int_equal(nvm->slot_at[0], sectors[2].at);
    assert_int_equal(nvm->slot_at[1], sectors[3].at);
    assert_int_equal(nvm->page_bytes, 0x4000);
    assert_int_equal(nvm->slot_bytes, 0x10000);
}

// An erase of 128 KiB takes up to 4 s (DS8626): the board goes on, and the watchdog (6.8 s at least) is fed.
static void work_goes_on_while_the_flash_is_busy(void **state)
{
    (void)state;
    const struct tw_nvm *nvm = start();
    chip.erase_us = 4000000;
    chip.us_a_look = 5000;
    uint32_t feeds = chip.feeds;
    assert_int_equal(nvm->erase(nvm->port, 0x20000, nvm->slot_bytes), 0);
    assert_in_range(waits, 700, 800);
    assert_int_equal(chip.feeds - feeds, waits);
    assert_in_range(chip.longest_unfed_us, 0, 100000);
    assert_closed();
    waits = 0;
    tw_board_while_waiting(NULL);
    assert_int_equal(nvm->erase(nvm->port, 0x20000, nvm->slot_bytes), 0);
    assert_int_equal(waits, 0);
}

// ---- writing

static void assert_store(size_t number, uint32_t at, uint32_t value, unsigned width)
{
    const struct f405_store *store = &chip.stores[number];
    assert_true(number < chip.count);
    assert_int_equal(store->at, at);
    assert_int_equal(store->value, value);
    assert_int_equal(store->width, width);
}

// 3.6.2, 3.6.4: PSIZE says how wide the store is that follows.
static void odd_ends_are_written_by_bytes_and_the_rest_by_words(void **state)
{
    (void)state;
    const struct tw_nvm *nvm = start();
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6};
    assert_int_equal(nvm->write(nvm->port, 0x8003, bytes, sizeof bytes), 0);
    const uint32_t wanted[][2] = {
        {F405_FLASH_KEYR, 0x45670123}, {F405_FLASH_KEYR, 0xcdef89ab}, {F405_FLASH_SR, 0xf2},
        {F405_FLASH_CR, 0x001},        {F405_FLASH_CR, 0x201},        {F405_FLASH_CR, 0x001},
        {F405_FLASH_CR, LOCKED},       {F405_FLASH_ACR, ACR_OFF},     {F405_FLASH_ACR, ACR_RESET},
        {F405_FLASH_ACR, ACR},
    };
    assert_stores(wanted, sizeof wanted / sizeof wanted[0]);
    size_t byte = f405_find(&chip, 0, F405_FLASH_CR) + 1;
    assert_store(byte, 0x08008003, 0x01, 1);
    size_t word = f405_find(&chip, byte, F405_FLASH_CR) + 1;
    assert_store(word, 0x08008004, 0x05040302, 4);
    assert_store(f405_find(&chip, word, F405_FLASH_CR) + 1, 0x08008008, 0x06, 1);
    assert_int_equal(chip.operations, 3);
    assert_closed();
}

static void any_place_and_length_is_written_and_nothing_else(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe, 0x11, 0x33, 0x55, 0x77};
    const struct tw_nvm *nvm = start();
    for (uint32_t odd = 0; odd < 4; odd++) {
        for (size_t len = 0; len <= sizeof bytes; len++) {
            uint32_t at = 0x2fff0 + odd; // over a boundary of anything but the sector
            memset(flash_at(0x2ff00), 0xff, 0x200);
            assert_int_equal(nvm->write(nvm->port, at, bytes, len), 0);
            assert_memory_equal(nvm->bytes + at, bytes, len);
            assert_true(all_are(0x2ff00, at, 0xff));
            assert_true(all_are(at + (uint32_t)len, 0x30100, 0xff));
            assert_closed();
        }
    }
}

static void what_was_not_erased_is_an_error(void **state)
{
    (void)state;
    const struct tw_nvm *nvm = start();
    static const uint8_t first[4] = {0xf0, 0, 0, 0}, second[4] = {0x0f, 0, 0, 0};
    assert_int_equal(nvm->write(nvm->port, 0x8000, first, 4), 0);
    assert_int_equal(nvm->write(nvm->port, 0x8000, second, 4), TW_ERR_IO);
    assert_int_equal(nvm->bytes[0x8000], 0);
    assert_closed();
}

static void a_cell_that_sticks_is_an_error(void **state)
{
    (void)state;
    static const uint8_t zeros[64];
    for (uint32_t i = 0; i < sizeof zeros; i += 7) {
        const struct tw_nvm *nvm = start();
        chip.sticks_at = F405_FLASH_MEMORY + 0x10001 + i;
        assert_int_equal(nvm->write(nvm->port, 0x10001, zeros, sizeof zeros), TW_ERR_IO);
        assert_closed();
    }
}

// ---- what is refused

static void other_places_are_never_touched(void **state)
{
    (void)state;
    static const struct {
        uint32_t at, len;
    } erases[] = {{0, 0x4000},      {0x4000, 0x4000},   {0x8004, 0x4000},     {0x8000, 0x4001},
                  {0xa000, 0x2000}, {0x30000, 0x10000}, {0x40000, 0x20000},   {0x10000, 0x10001},
                  {0xffffffff, 1},  {0x20000, 0x20001}, {0x10000, 0xffffffff}},
      writes[] = {{0, 4},       {0x7fff, 2},      {0xbfff, 2},      {0x1fffc, 5},    {0x40000, 1},
                  {0x3ffff, 2}, {0x8000, 0x4001}, {0x8001, 0x4000}, {0xffffffff, 1}, {0x20000, 0xffffffff}};
    static const uint8_t bytes[8];
    const struct tw_nvm *nvm = start();
    for (size_t i = 0; i < sizeof erases / sizeof erases[0]; i++) {
        assert_int_equal(nvm->erase(nvm->port, erases[i].at, erases[i].len), TW_ERR_INVALID);
    }
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        assert_int_equal(nvm->write(nvm->port, writes[i].at, bytes, writes[i].len), TW_ERR_INVALID);
    }
    assert_int_equal(chip.count, 0);
    assert_true(all_are(0, F405_FLASH_BYTES, 0xff));
}

// ---- a flash that fails

// 3.9.4: OPERR, WRPERR, PGAERR, PGPERR, PGSERR.
static const uint32_t errors[] = {1 << 1, 1 << 4, 1 << 5, 1 << 6, 1 << 7};

static void an_error_of_an_erase_is_told_and_forgotten(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        const struct tw_nvm *nvm = start();
        memset(flash_at(0x8000), 0, 0x4000);
        chip.fails_at = 1;
        chip.fails_with = errors[i];
        assert_int_equal(nvm->erase(nvm->port, 0x8000, nvm->page_bytes), TW_ERR_IO);
        assert_closed();
        assert_true(all_are(0x8000, 0xc000, 0));
        assert_int_equal(nvm->erase(nvm->port, 0x8000, nvm->page_bytes), 0);
        assert_true(all_are(0x8000, 0xc000, 0xff));
        assert_closed();
    }
}

static void an_error_ends_a_write_at_once(void **state)
{
    (void)state;
    static const uint8_t zeros[9];
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        for (uint32_t operation = 1; operation <= 4; operation++) { // two bytes, a word, three bytes
            const struct tw_nvm *nvm = start();
            chip.fails_at = operation;
            chip.fails_with = errors[i];
            assert_int_equal(nvm->write(nvm->port, 0x8002, zeros, sizeof zeros), TW_ERR_IO);
            assert_int_equal(chip.operations, operation);
            assert_closed();
            assert_int_equal(nvm->write(nvm->port, 0x8002, zeros, sizeof zeros), 0);
            assert_closed();
        }
    }
}

// What is left in the status by others is not taken for an error of ours.
static void an_old_error_is_not_ours(void **state)
{
    (void)state;
    const struct tw_nvm *nvm = start();
    static const uint8_t bytes[4];
    trapped_set(F405_FLASH_SR, 0xf2);
    assert_int_equal(nvm->write(nvm->port, 0x8000, bytes, sizeof bytes), 0);
    trapped_set(F405_FLASH_SR, 0xf2);
    assert_int_equal(nvm->erase(nvm->port, 0x8000, nvm->page_bytes), 0);
    assert_closed();
}

// The real bus would stand still at the store that locks (3.6.1), and the watchdog would end it; here it is
// counted.
static void a_flash_that_is_busy_for_ever_is_given_up(void **state)
{
    (void)state;
    const struct tw_nvm *nvm = start();
    chip.busy_for_ever = true;
    chip.us_a_look = 5000;
    uint64_t start_us = chip.now_us;
    assert_int_equal(nvm->erase(nvm->port, 0x20000, nvm->slot_bytes), TW_ERR_IO);
    assert_in_range(chip.now_us - start_us, 8000000, 8100000);
    assert_in_range(chip.longest_unfed_us, 0, 100000);
    assert_true(waits > 700);
    assert_int_equal(chip.stalls, 1);
    assert_closed();

    nvm = start();
    chip.busy_for_ever = true;
    chip.us_a_look = 10;
    start_us = chip.now_us;
    static const uint8_t bytes[8];
    assert_int_equal(nvm->write(nvm->port, 0x8001, bytes, sizeof bytes), TW_ERR_IO);
    assert_in_range(chip.now_us - start_us, 10000, 11000);
    assert_int_equal(chip.operations, 1);
    assert_closed();
}

// ---- the log and an update on it

enum { BODY = 5000, LENGTH = TW_IMAGE_HEADER + BODY, OLD = 0x010000, NEW = 0x010001 };
enum { RECORDS = 0x4000 / TW_BOOT_RECORD, HEALTHY_US = 1000 };

static void append(struct tw_boot_log *log, enum tw_boot_kind kind, uint32_t number)
{
    uint8_t payload[TW_BOOT_PAYLOAD] = {0};
    tw_link_put(payload, number, 4);
    assert_int_equal(tw_boot_log_append(log, kind, payload), 0);
}

static void assert_newest(const struct tw_nvm *nvm, enum tw_boot_kind kind, uint32_t number)
{
    struct tw_boot_log log;
    tw_boot_log_open(&log, nvm);
    const uint8_t *payload = tw_boot_log_read(&log, kind);
    assert_non_null(payload);
    assert_int_equal(tw_link_get(payload, 4), number);
}

// Over both pages and back, with an error now and then.
static void the_log_lives_on_it(void **state)
{
    (void)state;
    const struct tw_nvm *nvm = start();
    memset(flash_at(0xc000), 0, 0x4000); // of what was there before
    struct tw_boot_log log;
    tw_boot_log_open(&log, nvm);
    assert_int_equal(nvm->erase(nvm->port, nvm->page_at[1], nvm->page_bytes), 0);
    tw_boot_log_open(&log, nvm);
    chip.us_a_look = 20;
    append(&log, TW_BOOT_SETTINGS, 1000);
    for (uint32_t number = 1; number <= 2 * RECORDS; number++) {
        if (number % 100 == 0) {
            chip.fails_at = chip.operations + number / 100;
            chip.fails_with = errors[number / 100 % 5];
        }
        append(&log, TW_BOOT_COUNT, number);
    }
    assert_newest(nvm, TW_BOOT_COUNT, 2 * RECORDS);
    assert_newest(nvm, TW_BOOT_SETTINGS, 1000);
    assert_int_equal(log.page, 0);
    assert_true(all_are(0, 0x8000, 0xff));
    assert_true(all_are(0x10000, F405_FLASH_BYTES, 0xff));
    assert_closed();
}

// As good as SHA-256 where nobody means harm.
static void hash(const uint8_t *bytes, size_t len, uint8_t digest[TW_IMAGE_HASH])
{
    for (uint32_t i = 0; i < TW_IMAGE_HASH / 4; i++) {
        tw_link_put(digest + 4 * i, tw_link_crc32(i, bytes, len), 4);
    }
}

static void make_image(uint8_t *out, uint32_t version, uint32_t slot)
{
    memset(out, 0, LENGTH);
    memcpy(out, TW_IMAGE_MAGIC, 8);
    tw_link_put(out + 8, TW_LINK_BOARD_STM32F405, 4);
    tw_link_put(out + 12, version, 4);
    tw_link_put(out + 16, slot, 4);
    tw_link_put(out + 20, LENGTH, 4);
    for (size_t i = 0; i < BODY; i++) {
        out[TW_IMAGE_HEADER + i] = (uint8_t)(i * 7 + version);
    }
    hash(out + TW_IMAGE_HEADER, BODY, out + 24);
}

static void begin_updater(struct tw_updater *updater, struct tw_boot_log *log, uint8_t running)
{
    const struct tw_nvm *nvm = tw_board_nvm();
    tw_boot_log_open(log, nvm);
    tw_updater_init(updater, &(struct tw_updater_port){nvm, log, hash, tw_board_id, running, HEALTHY_US});
}

static struct tw_link_update send_frame(struct tw_updater *updater, uint8_t type, const uint8_t *payload,
                                        size_t len)
{
    return tw_updater_take(updater, &(struct tw_link_frame){.type = type, .payload = payload, .len = len}, 0);
}

static struct tw_link_update send_image(struct tw_updater *updater, const uint8_t *image)
{
    enum { PART = 333 };
    uint8_t payload[TW_LINK_UPDATE_DATA_HEAD_BYTES + PART];
    tw_link_put(payload, LENGTH, 4);
    tw_link_put(payload + 4, NEW, 4);
    tw_link_put(payload + 8, TW_LINK_BOARD_STM32F405, 4);
    struct tw_link_update answer =
        send_frame(updater, TW_LINK_UPDATE_BEGIN, payload, TW_LINK_UPDATE_BEGIN_BYTES);
    while (answer.state == TW_UPDATE_RECEIVING && answer.offset < LENGTH) {
        uint32_t part = LENGTH - answer.offset < PART ? LENGTH - answer.offset : PART;
        tw_link_put(payload, answer.offset, 4);
        memcpy(payload + TW_LINK_UPDATE_DATA_HEAD_BYTES, image + answer.offset, part);
        answer = send_frame(updater, TW_LINK_UPDATE_DATA, payload, TW_LINK_UPDATE_DATA_HEAD_BYTES + part);
    }
    return send_frame(updater, TW_LINK_UPDATE_END, NULL, 0);
}

static enum tw_image_fault all_good(void *context, uint8_t slot, uint32_t floor)
{
    (void)context;
    (void)slot;
    (void)floor;
    return TW_IMAGE_GOOD;
}

static void an_update_goes_on_trial_and_is_confirmed(void **state)
{
    (void)state;
    const struct tw_nvm *nvm = start();
    static uint8_t image[LENGTH];
    struct tw_boot_log log;
    struct tw_updater updater;
    make_image(flash_at(nvm->slot_at[0]), OLD, TW_IMAGE_SLOT_A);
    memset(flash_at(nvm->slot_at[1]), 0, nvm->slot_bytes); // the image before
    make_image(image, NEW, TW_IMAGE_SLOT_B);
    chip.us_a_look = 20;
    begin_updater(&updater, &log, TW_IMAGE_SLOT_A);
    assert_int_equal(send_image(&updater, image).state, TW_UPDATE_CHECKED);
    assert_memory_equal(nvm->bytes + nvm->slot_at[1], image, LENGTH);
    tw_boot_log_open(&log, nvm);
    assert_int_equal(tw_boot_choose(&log, all_good, NULL), TW_IMAGE_SLOT_B);
    begin_updater(&updater, &log, TW_IMAGE_SLOT_B);
    tw_updater_tick(&updater, true, HEALTHY_US);
    struct tw_boot_state boot;
    tw_boot_log_open(&log, nvm);
    tw_boot_state_read(&log, &boot);
    assert_int_equal(boot.confirmed, TW_IMAGE_SLOT_B);
    assert_int_equal(boot.trial, TW_IMAGE_SLOT_NONE);
    assert_int_equal(boot.floor, NEW);
    assert_closed();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sector_is_erased_by_the_manual),
        cmocka_unit_test(the_areas_are_the_manuals_sectors),
        cmocka_unit_test(work_goes_on_while_the_flash_is_busy),
        cmocka_unit_test(odd_ends_are_written_by_bytes_and_the_rest_by_words),
        cmocka_unit_test(any_place_and_length_is_written_and_nothing_else),
        cmocka_unit_test(what_was_not_erased_is_an_error),
        cmocka_unit_test(a_cell_that_sticks_is_an_error),
        cmocka_unit_test(other_places_are_never_touched),
        cmocka_unit_test(an_error_of_an_erase_is_told_and_forgotten),
        cmocka_unit_test(an_error_ends_a_write_at_once),
        cmocka_unit_test(an_old_error_is_not_ours),
        cmocka_unit_test(a_flash_that_is_busy_for_ever_is_given_up),
        cmocka_unit_test(the_log_lives_on_it),
        cmocka_unit_test(an_update_goes_on_trial_and_is_confirmed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
