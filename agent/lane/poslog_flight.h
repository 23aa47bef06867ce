// SPDX-License-Identifier: Apache-2.0
//
// One transaction of a POSLog on its way to the journal: what its batch is made of, as often as it must be
// made.
//
// Threading: the loop thread, but for the journal's answer. Memory: owned by the folder until it landed; a
// sale in it is wiped when it is freed. Time: from the lane's clock. Errors: TW_ERR_NOMEM, those of the
// journal.
#ifndef TW_AGENT_LANE_POSLOG_FLIGHT_H
#define TW_AGENT_LANE_POSLOG_FLIGHT_H

#include "agent/lane/parts.h"
#include "tillwire/poslog.h"

struct tw_poslog_flight {
    struct tw_lane_poslog *poslog;
    unsigned file;        // of the folder
    struct tw_sale *sale; // NULL: it could not be read
    const char *reason;   // then; static
    char detail[256];
    size_t lines, bytes;
    uint64_t index;
    char sha256[65];
    bool apart; // its number is another sale's
    bool tells; // a drift, in its batch
    bool tried; // `taken` says who its customer is
    struct tw_identity taken;
    int64_t read_ms;
    struct tw_journal_result result;
    struct tw_post post;
};

// What a folder reports at most once a file.
struct tw_poslog_drift {
    struct tw_drift store, workstation;
    bool store_told, workstation_told;
};

// Takes the fact's sale. NULL: out of memory.
struct tw_poslog_flight *tw_poslog_flight_new(struct tw_lane *lane, struct tw_poslog_fact *fact);
void tw_poslog_flight_free(struct tw_poslog_flight *flight);

// The batch of it.
int TW_MUST_CHECK tw_poslog_flight_batch(struct tw_lane *lane, const struct tw_device_config *config,
                                         struct tw_poslog_flight *flight, struct tw_poslog_drift *drift,
                                         struct tw_batch **out);
// The journal will never take it as it is: true when it can be tried in another way, as an event that only
// says that it is too large, or apart from another sale of the same number.
bool tw_poslog_flight_again(struct tw_poslog_flight *flight, int error);

#endif
