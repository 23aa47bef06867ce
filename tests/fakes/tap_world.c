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
    return world;
}

void tap_world_free_world(struct tap_world *world)
{
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
    world->marks[world->mark_count++] = (struct tap_world_mark){world->next, world->tap.mark_time_us, what};
    // A table too small for the marks gives up bytes too; how many is the tap's business, the
    // count must agree.
    model_give_up(world, world->tap.first);
    assert_int_equal(world->tap.lost_bytes, world->lost);
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
    for (int i = 0; i < 100000 && world->agent.at < world->next; i++) {
        if (!tap_world_carry(world)) {
            tap_world_pass_time(world, 200000);
        }
        if (world->agent.streaming && world->agent.credit == 0) {
            tap_world_agent_credit(world, 4000);
        }
    }
    while (tap_world_carry(world)) {
    }
    assert_int_equal(world->agent.at, world->next);
}
