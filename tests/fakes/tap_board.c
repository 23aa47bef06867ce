// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/tap_board.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

// ---- images

// Any hash will do: it is the same at both ends.
static void hash(const uint8_t *bytes, size_t len, uint8_t digest[TW_IMAGE_HASH])
{
    for (unsigned i = 0; i < TW_IMAGE_HASH; i += 4) {
        tw_link_put(digest + i, tw_link_crc32(i, bytes, len), 4);
    }
}

static void make_image(uint32_t kind, uint32_t version, uint8_t slot, uint8_t image[TAP_BOARD_IMAGE_BYTES])
{
    memset(image, 0, TW_IMAGE_HEADER);
    for (size_t i = TW_IMAGE_HEADER; i < TAP_BOARD_IMAGE_BYTES; i++) {
        image[i] = (uint8_t)(i * 7 + version + slot);
    }
    memcpy(image, TW_IMAGE_MAGIC, 8);
    tw_link_put(image + 8, kind, 4);
    tw_link_put(image + 12, version, 4);
    tw_link_put(image + 16, slot, 4);
    tw_link_put(image + 20, TAP_BOARD_IMAGE_BYTES, 4);
    hash(image + TW_IMAGE_HEADER, TAP_BOARD_IMAGE_BYTES - TW_IMAGE_HEADER, image + 24);
}

void tap_board_file(uint32_t kind, uint32_t version, struct tw_buf *out)
{
    static const uint8_t count[4] = {2};
    uint8_t length[4];
    uint8_t image[TAP_BOARD_IMAGE_BYTES];
    tw_buf_add(out, TW_IMAGE_FILE_MAGIC, 16);
    tw_buf_add(out, count, sizeof count);
    tw_link_put(length, sizeof image, 4);
    for (uint8_t slot = TW_IMAGE_SLOT_A; slot <= TW_IMAGE_SLOT_B; slot++) {
        make_image(kind, version, slot, image);
        tw_buf_add(out, length, sizeof length);
        tw_buf_add(out, image, sizeof image);
    }
    assert_int_equal(tw_buf_status(out), 0);
}

// ---- the memory

static int erase(void *port, uint32_t at, uint32_t len)
{
    struct tap_board *board = port;
    memset(board->bytes + at, 0xff, len);
    return 0;
}

static int write_bytes(void *port, uint32_t at, const uint8_t *bytes, size_t len)
{
    struct tap_board *board = port;
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(board->bytes[at + i], 0xff);
        board->bytes[at + i] = bytes[i];
    }
    return 0;
}

// ---- what the tap asks of the board

static void tell_info(void *port, struct tw_link_info *info)
{
    struct tap_board *board = port;
    tw_updater_info(&board->updater, info);
    info->lines = board->settings.now;
    if (board->finding) {
        info->lines.till.baud = 19200;
        info->lines.printer = (struct tw_link_line){0};
    }
    memset(info->serial, 0xab, sizeof info->serial);
}

static bool configure(void *port, const struct tw_link_settings *settings)
{
    struct tap_board *board = port;
    board->configured++;
    return tw_settings_take(&board->settings, settings) == 0;
}

static bool apply(void *port, const struct tw_link_settings *settings)
{
    (void)port;
    (void)settings;
    return true;
}

static struct tw_link_update update(void *port, const struct tw_link_frame *frame, uint64_t now_us)
{
    struct tap_board *board = port;
    return tw_updater_take(&board->updater, frame, now_us);
}

// ---- life

static enum tw_image_fault check(void *context, uint8_t slot, uint32_t floor)
{
    struct tap_board *board = context;
    const struct tw_image_place place = {TW_LINK_BOARD_MPS2_AN386, slot, TAP_BOARD_SLOT_BYTES, floor};
    struct tw_image image;
    return tw_image_check_header(board->bytes + board->nvm.slot_at[slot - TW_IMAGE_SLOT_A], &place, &image);
}

void tap_board_restart(struct tap_board *board, uint64_t now_us)
{
    tw_boot_log_open(&board->log, &board->nvm);
    board->running = tw_boot_choose(&board->log, check, board);
    assert_true(board->running != TW_IMAGE_SLOT_NONE);
    const struct tw_updater_port port = {.nvm = &board->nvm,
                                         .log = &board->log,
                                         .hash = hash,
                                         .board = TW_LINK_BOARD_MPS2_AN386,
                                         .running = board->running,
                                         .healthy_us = board->healthy_us};
    tw_updater_init(&board->updater, &port);
    const struct tw_link_line line = {.baud = 9600, .bits = 8, .stop = 1};
    const struct tw_link_settings factory = {line, line, line};
    tw_settings_open(&board->settings, &board->log, &(struct tw_settings_port){apply, board}, &factory);
    board->boot_us = now_us;
    lane_boot_tap(board->far, ++board->boots);
    if (board->far->line >= 0) {
        tw_tap_attach(&board->far->tap, now_us);
    }
}

struct tap_board *tap_board_new(struct far_end *far)
{
    struct tap_board *board = calloc(1, sizeof *board);
    assert_non_null(board);
    board->far = far;
    board->healthy_us = TW_UPDATER_HEALTHY_US;
    memset(board->bytes, 0xff, sizeof board->bytes);
    board->nvm = (struct tw_nvm){
        .bytes = board->bytes,
        .page_at = {0, TAP_BOARD_PAGE_BYTES},
        .page_bytes = TAP_BOARD_PAGE_BYTES,
        .slot_at = {2 * TAP_BOARD_PAGE_BYTES, 2 * TAP_BOARD_PAGE_BYTES + TAP_BOARD_SLOT_BYTES},
        .slot_bytes = TAP_BOARD_SLOT_BYTES,
        .erase = erase,
        .write = write_bytes,
        .port = board};
    make_image(TW_LINK_BOARD_MPS2_AN386, 0x10000, TW_IMAGE_SLOT_A, board->bytes + board->nvm.slot_at[0]);
    struct tw_boot_state state = {0};
    tw_boot_log_open(&board->log, &board->nvm);
    tw_boot_confirm(&state, TW_IMAGE_SLOT_A, 0x10000);
    assert_int_equal(tw_boot_state_write(&board->log, &state), 0);
    far->board = (struct tw_tap_board){tell_info, configure, update, board, NULL};
    tap_board_restart(board, 0);
    return board;
}

void tap_board_free(struct tap_board *board)
{
    free(board);
}

void tap_board_turn(struct tap_board *board, uint64_t now_us)
{
    struct tw_link_info info = {0};
    const struct tw_tap *tap = &board->far->tap;
    tw_updater_info(&board->updater, &info);
    while (info.firmware == board->hangs) {
        tap_board_restart(board, now_us);
        tw_updater_info(&board->updater, &info);
    }
    tw_updater_tick(&board->updater, tap->met != 0, now_us - board->boot_us);
    if (tw_updater_wants_restart(&board->updater, tw_tap_is_silent(tap, now_us), tw_tap_is_safe(tap),
                                 now_us)) {
        tap_board_restart(board, now_us);
    }
}

void tap_board_run(struct tap_board *board, struct lane *lane, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        tap_board_turn(board, (uint64_t)lane->now_ms * 1000);
        lane_run(lane, board->far, 0); // one second
    }
}
