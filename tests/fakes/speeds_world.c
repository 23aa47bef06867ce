// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/speeds_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { PULSE_HZ = 84000000, MOST_TAKEN = 100000 };

static const char *const port_names[TW_PORTS] = {"till", "printer", "agent", "scanner"};
static const char *const flow_names[] = {"none", "rts", "xon", "dtr"};
static const char parity_names[] = "NEO";

// board.h knows no instances.
static struct speeds_world the_world;

// ---- the board

uint32_t tw_board_lock(void)
{
    return 0;
}

void tw_board_unlock(uint32_t state)
{
    (void)state;
}

void tw_board_kick(enum tw_port port)
{
    (void)port;
}

void tw_board_set_ready(enum tw_port port, bool ready)
{
    (void)port;
    (void)ready;
}

bool tw_board_is_ready(enum tw_port port)
{
    return !the_world.unready[port];
}

bool tw_board_knows_line(const struct tw_link_line *line)
{
    return line->bits != 7 || line->parity != TW_LINK_PARITY_NONE;
}

// Only a board without a wire takes baud 0 for a speed. A port that is opened cuts the wire.
bool tw_board_set_line(enum tw_port port, const struct tw_link_line *line)
{
    char text[64];
    bool opened = line->bits != 0;
    if (opened) {
        assert_true(tw_board_knows_line(line) && (line->baud != 0 || !the_world.has_wire));
        (void)snprintf(text, sizeof text, "%s %u %u%c%u %s; ", port_names[port], (unsigned)line->baud,
                       line->bits, parity_names[line->parity], line->stop, flow_names[line->flow]);
    } else {
        (void)snprintf(text, sizeof text, "%s -; ", port_names[port]);
    }
    speeds_world_write_down(&the_world, text);
    the_world.wire = the_world.wire && (!opened || port == TW_PORT_SCANNER);
    the_world.set[port] = *line;
    tw_lines_set_flow(port, (enum tw_link_flow)line->flow);
    return true;
}

bool tw_board_has_wire(void)
{
    return the_world.has_wire;
}

void tw_board_join_wire(void)
{
    static const struct tw_link_line closed;
    speeds_world_write_down(&the_world, "wire; ");
    the_world.wire = true;
    the_world.set[TW_PORT_TILL] = closed;
    the_world.set[TW_PORT_PRINTER] = closed;
}

uint32_t tw_board_pulse_hz(void)
{
    return PULSE_HZ;
}

bool tw_board_take_pulse(uint32_t *ticks, bool *quiet)
{
    struct speeds_world *world = &the_world;
    *quiet = world->now - world->edge > PULSE_HZ / 50;
    if (world->taken == world->put && !world->storm) {
        return false;
    }
    *ticks = world->widths[world->taken++ % SPEEDS_WORLD_WIDTHS];
    assert_true(world->taken < MOST_TAKEN); // whoever takes comes to an end
    return true;
}

// ---- the till

static void measure_edge(struct speeds_world *world)
{
    if (!world->wire) {
        return;
    }
    if (world->put - world->taken < SPEEDS_WORLD_WIDTHS) {
        world->widths[world->put++ % SPEEDS_WORLD_WIDTHS] = (uint32_t)(world->now - world->edge);
    }
    world->edge = world->now;
}

static void move_line(struct speeds_world *world, unsigned frame, unsigned bits)
{
    uint64_t start = world->now;
    unsigned level = 1;
    for (unsigned i = 0; i < bits; i++) {
        world->now = start + (uint64_t)i * PULSE_HZ / world->baud;
        if ((frame >> i & 1u) != level) {
            level = frame >> i & 1u;
            measure_edge(world);
        }
    }
    world->now = start + (uint64_t)bits * PULSE_HZ / world->baud;
}

// A frame that has no stop bit where the port looks for it is not a byte.
static void receive(const struct speeds_world *world, unsigned frame)
{
    const struct tw_link_line *line = &world->set[TW_PORT_TILL];
    unsigned stop_at = line->parity == TW_LINK_PARITY_NONE ? 9 : 10;
    if (world->wire || line->bits == 0) {
        return;
    }
    if (line->baud == world->baud && (frame >> stop_at & 1u) == 1) {
        tw_lines_received(TW_PORT_TILL, (uint8_t)(frame >> 1));
    } else {
        tw_lines_missed(TW_PORT_TILL);
    }
}

// From the start bit on; after the stop bit the line rests high.
void speeds_world_send(struct speeds_world *world)
{
    static const char receipt[] = "1 KAFFEE CREMA 3.90 A\n2 HALBE SEMMELN 1.58 B\nSUMME EUR 5.48\n";
    uint8_t byte = (uint8_t)receipt[world->sent++ % (sizeof receipt - 1)];
    unsigned frame = ~0u << 9 | (unsigned)byte << 1;
    if (world->even && __builtin_parity(byte) == 0) {
        frame &= ~(1u << 9);
    }
    move_line(world, frame, world->even ? 11 : 10);
    receive(world, frame);
}

// ---- the tap

struct speeds_world *speeds_world_start(void)
{
    memset(&the_world, 0, sizeof the_world);
    the_world.has_wire = true;
    the_world.now = PULSE_HZ;
    the_world.baud = 19200;
    the_world.lines = tw_lines_init();
    return &the_world;
}

static struct tw_link_line next_line(char **text)
{
    unsigned baud, bits, stop;
    char parity, flow[8];
    const char *word = strsep(text, ",");
    struct tw_link_line line = {.baud = 0};
    if (word[strspn(word, " -")] != '\0') {
        assert_int_equal(sscanf(word, "%u %1u%c%1u %7s", &baud, &bits, &parity, &stop, flow), 5);
        line = (struct tw_link_line){.baud = baud, .bits = (uint8_t)bits, .stop = (uint8_t)stop};
        while (parity_names[line.parity] != parity) {
            line.parity++;
        }
        while (strcmp(flow_names[line.flow], flow) != 0) {
            line.flow++;
        }
    }
    return line;
}

bool speeds_world_config(struct speeds_world *world, const char *lines)
{
    char text[80];
    char *left = text;
    struct tw_link_settings settings;
    assert_true(strlen(lines) < sizeof text);
    strcpy(text, lines);
    settings.till = next_line(&left);
    settings.printer = next_line(&left);
    settings.scanner = next_line(&left);
    return tw_speeds_apply(&world->speeds, &settings);
}

void speeds_world_write_down(struct speeds_world *world, const char *what)
{
    size_t len = strlen(world->told);
    assert_true(len + strlen(what) < sizeof world->told);
    strcpy(world->told + len, what);
}

// Of a wire INFO says what is looked for.
static void info_is_true(const struct speeds_world *world)
{
    static const struct tw_link_line closed;
    const struct tw_link_settings *set = &world->speeds.set;
    const struct tw_link_line *till = world->wire ? &world->speeds.asked.till : &world->set[TW_PORT_TILL];
    const struct tw_link_line *printer = world->wire ? &closed : &world->set[TW_PORT_PRINTER];
    assert_memory_equal(&set->till, till, sizeof *till);
    assert_memory_equal(&set->printer, printer, sizeof *printer);
    assert_memory_equal(&set->scanner, &world->set[TW_PORT_SCANNER], sizeof set->scanner);
}

void speeds_world_told(struct speeds_world *world, const char *expected, const char *where)
{
    if (strcmp(world->told, expected) != 0) {
        fail_msg("%s: the board was told \"%s\", not \"%s\"", where, world->told, expected);
    }
    info_is_true(world);
    world->told[0] = '\0';
}

void speeds_world_pass(struct speeds_world *world)
{
    uint8_t byte;
    while (tw_lines_next(TW_PORT_PRINTER, &byte) || tw_lines_next(TW_PORT_TILL, &byte)) {
    }
    world->lines->out.copied = world->lines->out.taken;
}

void speeds_world_print(struct speeds_world *world, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        speeds_world_send(world);
        speeds_world_pass(world);
        tw_speeds_look(&world->speeds, false);
    }
}

void speeds_world_miss(struct speeds_world *world, unsigned frames)
{
    for (unsigned i = 0; i < frames; i++) {
        tw_lines_missed(TW_PORT_TILL);
        tw_speeds_look(&world->speeds, false);
    }
}

void speeds_world_rest(struct speeds_world *world)
{
    world->now += PULSE_HZ / 40;
    speeds_world_pass(world);
    tw_speeds_look(&world->speeds, true);
}
