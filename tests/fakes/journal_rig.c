// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/journal_rig.h"

#include <ftw.h>
#include <inttypes.h>
#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <time.h>
#include <unistd.h>

void rig_start(struct rig *rig)
{
    *rig = (struct rig){0};
    (void)snprintf(rig->folder, sizeof rig->folder, "/tmp/tillwire-journal-XXXXXX");
    assert_non_null(mkdtemp(rig->folder));
    (void)snprintf(rig->path, sizeof rig->path, "%s/journal.db", rig->folder);
    manual_clock_init(&rig->clock, RIG_START_MS);
    assert_int_equal(tw_seal_new(&rig->seal, NULL), TW_OK);
    char key[128];
    (void)snprintf(key, sizeof key, "%s/journal.key", rig->folder);
    assert_int_equal(tw_vault_load(rig->seal, key, true, &rig->vault, NULL), TW_OK);
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

void rig_stop(struct rig *rig)
{
    rig_close(rig);
    tw_vault_free(rig->vault);
    tw_seal_free(rig->seal);
    assert_int_equal(nftw(rig->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

int rig_merge(struct tw_slice old_data, struct tw_slice new_data, const char *old_id, struct tw_buf *merged)
{
    if (rig_contains(new_data, "bad")) {
        return TW_ERR_INVALID;
    }
    if (old_data.len == new_data.len && memcmp(old_data.ptr, new_data.ptr, old_data.len) == 0) {
        return 0;
    }
    tw_buf_printf(merged, "{\"corrects\":\"%s\",\"was\":", old_id);
    tw_buf_add(merged, old_data.ptr, old_data.len);
    tw_buf_add_text(merged, ",\"now\":");
    tw_buf_add(merged, new_data.ptr, new_data.len);
    tw_buf_add_text(merged, "}");
    return 1;
}

int rig_try_open(struct rig *rig, const char *source, struct tw_error_text *err)
{
    const struct tw_journal_options options = {
        .path = rig->path,
        .source = source,
        .clock = &rig->clock.clock,
        .seal = rig->seal,
        .vault = rig->vault,
        .merge = rig_merge,
        .on_commit = rig->on_commit,
        .ctx = rig->ctx,
        .max_bytes = rig->max_bytes,
        .reserve_bytes = rig->reserve_bytes,
    };
    return tw_journal_open(&options, &rig->journal, err);
}

void rig_open(struct rig *rig)
{
    struct tw_error_text err = {""};
    if (rig_try_open(rig, RIG_SOURCE, &err) != TW_OK) {
        fail_msg("%s", err.text);
    }
}

void rig_close(struct rig *rig)
{
    tw_journal_close(rig->journal);
    rig->journal = NULL;
}

void rig_reopen(struct rig *rig)
{
    rig_close(rig);
    rig_open(rig);
}

static void copy_file(const char *from, const char *to)
{
    FILE *in = fopen(from, "rb");
    FILE *out = fopen(to, "wb");
    assert_non_null(in);
    assert_non_null(out);
    char part[4096];
    for (size_t got = fread(part, 1, sizeof part, in); got > 0; got = fread(part, 1, sizeof part, in)) {
        assert_int_equal(fwrite(part, 1, got, out), got);
    }
    (void)fclose(in);
    assert_int_equal(fclose(out), 0);
}

void rig_crash(struct rig *rig)
{
    static const char *const endings[] = {"", "-wal"};
    char from[2][128];
    char to[2][128];
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(from[i], sizeof from[i], "%s%s", rig->path, endings[i]);
        (void)snprintf(to[i], sizeof to[i], "%s%s.copy", rig->path, endings[i]);
        copy_file(from[i], to[i]);
    }
    rig_close(rig);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(rename(to[i], from[i]), 0);
    }
}

// ---- writing ----

struct waiting {
    sem_t done;
    struct tw_journal_result result;
};

static void on_done(void *ctx, const struct tw_journal_result *result)
{
    struct waiting *waiting = ctx;
    waiting->result = *result;
    (void)sem_post(&waiting->done);
}

static void on_acknowledged(void *ctx)
{
    (void)sem_post(&((struct waiting *)ctx)->done);
}

static void wait_for(sem_t *sem)
{
    while (sem_wait(sem) != 0) {
    }
}

struct tw_batch *rig_batch(struct rig *rig)
{
    struct tw_batch *batch = tw_batch_new();
    assert_non_null(batch);
    tw_batch_time(batch, &rig->clock.clock);
    return batch;
}

struct tw_journal_result rig_submit(struct rig *rig, struct tw_batch *batch)
{
    struct waiting waiting = {.result = {0}};
    (void)sem_init(&waiting.done, 0, 0);
    int rc = tw_journal_submit(rig->journal, batch, on_done, &waiting);
    if (rc == TW_OK) {
        wait_for(&waiting.done);
    } else {
        waiting.result.error = rc;
    }
    (void)sem_destroy(&waiting.done);
    return waiting.result;
}

void rig_add(struct rig *rig, int n, uint8_t id[16])
{
    char data[32];
    (void)snprintf(data, sizeof data, "{\"n\":%d}", n);
    struct tw_batch *batch = rig_batch(rig);
    tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, "v1:aa", tw_slice_of(data));
    struct tw_journal_result result = rig_submit(rig, batch);
    assert_int_equal(result.error, TW_OK);
    if (id != NULL) {
        memcpy(id, result.id, sizeof result.id);
    }
}

struct tw_journal_result rig_sale(struct rig *rig, const char *key, const char *data)
{
    struct tw_batch *batch = rig_batch(rig);
    tw_batch_sale(batch, TW_EVENT_SALE_COMPLETED, key, key, tw_slice_of(data));
    return rig_submit(rig, batch);
}

void rig_ack(struct rig *rig, uint64_t through)
{
    struct waiting waiting;
    (void)sem_init(&waiting.done, 0, 0);
    struct tw_journal_stats stats = rig_stats(rig);
    assert_int_equal(tw_journal_acknowledge(rig->journal, stats.epoch, through, on_acknowledged, &waiting),
                     TW_OK);
    wait_for(&waiting.done);
    (void)sem_destroy(&waiting.done);
}

struct tw_journal_stats rig_stats(struct rig *rig)
{
    struct tw_journal_stats stats;
    tw_journal_stats(rig->journal, &stats);
    return stats;
}

// ---- reading ----

// Kept until an answer comes or the journal is closed: a late answer may still find it.
struct reading {
    pthread_mutex_t mutex;
    pthread_cond_t came;
    struct tw_rows *rows;
};

static void on_rows(void *ctx, struct tw_rows *rows)
{
    struct reading *reading = ctx;
    (void)pthread_mutex_lock(&reading->mutex);
    reading->rows = rows;
    (void)pthread_cond_signal(&reading->came);
    (void)pthread_mutex_unlock(&reading->mutex);
}

static void on_late_rows(void *ctx, struct tw_rows *rows)
{
    (void)ctx;
    tw_rows_free(rows);
}

struct tw_rows *rig_read_for(struct rig *rig, uint64_t from, size_t max_rows, int wait_ms)
{
    struct reading reading = {.mutex = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += wait_ms / 1000;
    until.tv_nsec += wait_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    assert_int_equal(tw_journal_read(rig->journal, from, max_rows, on_rows, &reading), TW_OK);
    (void)pthread_mutex_lock(&reading.mutex);
    int rc = 0;
    while (reading.rows == NULL && rc == 0) {
        rc = pthread_cond_timedwait(&reading.came, &reading.mutex, &until);
    }
    (void)pthread_mutex_unlock(&reading.mutex);
    if (rc != 0) { // replace the request, and pass once through the writer so that it has seen that
        assert_int_equal(tw_journal_read(rig->journal, UINT64_MAX / 2, 1, on_late_rows, NULL), TW_OK);
        struct tw_journal_tap tap;
        assert_int_equal(tw_journal_tap(rig->journal, "-", &tap), TW_OK);
    }
    return reading.rows;
}

struct tw_rows *rig_read(struct rig *rig, uint64_t from)
{
    struct tw_rows *rows = rig_read_for(rig, from, 1000000, 20000);
    assert_non_null(rows);
    return rows;
}

bool rig_contains(struct tw_slice bytes, const char *text)
{
    return memmem(bytes.ptr, bytes.len, text, strlen(text)) != NULL;
}

void rig_attribute(struct tw_slice event, const char *name, char *out, size_t size)
{
    char pattern[64];
    int len = snprintf(pattern, sizeof pattern, "\"%s\":\"", name);
    const char *at = memmem(event.ptr, event.len, pattern, (size_t)len);
    assert_non_null(at);
    at += len;
    const char *end = memchr(at, '"', event.len - (size_t)(at - (const char *)event.ptr));
    assert_non_null(end);
    assert_true((size_t)(end - at) < size);
    memcpy(out, at, (size_t)(end - at));
    out[end - at] = 0;
}

void rig_check_chain(const struct tw_rows *rows, const char *prevhash)
{
    char expected[TW_HASH_HEX + 1] = "";
    if (prevhash != NULL) {
        (void)snprintf(expected, sizeof expected, "%s", prevhash);
    }
    for (size_t i = 0; i < rows->count; i++) {
        const struct tw_journal_payload *row = &rows->rows[i];
        char text[128];
        char sequence[32];
        (void)snprintf(sequence, sizeof sequence, "%020" PRIu64, row->sequence);
        rig_attribute(row->bytes, "sequence", text, sizeof text);
        assert_string_equal(text, sequence);
        rig_attribute(row->bytes, "epoch", text, sizeof text);
        assert_string_equal(text, rows->epoch);
        rig_attribute(row->bytes, "prevhash", text, sizeof text);
        bool follows = i == 0 || row->sequence == rows->rows[i - 1].sequence + 1;
        assert_true(follows || prevhash == NULL);
        if (follows && expected[0] != 0) {
            assert_string_equal(text, expected);
        }
        uint8_t hash[32];
        tw_seal_sha256(row->bytes, hash);
        tw_seal_hex(hash, sizeof hash, expected);
    }
}

int64_t rig_query(struct rig *rig, const char *sql)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(sqlite3_open_v2(rig->path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return value;
}
