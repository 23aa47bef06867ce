// SPDX-License-Identifier: Apache-2.0
//
// What the agent wants of the board, over the link: INFO, CONFIG, UPDATE_. And the payloads themselves, byte
// by byte.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/core/tap.h"
#include "tests/fakes/tap_world.h"

// ---- payloads

// Written down by hand, so that the other end can be written from the header alone.
static void wire_bytes_are_fixed(void **state)
{
    (void)state;
    const struct tw_link_info info = {
        .firmware = 0x00010203,
        .board = TW_LINK_BOARD_MPS2_AN386,
        .slot = 1,
        .state = TW_LINK_REVERTED,
        .uptime_us = 0x1122334455667788,
        .lost_bytes = 1,
        .lost_scans = 2,
        .overruns = 3,
        .bad_frames = 0x8000000000000004,
        .lines = {.till = {9600, 8, TW_LINK_PARITY_NONE, 1, TW_LINK_FLOW_XONXOFF},
                  .printer = {921600, 7, TW_LINK_PARITY_ODD, 2, TW_LINK_FLOW_RTSCTS}},
        .serial = "SERIAL-12345",
    };
    const uint8_t wire[TW_LINK_INFO_BYTES] = {
        3,    2,    1,    0,    2,    0,    0,    0,    1,   2,                         // firmware to state
        0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,                                 // uptime
        1,    0,    0,    0,    0,    0,    0,    0,    2,   0,   0,   0,   0, 0, 0, 0, // lost
        3,    0,    0,    0,    0,    0,    0,    0,    4,   0,   0,   0,   0, 0, 0, 0x80, // overruns, bad
        0x80, 0x25, 0,    0,    8,    0,    1,    2,                                       // till
        0,    0x10, 0x0e, 0,    7,    2,    2,    1,                                       // printer
        0,    0,    0,    0,    0,    0,    0,    0,                                       // scanner
        'S',  'E',  'R',  'I',  'A',  'L',  '-',  '1',  '2', '3', '4', '5',
    };
    uint8_t out[TW_LINK_INFO_BYTES];
    tw_link_put_info(out, &info);
    assert_memory_equal(out, wire, sizeof wire);
    struct tw_link_info back;
    memset(&back, 0, sizeof back);
    tw_link_get_info(out, &back);
    assert_memory_equal(&back, &info, sizeof info);

    uint8_t state_out[TW_LINK_UPDATE_STATE_BYTES];
    const uint8_t state_wire[TW_LINK_UPDATE_STATE_BYTES] = {3, 17, 0x78, 0x56, 0x34, 0x12};
    tw_link_put_update(state_out, &(struct tw_link_update){TW_UPDATE_FAILED, TW_UPDATE_OTHER, 0x12345678});
    assert_memory_equal(state_out, state_wire, sizeof state_wire);
    struct tw_link_update update;
    tw_link_get_update(state_out, &update);
    assert_int_equal(update.state, TW_UPDATE_FAILED);
    assert_int_equal(update.reason, TW_UPDATE_OTHER);
    assert_int_equal(update.offset, 0x12345678);
}

// ---- a board that notes what it is told

struct board {
    struct tap_world *world;
    struct tw_link_settings lines;
    bool refuses;
    uint8_t types[8];
    size_t lens[8];
    unsigned updates;
    size_t prints; // while it works, as a board does that waits for its flash
};

static void info(void *port, struct tw_link_info *out)
{
    const struct board *board = port;
    out->board = TW_LINK_BOARD_STM32F405;
    out->lines = board->lines;
}

static bool configure(void *port, const struct tw_link_settings *settings)
{
    struct board *board = port;
    if (!board->refuses) {
        board->lines = *settings;
    }
    tap_world_print(board->world, board->prints);
    return !board->refuses;
}

static struct tw_link_update update(void *port, const struct tw_link_frame *frame, uint64_t now_us)
{
    struct board *board = port;
    assert_int_equal(now_us, board->world->now_us);
    board->types[board->updates] = frame->type;
    board->lens[board->updates] = frame->len;
    board->updates++;
    tap_world_print(board->world, board->prints);
    if (frame->len > 4) { // the payload is still there afterwards
        assert_int_equal(frame->payload[frame->len - 1], 0x5a);
    }
    return (struct tw_link_update){TW_UPDATE_RECEIVING, 0, board->updates};
}

static struct tap_world *new_world(struct board *board)
{
    struct tap_world *world = tap_world_new_world(1, 64);
    *board = (struct board){.world = world};
    const struct tw_tap_board functions = {info, configure, update, board, &world->scans};
    tw_tap_set_board(&world->tap, &functions);
    assert_false(world->tap.met);
    tap_world_settle(world);
    assert_true(world->tap.met);
    return world;
}

// Frames from the tap, one letter each.
struct said {
    char letters[32];
    struct tw_link_info info;
    struct tw_link_update update;
};

static void listen(struct tap_world *world, struct said *said)
{
    static struct tw_link_decoder decoder;
    uint8_t bytes[8192];
    size_t len = tw_tap_transmit(&world->tap, bytes, sizeof bytes);
    size_t count = 0;
    decoder.len = 0;
    for (size_t i = 0; i < len; i++) {
        struct tw_link_frame frame;
        if (tw_link_decode(&decoder, bytes[i], &frame) > 0) {
            assert_in_range(frame.type, 1, 9);
            said->letters[count++] = "?HDMLsScIU"[frame.type];
            if (frame.type == TW_LINK_INFO) {
                tw_link_get_info(frame.payload, &said->info);
            } else if (frame.type == TW_LINK_UPDATE_STATE) {
                tw_link_get_update(frame.payload, &said->update);
            }
        }
    }
    said->letters[count] = '\0';
}

static void send_settings(struct tap_world *world, uint32_t baud)
{
    const struct tw_link_settings settings = {.till = {baud, 8, 0, 1, 0}};
    uint8_t payload[TW_LINK_CONFIG_BYTES];
    tw_link_put_settings(payload, &settings);
    tap_world_agent_send(world, TW_LINK_CONFIG, payload, sizeof payload);
}

static void info_comes_after_a_start_and_every_ten_seconds(void **state)
{
    (void)state;
    struct board board;
    struct said said;
    struct tap_world *world = new_world(&board);
    assert_int_equal(world->agent.infos, 1);
    assert_int_equal(world->agent.info.board, TW_LINK_BOARD_STM32F405);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(tw_tap_deadline_us(&world->tap), world->now_us + TW_TAP_INFO_US);
        tap_world_pass_time(world, TW_TAP_INFO_US - 1);
        listen(world, &said);
        assert_string_equal(said.letters, "");
        tap_world_pass_time(world, 1);
        listen(world, &said);
        assert_string_equal(said.letters, "I");
        assert_int_equal(said.info.uptime_us, world->now_us);
    }
    tap_world_free_world(world);
}

static void info_has_the_counts(void **state)
{
    (void)state;
    struct board board;
    struct tap_world *world = new_world(&board);
    tap_world_print(world, TAP_WORLD_RING_BYTES + 7);
    for (int i = 0; i < TAP_WORLD_SLOTS + 2; i++) {
        tap_world_scan(world);
    }
    tap_world_agent_send(world, 99, NULL, 0);
    tap_world_settle(world);
    assert_int_equal(world->agent.info.lost_bytes, 7);
    assert_int_equal(world->agent.info.lost_scans, 2);
    assert_int_equal(world->agent.info.bad_frames, 1);
    tap_world_free_world(world);
}

static void config_is_answered_by_what_counts(void **state)
{
    (void)state;
    struct board board;
    struct said said;
    struct tap_world *world = new_world(&board);
    send_settings(world, 19200);
    listen(world, &said);
    assert_string_equal(said.letters, "I");
    assert_int_equal(said.info.lines.till.baud, 19200);
    board.refuses = true;
    send_settings(world, 38400);
    listen(world, &said);
    assert_string_equal(said.letters, "I");
    assert_int_equal(said.info.lines.till.baud, 19200);
    assert_int_equal(said.info.bad_frames, 1);
    assert_int_equal(world->tap.state, TW_TAP_STREAMING);
    tap_world_free_world(world);
}

static void update_frames_reach_the_board_and_are_answered(void **state)
{
    (void)state;
    struct board board;
    struct said said;
    struct tap_world *world = new_world(&board);
    uint8_t payload[TW_LINK_UPDATE_DATA_HEAD_BYTES + TW_LINK_MAX_DATA + 1];
    memset(payload, 0x5a, sizeof payload);
    const struct {
        uint8_t type;
        size_t len;
    } frames[] = {{TW_LINK_UPDATE_BEGIN, TW_LINK_UPDATE_BEGIN_BYTES},
                  {TW_LINK_UPDATE_DATA, TW_LINK_UPDATE_DATA_HEAD_BYTES + 1},
                  {TW_LINK_UPDATE_DATA, TW_LINK_UPDATE_DATA_HEAD_BYTES + TW_LINK_MAX_DATA},
                  {TW_LINK_UPDATE_END, 0}};
    for (unsigned i = 0; i < 4; i++) {
        tap_world_agent_send(world, frames[i].type, payload, frames[i].len);
        listen(world, &said);
        assert_string_equal(said.letters, "U");
        assert_int_equal(said.update.offset, i + 1);
        assert_int_equal(board.types[i], frames[i].type);
        assert_int_equal(board.lens[i], frames[i].len);
    }
    tap_world_free_world(world);
}

// Frames of a wrong length are damage, and nothing of them reaches the board.
static void wrong_lengths_are_damage(void **state)
{
    (void)state;
    const struct {
        uint8_t type;
        size_t len;
    } frames[] = {{TW_LINK_SCAN_ACK, 7},
                  {TW_LINK_CONFIG, TW_LINK_CONFIG_BYTES - 1},
                  {TW_LINK_CONFIG, TW_LINK_CONFIG_BYTES + 1},
                  {TW_LINK_UPDATE_BEGIN, TW_LINK_UPDATE_BEGIN_BYTES - 1},
                  {TW_LINK_UPDATE_DATA, TW_LINK_UPDATE_DATA_HEAD_BYTES},
                  {TW_LINK_UPDATE_DATA, TW_LINK_UPDATE_DATA_HEAD_BYTES + TW_LINK_MAX_DATA + 1},
                  {TW_LINK_UPDATE_END, 1}};
    struct board board;
    struct tap_world *world = new_world(&board);
    uint8_t payload[TW_LINK_MAX_PAYLOAD] = {0};
    for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
        assert_int_equal(world->tap.state, TW_TAP_STREAMING);
        tap_world_agent_send(world, frames[i].type, payload, frames[i].len);
        assert_int_equal(world->tap.state, TW_TAP_GREETING);
        assert_int_equal(world->tap.bad_frames, i + 1);
        tap_world_agent_send(world, TW_LINK_UPDATE_END, NULL, 0); // before the next START nothing is done
        tap_world_settle(world);
    }
    assert_int_equal(board.updates, 0);
    assert_int_equal(board.lines.till.baud, 0);
    tap_world_free_world(world);
}

// P5, P7: a board that waits for its flash goes on printing, from within what the agent asked for; however
// much.
static void p7_printing_goes_on_while_the_board_is_at_work(void **state)
{
    (void)state;
    struct board board;
    struct said said;
    struct tap_world *world = new_world(&board);
    uint8_t payload[TW_LINK_UPDATE_DATA_HEAD_BYTES + TW_LINK_MAX_DATA];
    memset(payload, 0x5a, sizeof payload);
    const size_t prints[] = {1, 1000, TAP_WORLD_RING_BYTES, 3 * TAP_WORLD_RING_BYTES};
    for (size_t i = 0; i < sizeof prints / sizeof prints[0]; i++) {
        board.prints = prints[i];
        tap_world_print(world, 77);
        board.updates = 0;
        tap_world_agent_send(world, TW_LINK_UPDATE_DATA, payload, sizeof payload);
        send_settings(world, 9600);
        assert_int_equal(board.updates, 1);
        listen(world, &said);
        assert_memory_equal(said.letters, "IU", 2);
        tap_world_settle(world);
        assert_int_equal(world->tap.lost_bytes, world->lost);
    }
    assert_true(world->lost > 0);
    tap_world_free_world(world);
}

// Without a board, as the agent's own tests use it: nothing of all that.
static void a_tap_without_a_board_has_nothing_to_say(void **state)
{
    (void)state;
    struct tap_world *world = tap_world_new_world(1, 64);
    tw_tap_set_board(&world->tap, &(struct tw_tap_board){0});
    tap_world_print(world, 10);
    tap_world_settle(world);
    assert_int_equal(world->agent.infos, 0);
    assert_int_equal(world->tap.bad_frames, 0);
    tap_world_agent_send(world, TW_LINK_UPDATE_END, NULL, 0);
    assert_int_equal(world->tap.bad_frames, 1);
    assert_int_equal(world->tap.state, TW_TAP_GREETING);
    tap_world_settle(world);
    uint8_t payload[TW_LINK_SCAN_ACK_BYTES] = {1};
    tap_world_agent_send(world, TW_LINK_SCAN_ACK, payload, sizeof payload);
    assert_int_equal(world->tap.bad_frames, 2);
    assert_int_equal(world->tap.state, TW_TAP_STREAMING);
    tap_world_free_world(world);
}

// A restart forgets what is held: it waits for both.
static void silent_and_safe_are_told(void **state)
{
    (void)state;
    struct board board;
    struct tap_world *world = new_world(&board);
    assert_true(tw_tap_is_silent(&world->tap, world->now_us) && tw_tap_is_safe(&world->tap));
    tap_world_print(world, 10);
    assert_false(tw_tap_is_silent(&world->tap, world->now_us + TW_TAP_SILENT_US - 1));
    assert_true(tw_tap_is_silent(&world->tap, world->now_us + TW_TAP_SILENT_US));
    tap_world_settle(world);
    assert_false(tw_tap_is_safe(&world->tap));
    while (world->agent.committed < world->next) {
        tap_world_agent_commit(world);
    }
    assert_true(tw_tap_is_safe(&world->tap));
    tw_tap_skip(&world->tap, 1); // given up is not safe
    assert_false(tw_tap_is_safe(&world->tap));
    tap_world_free_world(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wire_bytes_are_fixed),
        cmocka_unit_test(info_comes_after_a_start_and_every_ten_seconds),
        cmocka_unit_test(info_has_the_counts),
        cmocka_unit_test(config_is_answered_by_what_counts),
        cmocka_unit_test(update_frames_reach_the_board_and_are_answered),
        cmocka_unit_test(wrong_lengths_are_damage),
        cmocka_unit_test(p7_printing_goes_on_while_the_board_is_at_work),
        cmocka_unit_test(a_tap_without_a_board_has_nothing_to_say),
        cmocka_unit_test(silent_and_safe_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
