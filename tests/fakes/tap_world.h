// SPDX-License-Identifier: Apache-2.0
//
// A tap, the world around it, and a model that remembers everything: what was printed and read, what was
// given up, what an agent as simple as can be received. Every step compares the tap with the model.
//
// Threading: one thread. Memory: a world is freed by its test. Time: the world's own microseconds.
// Errors: cmocka assertions.
#ifndef TW_FAKE_TAP_WORLD_H
#define TW_FAKE_TAP_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firmware/core/tap.h"

enum { TAP_WORLD_STREAM_BYTES = 1 << 20, TAP_WORLD_RING_BYTES = 5000, TAP_WORLD_MARKS = 4096 };
enum { TAP_WORLD_SLOTS = 6, TAP_WORLD_SCANS = 4096 };

struct tap_world_mark {
    uint64_t offset, time_us;
    uint8_t what;
};

// A reading, by its number.
struct tap_world_scan {
    uint64_t at;
    uint8_t code[16];
    uint8_t len;
    bool given_up;
};

// The agent's end, as simple as it can be.
struct tap_world_agent {
    struct tw_link_decoder decoder;
    uint8_t sequence;       // sent
    uint8_t tap_sequence;   // expected
    uint8_t start_sequence; // of the START whose answer is awaited
    bool streaming, asked;
    uint64_t at;     // received up to here
    uint64_t credit; // granted and not yet used
    uint64_t committed;
    uint64_t ask_again_us;
    uint64_t mark_time_us;
    struct tap_world_mark marks[TAP_WORLD_MARKS];
    size_t mark_count;
    uint64_t lost;
    uint64_t started_at;         // what the last STARTED said
    uint64_t lost_from, lost_to; // the last LOST
    uint64_t scan_next;          // the number that is new to it
    uint64_t scan_committed;
    uint64_t scans_lost;
    struct tw_link_info info; // the newest
    unsigned infos;
};

struct tap_world {
    struct tw_tap tap;
    uint8_t ring[TAP_WORLD_RING_BYTES];
    struct tw_tap_record records[4096];
    size_t record_count;
    uint8_t *printed; // the whole stream, by offset
    uint8_t *given_up;
    uint64_t next;
    uint64_t held_from;
    uint64_t lost;
    struct tap_world_mark marks[TAP_WORLD_MARKS];
    size_t mark_count;
    struct tw_scans scans;
    struct tw_scan slots[TAP_WORLD_SLOTS];
    struct tap_world_scan read[TAP_WORLD_SCANS];
    uint64_t scan_next;
    uint64_t scan_first; // oldest held
    uint64_t scans_lost;
    uint64_t now_us;
    uint32_t random;
    struct tap_world_agent agent;
    unsigned damage; // one frame in so many is damaged; 0: none
};

extern const uint8_t tap_world_boot[16];

// A random number below `below`.
uint32_t tap_world_pick(struct tap_world *world, uint32_t below);
// With a table of `record_count` records; freed with tap_world_free_world.
struct tap_world *tap_world_new_world(uint32_t seed, size_t record_count);
void tap_world_free_world(struct tap_world *world);
// The till prints, the tap is told, and the books are compared.
void tap_world_print(struct tap_world *world, size_t len);
void tap_world_mark(struct tap_world *world, uint8_t what);
// The scanner reads a code.
void tap_world_scan(struct tap_world *world);
// One frame of the agent, in two pieces, damaged now and then where `damage` says so.
void tap_world_agent_send(struct tap_world *world, uint8_t type, const uint8_t *payload, size_t len);
void tap_world_agent_credit(struct tap_world *world, uint32_t bytes);
// Acknowledges some of what was received.
void tap_world_agent_commit(struct tap_world *world);
void tap_world_agent_commit_scans(struct tap_world *world);
// Carries what the tap says to the agent, in random pieces; whether there was anything.
bool tap_world_carry(struct tap_world *world);
// The agent process dies: it remembers what it committed, and that only.
void tap_world_restart_agent(struct tap_world *world);
// Time passes for both ends.
void tap_world_pass_time(struct tap_world *world, uint32_t us);
// A quiet, whole line: everything printed or read must arrive now.
void tap_world_settle(struct tap_world *world);

#endif
