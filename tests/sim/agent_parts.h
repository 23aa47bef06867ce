// SPDX-License-Identifier: Apache-2.0
//
// What the two files of the agent share: agent.c (the process: birth, death, what others ask of it) and
// writer.c (what journal.c does on its thread: groups, turns, rests).
//
// Threading: one thread. Memory: agent.c's. Time: virtual. Errors: sim_broken.
#ifndef TW_SIM_AGENT_PARTS_H
#define TW_SIM_AGENT_PARTS_H

#include "tests/sim/agent.h"

struct sim_op {
    enum { BATCH, ACKNOWLEDGE, REJECT, RESYNC } kind;
    struct tw_batch *batch; // of the others: the capture.gap that came of it
    uint32_t ticket;
    uint32_t first_event, events; // what it wrote
    struct tw_journal_result result;
    char epoch[37];
    uint64_t sequence;
    bool has_head;
    uint8_t head[32];
    bool refused; // by the broker
    enum tw_resync resync;
};

struct sim_ops {
    struct sim_op *list;
    size_t count, cap;
};

struct sim_agent {
    char path[256], key[256];
    struct tw_seal *seal;
    struct tw_vault *vault;
    struct tw_store *store; // NULL: the process is not there
    uint64_t life;          // counts processes, so that what one began does not reach the next
    bool power;             // the death that is under way is a power cut
    bool put_back;          // since it was open
    struct sim_ops waiting, running;
    bool owes; // a rejection could not be stored: no acknowledgement before it, which would remove its row
    bool busy;
    uint64_t idles;          // times that were planned to look after itself
    uint64_t writes, rested; // turns so far; the last one after which a rest was planned
    uint64_t read_from;      // 0: no read waits
    size_t read_rows;
    unsigned question;
    char read_epoch[37];
};

// Takes all that waits; nothing while it is busy or not there. A note's `a` is the life it was planned in.
sim_fn sim_writer_turn;
// Answers the read that waits, when there are rows.
void sim_writer_serve(struct sim *sim);
// Holds everything that is queued against the books.
void sim_writer_scan(struct sim *sim);
void sim_writer_forget(struct sim_ops *ops);

#endif
