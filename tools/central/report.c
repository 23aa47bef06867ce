// SPDX-License-Identifier: Apache-2.0
#include "tools/central/report.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "tillwire/bytes.h"
#include "tillwire/json.h"
#include "tillwire/seal.h"
#include "tools/central/intake.h"

struct counts {
    int64_t distinct, duplicates, repeats, rejected, unreadable, ahead, broken, gaps, epochs;
};

struct report {
    sqlite3 *db;
    bool json;
    struct tw_buf out;
    struct counts counts;
    int64_t chains_broken;
};

static int query(struct report *report, const char *sql,
                 int (*row)(struct report *report, sqlite3_stmt *stmt))
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(report->db, sql, -1, &stmt, NULL) != SQLITE_OK) {
        return TW_ERR_IO;
    }
    int rc = TW_OK;
    int step = sqlite3_step(stmt);
    while (step == SQLITE_ROW && rc == TW_OK) {
        rc = row(report, stmt);
        step = sqlite3_step(stmt);
    }
    (void)sqlite3_finalize(stmt);
    return rc == TW_OK && step != SQLITE_DONE ? TW_ERR_IO : rc;
}

static const char *text_at(sqlite3_stmt *stmt, int column)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);
    return text != NULL ? (const char *)text : "";
}

static int take_counts(struct report *report, sqlite3_stmt *stmt)
{
    struct counts *counts = &report->counts;
    int64_t *const fields[] = {&counts->distinct,   &counts->repeats, &counts->rejected,
                               &counts->duplicates, &counts->ahead,   &counts->broken,
                               &counts->unreadable, &counts->gaps,    &counts->epochs};
    for (int i = 0; i < (int)(sizeof fields / sizeof fields[0]); i++) {
        *fields[i] = sqlite3_column_int64(stmt, i);
    }
    return TW_OK;
}

static int print_type(struct report *report, sqlite3_stmt *stmt)
{
    if (report->json) {
        tw_buf_add_text(&report->out, report->out.ptr[report->out.len - 1] == '{' ? "" : ",");
        tw_json_dump_text(tw_slice_of(text_at(stmt, 0)), &report->out);
        tw_buf_printf(&report->out, ":%lld", (long long)sqlite3_column_int64(stmt, 1));
    } else {
        tw_buf_printf(&report->out, "  %-36s %10lld\n", text_at(stmt, 0),
                      (long long)sqlite3_column_int64(stmt, 1));
    }
    return TW_OK;
}

// One message of an epoch, in order: `prevhash` is the hash of the payload before it. After messages that
// are missing it is what the terminal told.
static int check_link(sqlite3_stmt *stmt, int64_t expected, uint8_t head[32])
{
    if (sqlite3_column_bytes(stmt, 3) == 32) {
        memcpy(head, sqlite3_column_blob(stmt, 3), 32);
        return sqlite3_column_int64(stmt, 0) == expected ? TW_OK : TW_ERR_DAMAGED;
    }
    struct tw_slice payload =
        tw_slice_make(sqlite3_column_blob(stmt, 2), (size_t)sqlite3_column_bytes(stmt, 2));
    tw_json *value = NULL;
    char hex[65];
    tw_seal_hex(head, 32, hex);
    tw_seal_sha256(payload, head);
    if (sqlite3_column_int64(stmt, 0) != expected || tw_json_parse(payload, &value, NULL) != TW_OK) {
        return TW_ERR_DAMAGED;
    }
    const char *prevhash = tw_json_text(tw_json_get(value, "prevhash"));
    int rc = prevhash != NULL && strcmp(prevhash, hex) == 0 ? TW_OK : TW_ERR_DAMAGED;
    tw_json_free(value);
    return rc;
}

// The chain of one epoch, computed again from the payloads.
static int check_chain(struct report *report, sqlite3_stmt *epoch)
{
    sqlite3_stmt *stmt = NULL;
    uint8_t head[32] = {0};
    int64_t sequence = 0;
    bool whole = true;
    if (sqlite3_prepare_v2(report->db,
                           "SELECT sequence, sequence, payload, NULL FROM message WHERE epoch = ?1 UNION ALL "
                           "SELECT first, last, NULL, head FROM missing WHERE epoch = ?1 ORDER BY 1, 2",
                           -1, &stmt, NULL) != SQLITE_OK) {
        return TW_ERR_IO;
    }
    (void)sqlite3_bind_int64(stmt, 1, sqlite3_column_int64(epoch, 0));
    int step = sqlite3_step(stmt);
    while (step == SQLITE_ROW) {
        whole = check_link(stmt, sequence + 1, head) == TW_OK && whole;
        sequence = sqlite3_column_int64(stmt, 1);
        step = sqlite3_step(stmt);
    }
    (void)sqlite3_finalize(stmt);
    whole = whole && sequence == sqlite3_column_int64(epoch, 1) && sqlite3_column_bytes(epoch, 2) == 32 &&
            memcmp(head, sqlite3_column_blob(epoch, 2), 32) == 0;
    report->chains_broken += whole ? 0 : 1;
    return step == SQLITE_DONE ? TW_OK : TW_ERR_IO;
}

static void print_counts(struct report *report)
{
    const struct counts *counts = &report->counts;
    bool chain_ok = report->chains_broken == 0;
    const struct {
        const char *key;
        int64_t value;
        const char *says;
    } lines[] = {
        {"distinct", counts->distinct, "distinct events"},
        {"duplicates", counts->duplicates, "received again and ignored"},
        {"repeats", counts->repeats, "sent again in a later epoch and ignored"},
        {"gaps", counts->gaps, "missing now (seen or skipped, not settled)"},
        {"ahead", counts->ahead, "came ahead of their turn"},
        {"broken", counts->broken, "came from another past than what is here, and were not taken"},
        {"rejected", counts->rejected, "rejected"},
        {"unreadable", counts->unreadable, "unreadable"},
        {"epochs", counts->epochs, "epochs"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (report->json) {
            tw_buf_printf(&report->out, "\"%s\":%lld,", lines[i].key, (long long)lines[i].value);
        } else {
            tw_buf_printf(&report->out, "%10lld %s\n", (long long)lines[i].value, lines[i].says);
        }
    }
    if (report->json) {
        tw_buf_printf(&report->out, "\"chain_ok\":%s}\n", chain_ok ? "true" : "false");
    } else {
        tw_buf_printf(&report->out, "hash chains: %s\n", chain_ok ? "whole" : "BROKEN");
    }
}

static int make(struct report *report)
{
    // A gap is a sequence up to the highest seen that is not settled.
    static const char counts[] =
        "SELECT (SELECT count(*) FROM message WHERE status = 0), (SELECT count(*) FROM message WHERE status "
        "= 1), "
        "(SELECT count(*) FROM message WHERE status = 2), ifnull(sum(duplicates), 0), ifnull(sum(ahead), 0), "
        "ifnull(sum(broken), 0), (SELECT count(*) FROM unreadable), "
        "ifnull(sum(max(seen, through)), 0) - (SELECT count(*) FROM message), count(*) FROM epoch";
    int rc = sqlite3_exec(report->db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK ? TW_OK : TW_ERR_IO;
    rc = rc == TW_OK ? query(report, counts, take_counts) : rc;
    tw_buf_add_text(&report->out, report->json ? "{\"events\":{" : "events by type\n");
    rc =
        rc == TW_OK
            ? query(report, "SELECT type, count(*) FROM message WHERE status = 0 GROUP BY type ORDER BY type",
                    print_type)
            : rc;
    tw_buf_add_text(&report->out, report->json ? "}," : "");
    rc = rc == TW_OK ? query(report, "SELECT id, through, head FROM epoch", check_chain) : rc;
    print_counts(report);
    return rc == TW_OK ? tw_buf_status(&report->out) : rc;
}

int tw_report(const char *database, bool json, FILE *out, bool *well, struct tw_error_text *err)
{
    struct report report = {.json = json};
    int rc =
        sqlite3_open_v2(database, &report.db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK ? TW_OK : TW_ERR_IO;
    rc = rc == TW_OK ? make(&report) : rc;
    if (rc == TW_OK) {
        (void)fwrite(report.out.ptr, 1, report.out.len, out);
        const struct counts *counts = &report.counts;
        *well = counts->gaps == 0 && counts->broken == 0 && report.chains_broken == 0 &&
                counts->rejected == 0 && counts->unreadable == 0;
    } else {
        (void)tw_fail(err, rc, "cannot read %s: %s; give the database of a tillwire-central", database,
                      sqlite3_errmsg(report.db));
    }
    tw_buf_free(&report.out);
    (void)sqlite3_close(report.db);
    return rc;
}
