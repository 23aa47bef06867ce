// SPDX-License-Identifier: Apache-2.0
//
// The relay as a process of its own between real sockets: a till, a printer that keeps what it
// gets, and the agent's tap driver at the third side.
//
// Threading: one thread and the relay's process. Memory: a world is freed by its test. Time: real,
// for waiting only; nothing is measured. Errors: cmocka assertions.
#ifndef TW_FAKE_RELAY_WORLD_H
#define TW_FAKE_RELAY_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "firmware/port/linux/relay.h"
#include "tillwire/device.h"

enum { RELAY_WORLD_PATIENCE_MS = 60000 };

struct relay_world_queue {
    uint8_t *bytes;
    size_t len, cap;
    size_t sent;
};

struct relay_world {
    char folder[64];
    char printer_address[32];
    pid_t relay;
    int relay_port;
    int printer_listener;
    int printer, till; // -1: none
    bool printer_stalled;
    bool till_ended, printer_ended; // they read the end of the other
    bool till_reset;
    struct relay_world_queue to_print;  // the till sends
    struct relay_world_queue to_answer; // the printer sends
    struct relay_world_queue printed;   // the printer got
    struct relay_world_queue answered;  // the till got
    struct tw_device *agent;
    struct relay_world_queue copied; // the agent got, by offset
    uint64_t committed;
    bool acknowledge;
    bool agent_asleep;
    uint64_t lost;
    unsigned opened, closed, hellos;
    uint64_t closed_at;
};

int64_t relay_world_now_ms(void);
void relay_world_add(struct relay_world_queue *queue, const void *bytes, size_t len);
// Seeded bytes.
void relay_world_add_random(struct relay_world_queue *queue, size_t len, uint32_t seed);
// The agent's own tap driver, at the third side.
void relay_world_attach_agent(struct relay_world *world);
void relay_world_detach_agent(struct relay_world *world);
// A new till; the caller makes it world->till.
int relay_world_connect_till(const struct relay_world *world);
// Moves what can be moved at all three sides, waiting a millisecond at most.
void relay_world_turn(struct relay_world *world);
void relay_world_turn_for(struct relay_world *world, int64_t ms);
void relay_world_assert_same(const struct relay_world_queue *a, const struct relay_world_queue *b);
// Forks the relay; it dies with the test.
void relay_world_start_relay(struct relay_world *world, uint32_t buffer_bytes);
// SIGTERM; its exit code.
int relay_world_stop_relay(struct relay_world *world);
struct relay_world *relay_world_new_world(uint32_t buffer_bytes);
// Stops the relay, which must leave nothing behind.
void relay_world_free_world(struct relay_world *world);
// The till hangs up, then the printer does.
void relay_world_close_till(struct relay_world *world);

// Turns the world until `condition` holds.
#define UNTIL(world, condition)                                                                              \
    do {                                                                                                     \
        int64_t end_ms = relay_world_now_ms() + RELAY_WORLD_PATIENCE_MS;                                     \
        while (!(condition)) {                                                                               \
            assert_true(relay_world_now_ms() < end_ms);                                                      \
            relay_world_turn(world);                                                                         \
        }                                                                                                    \
    } while (0)

#endif
