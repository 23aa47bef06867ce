// SPDX-License-Identifier: Apache-2.0
//
// agent/lane on a real journal, member store and receipt reader; only the device is played by hand.
// What is asserted is what the journal would publish.
//
// Threading: the test's thread runs the loop. Memory: world_teardown frees all. Time: the real clock.
// Errors: cmocka assertions.
#ifndef TW_FAKE_LANE_WORLD_H
#define TW_FAKE_LANE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "agent/lane/parts.h"
#include "tillwire/json.h"

#define CARD       "6009200000009310"
#define OTHER_CARD "6009200000000004"

struct world {
    char folder[64];
    struct tw_config *config;
    struct tw_seal *seal;
    struct tw_vault *vault;
    struct tw_scan_rules *rules;
    struct tw_clock *clock;
    struct tw_metrics *metrics;
    struct tw_loop *loop;
    struct tw_journal *journal;
    struct tw_members *members;
    struct tw_lane *lane;
    struct tw_lane_tap *tap;
    uint64_t offset;    // of the tap's stream
    uint64_t tap_us;    // the tap's clock
    uint64_t max_bytes; // of the journal; 0: no limit
    atomic_int answers;
    struct tw_lane_answer answer;
    struct tw_lane_member member;
    char id[37];
    char transaction_id[TW_TRANSACTION_ID_MAX]; // for a test that notes it
    struct tw_rows *rows;
};

int world_setup(void **state);
int world_teardown(void **state);
// As after a restart of the agent.
void world_reopen(struct world *world);
void world_hello(struct world *world, const uint8_t boot[16], uint64_t first);
void world_print(struct world *world, const char *text);
void world_cut(struct world *world);
// Prints a sale of 4.00 and cuts.
void world_print_sale(struct world *world, const char *number, const char *extra);
// Waits for event `count` and checks that the journal holds no other one.
void world_expect_events(struct world *world, uint64_t count);
// The event as published; free with tw_json_free.
tw_json *world_event(struct world *world, uint64_t sequence);
void world_expect_type(struct world *world, uint64_t sequence, const char *type);
// Whether the customer of a sale event is who holds the card.
bool world_has_customer(struct world *world, uint64_t sequence, const char *card);
// A tw_lane_done_fn that fills world->answer and id, and stops the loop.
void world_answered(void *ctx, const struct tw_lane_answer *answer);
// Asks as POST /v1/sales does and waits for the answer.
void world_ask_sale(struct world *world, const char *body, const char *key);
// Runs the loop until `done` says so.
void world_run_until(struct world *world, bool (*done)(struct world *world));
// What was submitted is through.
void world_settle(struct world *world);
struct tw_journal_stats world_stats_of(struct world *world);
// Reopens with a journal that has little room and fills it; gives the last event that had room.
uint64_t world_fill(struct world *world);
// The centre has all events up to `through`: there is room again.
void world_empty(struct world *world, uint64_t through);
// The tap's scanner reads `card`, as scan `number` of its boot.
void world_tap_scan(struct world *world, uint64_t number, const char *card);

#endif
