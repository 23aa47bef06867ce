// SPDX-License-Identifier: Apache-2.0
//
// One folder of POSLog files: the bytes of a file go to the reader, each transaction to the journal, and when
// all of them are durable the file may be put away (P1). A transaction is the same event however often its
// file is read or exported again (P3), so a file that could not be kept whole simply stays and is read again.
//
// Threading: the loop thread. Memory: at most TW_LANE_POSLOG_FLYING transactions, and those of one more piece
// of the file, are on their way to the journal; then the device is not read. Time: wall clock of the lane.
// Errors: through the file's answer.
#ifndef TW_AGENT_LANE_POSLOG_H
#define TW_AGENT_LANE_POSLOG_H

#include "agent/lane/parts.h"
#include "tillwire/json.h"

#define TW_LANE_POSLOG_FLYING 64

struct tw_lane_poslog;

int TW_MUST_CHECK tw_lane_poslog_new(struct tw_lane *lane, const struct tw_device_config *config,
                                     struct tw_lane_poslog **out);
// After the journal answered everything.
void tw_lane_poslog_free(struct tw_lane_poslog *poslog);
// NULL: none of that name.
struct tw_lane_poslog *tw_lane_poslog_named(const struct tw_lane *lane, const char *device);
// The device to answer; NULL: it is gone.
void tw_lane_poslog_attach(struct tw_lane_poslog *poslog, struct tw_lane_device *device);

// The folder's part of struct tw_device_sink.
void tw_lane_poslog_begin(struct tw_lane_poslog *poslog, const struct tw_device_file *file);
bool tw_lane_poslog_bytes(struct tw_lane_poslog *poslog, struct tw_slice bytes);
void tw_lane_poslog_end(struct tw_lane_poslog *poslog, bool whole);
// The folder went: what was begun will be begun again.
void tw_lane_poslog_lost(struct tw_lane_poslog *poslog);

// Files done, failed and waiting, for the status; null where `poslog` is NULL.
tw_json *tw_lane_poslog_files(const struct tw_lane_poslog *poslog);

#endif
