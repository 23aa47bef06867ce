// SPDX-License-Identifier: Apache-2.0
//
// A journal in a folder of its own for tests, with calls that wait for its answers.
//
// Threading: rig_submit, rig_read and rig_ack may be called from several threads. Memory: rig_stop
// removes the folder. Time: the manual clock. Errors: a failed step fails the test.
#ifndef TW_JOURNAL_RIG_H
#define TW_JOURNAL_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/fakes/manual_clock.h"
#include "tillwire/journal.h"

#define RIG_SOURCE   "/acme/0042/07"
#define RIG_START_MS INT64_C(1795338900123) // 2026-11-22T09:15:00.123Z

struct rig {
    char folder[64];
    char path[96];
    struct manual_clock clock;
    struct tw_seal *seal;
    struct tw_vault *vault; // its key file lies in the folder
    struct tw_journal *journal;
    tw_journal_commit_fn *on_commit;
    void *ctx;
    uint64_t max_bytes, reserve_bytes; // as in struct tw_journal_options
};

void rig_start(struct rig *rig); // makes the folder, opens nothing
void rig_stop(struct rig *rig);  // closes, removes the folder

void rig_open(struct rig *rig);
// Opens as `source` and gives the result; the journal stays open when it is 0.
int rig_try_open(struct rig *rig, const char *source, struct tw_error_text *err);
void rig_close(struct rig *rig);
void rig_reopen(struct rig *rig);

// Copies the files as a power cut at this moment would leave them, closes, and puts the copies in place.
void rig_crash(struct rig *rig);

// A batch with its time set.
struct tw_batch *rig_batch(struct rig *rig);
// Submits and waits for `done`.
struct tw_journal_result rig_submit(struct rig *rig, struct tw_batch *batch);
// One loyalty.scanned with {"n":N}; gives its id.
void rig_add(struct rig *rig, int n, uint8_t id[16]);
// A sale with `key` and `data` (see rig_merge).
struct tw_journal_result rig_sale(struct rig *rig, const char *key, const char *data);

// Reads and waits at most `wait_ms`; NULL when nothing came. A read that still waits is replaced by the next.
struct tw_rows *rig_read_for(struct rig *rig, uint64_t from, size_t max_rows, int wait_ms);
struct tw_rows *rig_read(struct rig *rig, uint64_t from); // all, must be there
// Acknowledges in the journal's present epoch and waits until that is durable.
void rig_ack(struct rig *rig, uint64_t through);
struct tw_journal_stats rig_stats(struct rig *rig);

// Copies the value of a text attribute of an event's JSON.
void rig_attribute(struct tw_slice event, const char *name, char *out, size_t size);
// Every row follows the one before: sequence, epoch and prevhash; the first one has `prevhash`. With NULL
// the first one is not compared, and sequence numbers may be missing.
void rig_check_chain(const struct tw_rows *rows, const char *prevhash);
bool rig_contains(struct tw_slice bytes, const char *text);

// Runs a query that gives one number on an own connection.
int64_t rig_query(struct rig *rig, const char *sql);

// The merge function of the rig: equal data agrees; data with "bad" is TW_ERR_INVALID; all else corrects
// and becomes {"corrects":"OLD ID","was":OLD,"now":NEW}.
tw_journal_merge_fn rig_merge;

#endif
