// SPDX-License-Identifier: Apache-2.0
//
// The agent around the desk, as far as the desk can see it: the functions of lane.h, journal.h, member.h and
// uplink.h that it calls, answering what a test wants. Answers come one turn of the loop later, as from
// the real lane. Linked instead of those parts.
//
// Threading: the loop thread, and for questions to the journal any. Memory: the test owns the world. Time:
// none. Errors: those a test asks for.
#ifndef TW_FAKE_DESK_WORLD_H
#define TW_FAKE_DESK_WORLD_H

#include <stdatomic.h>

#include "tillwire/desk.h"

struct tw_lane { // what the fake lane answers, and what it was asked
    struct tw_loop *loop;
    int error;
    enum tw_outcome outcome;
    struct tw_member member;
    int64_t age_s;
    bool silent;                 // holds its answer until tw_fake_lane_answer
    struct tw_fake_answer *held; // the newest of those
    unsigned sales, scans, lookups;
    char idempotency_key[64], device[64], workstation[64], code[64], by[64], via[16];
    int64_t total_minor;
    const char *devices; // JSON array
    const char *later;   // the same, from the second time on; NULL: no change
    int record_error;
    int update_error;
    size_t update_bytes;             // of the newest update file
    tw_lane_recording_fn *record_fn; // NULL: nobody records
    void *record_ctx;
    unsigned records_ended;
};

struct tw_journal {
    struct tw_journal_stats stats;
    struct tw_dead_letter letters[8]; // by number
    int retry_error;                  // of retrying alone
    size_t letter_count;
    int error;                                    // of the questions below
    atomic_bool busy;                             // they wait while it is
    atomic_uint asked;                            // how many were
    uint64_t after, limit, retried, queued, from; // the newest question, and the answer to a retry
    enum tw_resync resync;
    bool held; // what is submitted now would wait
    unsigned holds;
};

struct tw_members {
    struct tw_members_stats stats;
};

struct tw_uplink {
    struct tw_uplink_status status;
    uint64_t resync_from; // of the newest question
};

// Gives the held answer now.
void tw_fake_lane_answer(struct tw_lane *lane);

#endif
