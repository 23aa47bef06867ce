// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/tap_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const uint8_t tap_world_boot[16] = "boot of the test";

uint32_t tap_world_pick(struct tap_world *world, uint32_t below)
{
    world->random ^= world->random << 13;
    world->random ^= world->random >> 17;
    world->random ^= world->random << 5;
    return (world->random >> 3) % below;
}

// ---- the board, which does nothing

static void board_info(void *port, struct tw_link_info *info)
{
    (void)port;
    info->firmware = 0x010203;
}

static bool board_configure(void *port, const struct tw_link_settings *settings)
{
    (void)port;
    (void)settings;
    return false;
}

static struct tw_link_update board_update(void *port, const struct tw_link_frame *frame, uint64_t now_us)
{
    (void)port;
    (void)frame;
    (void)now_us;
    return (struct tw_link_update){.state = TW_UPDATE_IDLE};
}

struct tap_world *tap_world_new_world(uint32_t seed, size_t record_count)
{
    struct tap_world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    world->printed = calloc(1, TAP_WORLD_STREAM_BYTES);
    world->given_up = calloc(1, TAP_WORLD_STREAM_BYTES);
    assert_true(world->printed != NULL && world->given_up != NULL);
    world->record_count = record_count;
    world->random = seed | 1u;
    world->now_us = 1000;
    struct tw_tap_memory memory = {world->ring, sizeof world->ring, world->records, record_count};
    tw_tap_init(&world->tap, &memory, tap_world_boot);
    tw_scans_init(&world->scans, world->slots, TAP_WORLD_SLOTS);
    const struct tw_tap_board board = {
        board_info, board_configure, board_update, world, &world->scans,
    };
    tw_tap_set_board(&world->tap, &board);
    world->scan_next = world->scan_first = world->agent.scan_next = 1;
    return world;
}

void tap_world_free_world(struct tap_world *world)
{
    for (size_t i = world->record_count; i < sizeof world->records / sizeof world->records[0]; i++) {
        assert_int_equal(world->records[i].time_us, 0); // it kept to its table
    }
    free(world->printed);
    free(world->given_up);
    free(world);
}

// ---- what the model does with the stream

static void model_give_up(struct tap_world *world, uint64_t to)
{
    for (; world->held_from < to; world->held_from++) {
        world->given_up[world->held_from] = 1;
        world->lost++;
    }
}

void tap_world_print(struct tap_world *world, size_t len)
{
    if (world->next + len > TAP_WORLD_STREAM_BYTES) {
        return;
    }
    for (size_t i = 0; i < len; i++) {
        world->printed[world->next + i] = (uint8_t)(1 + tap_world_pick(world, 255));
    }
    tw_tap_print(&world->tap, world->printed + world->next, len, world->now_us);
    world->next += len;
    if (world->next > TAP_WORLD_RING_BYTES) {
        model_give_up(world, world->next - TAP_WORLD_RING_BYTES);
    }
    assert_int_equal(world->tap.next, world->next);
    assert_int_equal(world->tap.first, world->held_from);
    assert_int_equal(world->tap.lost_bytes, world->lost);
}

void tap_world_mark(struct tap_world *world, uint8_t what)
{
    if (world->mark_count == TAP_WORLD_MARKS) {
        return;
    }
    tw_tap_mark(&world->tap, what, world->now_us);
    world->marks[world->mark_count++] = (struct tap_world_mark){world->next, world->tap.moment_us, what};
    // A table too small for the marks gives up bytes too; how many is the tap's business, the
    // count must agree.
    model_give_up(world, world->tap.first);
    assert_int_equal(world->tap.lost_bytes, world->lost);
}

void tap_world_scan(struct tap_world *world)
{
    if (world->scan_next == TAP_WORLD_SCANS) {
        return;
    }
    struct tap_world_scan *scan = &world->read[world->scan_next++];
    scan->at = world->next;
    scan->len = (uint8_t)(1 + tap_world_pick(world, sizeof scan->code));
    for (size_t i = 0; i < scan->len; i++) {
        scan->code[i] = (uint8_t)('0' + tap_world_pick(world, 10));
        tw_scans_put(&world->scans, &world->tap, scan->code[i], world->now_us);
    }
    tw_scans_put(&world->scans, &world->tap, '\r', world->now_us);
    if (world->scan_next - world->scan_first > TAP_WORLD_SLOTS) {
        world->read[world->scan_first++].given_up = true;
        world->scans_lost++;
    }
    assert_int_equal(world->scans.next, world->scan_next);
    assert_int_equal(world->scans.first, world->scan_first);
    assert_int_equal(world->scans.lost, world->scans_lost);
}

// ---- what the agent does

void tap_world_agent_send(struct tap_world *world, uint8_t type, const uint8_t *payload, size_t len)
{
    uint8_t frame[TW_LINK_MAX_FRAME];
    size_t size = tw_link_encode(type, world->agent.sequence++, payload, len, frame);
    if (world->damage != 0 && tap_world_pick(world, world->damage) == 0) {
        frame[tap_world_pick(world, (uint32_t)size - 1)] ^= 0x10;
    }
    size_t half = tap_world_pick(world, (uint32_t)size);
    tw_tap_receive(&world->tap, frame, half);
    tw_tap_receive(&world->tap, frame + half, size - half);
}

void tap_world_agent_credit(struct tap_world *world, uint32_t bytes)
{
    uint8_t payload[4];
    tw_link_put(payload, bytes, 4);
    world->agent.credit += bytes;
    tap_world_agent_send(world, TW_LINK_CREDIT, payload, sizeof payload);
}

static void agent_start(struct tap_world *world, uint64_t offset)
{
    uint8_t payload[24];
    memcpy(payload, tap_world_boot, 16);
    tw_link_put(payload + 16, offset, 8);
    world->agent.start_sequence = world->agent.sequence;
    world->agent.streaming = false;
    world->agent.asked = true;
    world->agent.ask_again_us = world->now_us + 1000000;
    world->agent.at = offset;
    world->agent.credit = 0;
    tap_world_agent_send(world, TW_LINK_START, payload, sizeof payload);
    tap_world_agent_credit(world, 1 + tap_world_pick(world, 3000));
}

void tap_world_agent_commit(struct tap_world *world)
{
    struct tap_world_agent *agent = &world->agent;
    if (!agent->streaming || agent->at == agent->committed) {
        return;
    }
    agent->committed += 1 + tap_world_pick(world, (uint32_t)(agent->at - agent->committed));
    uint8_t payload[8];
    tw_link_put(payload, agent->committed, 8);
    tap_world_agent_send(world, TW_LINK_ACK, payload, sizeof payload);
    // The model follows the tap, which may not have understood; never further than was told.
    assert_true(world->tap.acked <= agent->committed);
    if (world->tap.acked > world->held_from) {
        world->held_from = world->tap.acked;
    }
}

void tap_world_agent_commit_scans(struct tap_world *world)
{
    struct tap_world_agent *agent = &world->agent;
    if (!agent->streaming || agent->scan_committed + 1 == agent->scan_next) {
        return;
    }
    uint64_t more = agent->scan_next - 1 - agent->scan_committed;
    agent->scan_committed += 1 + tap_world_pick(world, (uint32_t)more);
    uint8_t payload[TW_LINK_SCAN_ACK_BYTES];
    tw_link_put(payload, agent->scan_committed, 8);
    tap_world_agent_send(world, TW_LINK_SCAN_ACK, payload, sizeof payload);
    assert_true(world->scans.acked <= agent->scan_committed);
    if (world->scans.acked + 1 > world->scan_first) {
        world->scan_first = world->scans.acked + 1;
    }
}

// Where a scan may come: when all before it was sent, which is at once after a START from behind it, or a
// hole.
static void in_its_place(const struct tap_world_agent *agent, uint64_t at)
{
    bool in_hole = at > agent->lost_from && at < agent->lost_to && agent->at == agent->lost_to;
    bool before_start = at < agent->started_at && agent->at == agent->started_at;
    assert_true(agent->at == at || in_hole || before_start);
}

static void agent_scan(struct tap_world *world, const struct tw_link_frame *frame)
{
    struct tap_world_agent *agent = &world->agent;
    uint64_t number = tw_link_get(frame->payload, 8);
    assert_true(number > 0 && number <= agent->scan_next); // an acknowledgement may have been lost
    const struct tap_world_scan *scan = &world->read[number];
    assert_int_equal(tw_link_get(frame->payload + 8, 8), scan->at);
    assert_int_equal(frame->len, TW_LINK_SCAN_HEAD_BYTES + scan->len);
    assert_memory_equal(frame->payload + TW_LINK_SCAN_HEAD_BYTES, scan->code, scan->len);
    in_its_place(agent, scan->at);
    agent->scan_next = number + 1 > agent->scan_next ? number + 1 : agent->scan_next;
}

static void agent_scan_lost(struct tap_world *world, const struct tw_link_frame *frame)
{
    struct tap_world_agent *agent = &world->agent;
    uint64_t from = tw_link_get(frame->payload, 8);
    uint64_t to = tw_link_get(frame->payload + 8, 8);
    assert_int_equal(frame->len, TW_LINK_SCAN_LOST_BYTES);
    assert_true(from > 0 && from < to && from <= agent->scan_next);
    for (uint64_t number = from; number < to; number++) {
        assert_true(world->read[number].given_up);
        agent->scans_lost += number >= agent->scan_next;
    }
    agent->scan_next = to > agent->scan_next ? to : agent->scan_next;
}

static void agent_info(struct tap_world *world, const struct tw_link_frame *frame)
{
    assert_int_equal(frame->len, TW_LINK_INFO_BYTES);
    tw_link_get_info(frame->payload, &world->agent.info);
    world->agent.infos++;
}

static void agent_data(struct tap_world *world, const struct tw_link_frame *frame)
{
    struct tap_world_agent *agent = &world->agent;
    size_t len = frame->len - 16;
    assert_int_equal(tw_link_get(frame->payload, 8), agent->at);
    assert_true(len > 0 && len <= agent->credit);
    assert_memory_equal(frame->payload + 16, world->printed + agent->at, len);
    agent->credit -= len;
    agent->at += len;
}

static void agent_lost(struct tap_world *world, const struct tw_link_frame *frame)
{
    uint64_t to = tw_link_get(frame->payload + 8, 8);
    assert_int_equal(tw_link_get(frame->payload, 8), world->agent.at);
    assert_true(to > world->agent.at);
    world->agent.lost_from = world->agent.at;
    world->agent.lost_to = to;
    for (; world->agent.at < to; world->agent.at++) {
        assert_int_equal(world->given_up[world->agent.at], 1);
        world->agent.lost++;
    }
}

static void agent_mark(struct tap_world *world, const struct tw_link_frame *frame)
{
    struct tap_world_agent *agent = &world->agent;
    uint64_t time_us = tw_link_get(frame->payload + 8, 8);
    assert_int_equal(tw_link_get(frame->payload, 8), agent->at);
    if (time_us > agent->mark_time_us && agent->mark_count < TAP_WORLD_MARKS) {
        agent->mark_time_us = time_us;
        agent->marks[agent->mark_count++] = (struct tap_world_mark){agent->at, time_us, frame->payload[16]};
    }
}

static void agent_stream(struct tap_world *world, const struct tw_link_frame *frame)
{
    switch (frame->type) {
    case TW_LINK_DATA:
        agent_data(world, frame);
        break;
    case TW_LINK_LOST:
        agent_lost(world, frame);
        break;
    case TW_LINK_MARK:
        agent_mark(world, frame);
        break;
    case TW_LINK_SCAN:
        agent_scan(world, frame);
        break;
    case TW_LINK_SCAN_LOST:
        agent_scan_lost(world, frame);
        break;
    case TW_LINK_INFO:
        agent_info(world, frame);
        break;
    default:
        fail_msg("frame %u in mid-stream", frame->type);
    }
}

static void agent_frame(struct tap_world *world, const struct tw_link_frame *frame)
{
    struct tap_world_agent *agent = &world->agent;
    bool in_order = frame->sequence == agent->tap_sequence;
    agent->tap_sequence = (uint8_t)(frame->sequence + 1);
    if (frame->type == TW_LINK_HELLO) {
        assert_memory_equal(frame->payload + 2, tap_world_boot, 16);
        agent_start(world, agent->streaming || agent->asked ? agent->at : agent->committed);
    } else if (frame->type == TW_LINK_STARTED) {
        if (frame->payload[8] == agent->start_sequence && agent->asked) {
            assert_true(tw_link_get(frame->payload, 8) >= agent->at || agent->at > world->next);
            agent->at = tw_link_get(frame->payload, 8);
            agent->started_at = agent->at;
            agent->streaming = true;
            agent->asked = false;
        }
    } else if (agent->streaming && !in_order) {
        agent_start(world, agent->at);
    } else if (agent->streaming) {
        agent_stream(world, frame);
    }
}

bool tap_world_carry(struct tap_world *world)
{
    uint8_t bytes[512];
    size_t len = tw_tap_transmit(&world->tap, bytes, 1 + tap_world_pick(world, sizeof bytes));
    if (len > 0 && world->damage != 0 && tap_world_pick(world, world->damage) == 0) {
        bytes[tap_world_pick(world, (uint32_t)len)] ^= 0x04;
    }
    for (size_t i = 0; i < len; i++) {
        struct tw_link_frame frame;
        int outcome = tw_link_decode(&world->agent.decoder, bytes[i], &frame);
        if (outcome > 0) {
            agent_frame(world, &frame);
        } else if (outcome < 0 && world->agent.streaming) {
            agent_start(world, world->agent.at);
        }
    }
    return len > 0;
}

void tap_world_restart_agent(struct tap_world *world)
{
    uint64_t committed = world->agent.committed;
    struct tap_world_agent *agent = &world->agent;
    agent->decoder.len = 0;
    agent->streaming = false;
    agent->asked = false;
    agent->at = committed;
    agent->scan_next = agent->scan_committed + 1;
    agent->sequence = (uint8_t)tap_world_pick(world, 256);
    tw_tap_detach(&world->tap);
    if (tap_world_pick(world, 4) != 0) {
        tw_tap_attach(&world->tap, world->now_us);
    }
}

// An agent whose START is not answered within a second asks again.
void tap_world_pass_time(struct tap_world *world, uint32_t us)
{
    world->now_us += us;
    tw_tap_tick(&world->tap, world->now_us);
    if (world->agent.asked && world->now_us >= world->agent.ask_again_us) {
        agent_start(world, world->agent.at);
    }
}

void tap_world_settle(struct tap_world *world)
{
    world->damage = 0;
    tap_world_restart_agent(world);
    tw_tap_attach(&world->tap, world->now_us);
    struct tap_world_agent *agent = &world->agent;
    for (int i = 0; i < 100000 && (agent->at < world->next || agent->scan_next < world->scan_next); i++) {
        if (!tap_world_carry(world)) {
            tap_world_pass_time(world, 200000);
        }
        if (agent->streaming && agent->credit == 0) {
            tap_world_agent_credit(world, 4000);
        }
    }
    while (tap_world_carry(world)) {
    }
    assert_int_equal(agent->at, world->next);
    assert_int_equal(agent->scan_next, world->scan_next);
}
