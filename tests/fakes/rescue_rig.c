// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/rescue_rig.h"

#include <dirent.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/journal/salvage.h"
#include "agent/journal/uuid.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"

// ---- the past ----

void rescue_data(int n, char *out, size_t size)
{
    (void)snprintf(out, size, "{\"n\":%d,\"who\":\"" RESCUE_SECRET "\",\"pad\":\"%0*d\"}", n, n % 90, n);
}

static struct tw_batch *batch_of(struct rig *rig, int n)
{
    static const uint8_t boot[16] = {7};
    char data[256];
    char key[16];
    uint8_t body[32] = {(uint8_t)n};
    rescue_data(n, data, sizeof data);
    (void)snprintf(key, sizeof key, "k-%d", n);
    struct tw_batch *batch = rig_batch(rig);
    if (n % 4 == 0) {
        tw_batch_sale(batch, TW_EVENT_SALE_COMPLETED, key, key, tw_slice_of(data));
    } else {
        tw_batch_event(batch, TW_EVENT_LOYALTY_SCANNED, RESCUE_SECRET, tw_slice_of(data));
    }
    if (n % 20 == 1) {
        (void)snprintf(key, sizeof key, "r-%d", n);
        tw_batch_idempotency(batch, key, body);
    }
    tw_batch_tap(batch, "printer", boot, (uint64_t)n, tw_slice_of(RESCUE_SECRET));
    tw_batch_lane(batch, "07", tw_slice_of(RESCUE_SECRET));
    return batch;
}

void rescue_add(struct rig *rig, struct rescue_past *past, int n)
{
    struct rescue_event *event = &past->events[past->count];
    assert_true(past->count < RESCUE_MAX);
    uint64_t sequence = rig_stats(rig).next_sequence;
    struct tw_journal_result result = rig_submit(rig, batch_of(rig, n));
    assert_int_equal(result.error, TW_OK);
    *event = (struct rescue_event){.sequence = sequence};
    tw_uuid_text(result.id, event->id);
    past->count++;
}

static void reject(struct rig *rig, struct rescue_past *past)
{
    struct tw_journal_stats stats = rig_stats(rig);
    assert_int_equal(tw_journal_reject(rig->journal, stats.epoch, RESCUE_REJECTED, "too odd"), TW_OK);
    while (rig_stats(rig).next_sequence == stats.next_sequence) {
        (void)usleep(1000);
    }
    struct tw_rows *rows = rig_read(rig, stats.next_sequence);
    struct rescue_event gap = {.sequence = stats.next_sequence, .gap = true};
    assert_int_equal(rows->rows[rows->count - 1].sequence, gap.sequence);
    rig_attribute(rows->rows[rows->count - 1].bytes, "id", gap.id, sizeof gap.id);
    tw_rows_free(rows);
    past->events[past->count++] = gap;
    past->events[RESCUE_REJECTED - 1].rejected = true;
}

void rescue_fill(struct rig *rig, struct rescue_past *past)
{
    *past = (struct rescue_past){.count = 0};
    for (int n = 1; n <= RESCUE_EVENTS; n++) {
        rig->clock.wall_ms += 10;
        rescue_add(rig, past, n);
        if (n == RESCUE_EVENTS - 40) {
            rig_ack(rig, RESCUE_ACKED);
            rig->clock.monotonic_ms += 60000; // durable with the next commit
        }
    }
    reject(rig, past);
    for (size_t i = 0; i < RESCUE_ACKED; i++) {
        past->events[i].acked = true;
    }
    memcpy(past->epoch, rig_stats(rig).epoch, sizeof past->epoch);
}

int rescue_world_set_up(void **state)
{
    struct rescue_world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    rig_start(&world->rig);
    rig_open(&world->rig);
    rescue_fill(&world->rig, &world->past);
    *state = world;
    return 0;
}

int rescue_world_tear_down(void **state)
{
    struct rescue_world *world = *state;
    rig_stop(&world->rig);
    free(world);
    return 0;
}

// ---- reading again ----

struct reader {
    struct rescue_past *past;
    struct rescue_outcome *out;
    struct rescue_event *last;  // of the past, read last
    uint64_t gap_first, gap_to; // a gap that was read since
    uint64_t from_order;        // the position in the past must rise
    bool ended;                 // the event about the rescue itself came
};

static struct rescue_event *find(struct rescue_past *past, const char *id)
{
    for (size_t i = 0; i < past->count; i++) {
        if (strcmp(past->events[i].id, id) == 0) {
            return &past->events[i];
        }
    }
    return NULL;
}

static uint64_t number(struct tw_slice event, const char *name)
{
    char pattern[64];
    int len = snprintf(pattern, sizeof pattern, "\"%s\":", name);
    const char *at = memmem(event.ptr, event.len, pattern, (size_t)len);
    assert_non_null(at);
    return strncmp(at + len, "null", 4) == 0 ? 0 : strtoull(at + len, NULL, 10);
}

static void read_gap(struct reader *reader, struct tw_slice event)
{
    assert_true(rig_contains(event, "io.tillwire.capture.gap"));
    assert_true(rig_contains(event, "\"reason\":\"journal_damaged\""));
    if (rig_contains(event, "set aside")) {
        reader->ended = true;
        return;
    }
    uint64_t first = number(event, "first_sequence");
    uint64_t last = number(event, "last_sequence");
    reader->out->gaps++;
    if (first != 0) {
        char epoch[64];
        (void)snprintf(epoch, sizeof epoch, "Of epoch %s.", reader->past->epoch);
        assert_true(rig_contains(event, epoch));
        assert_true(first <= last);
        // In its place: after what came before it, and (see read_known) before what came after it.
        assert_true(reader->last == NULL || reader->last->sequence < first);
        reader->out->missing += last - first + 1;
        reader->gap_first = reader->gap_to == 0 ? first : reader->gap_first;
        reader->gap_to = last;
    }
}

// What is missing between two that came is told, where the salvage knew of the queue.
static void read_known(struct reader *reader, struct rescue_event *known)
{
    assert_int_equal(known->came, 0);
    known->came++;
    assert_false(reader->ended);
    assert_true(reader->last == NULL || known > reader->last);
    assert_true(reader->gap_to < known->sequence);
    uint64_t before = reader->last != NULL ? reader->last->sequence
                                           : (reader->out->has_meta ? RESCUE_ACKED : known->sequence - 1);
    for (struct rescue_event *lost = reader->past->events; lost < known && reader->out->has_meta; lost++) {
        if (lost->sequence > before && !lost->rejected) {
            assert_true(lost->sequence >= reader->gap_first && lost->sequence <= reader->gap_to);
        }
    }
    reader->gap_first = reader->gap_to = 0;
    reader->last = known;
    reader->out->kept++;
    reader->out->again += known->acked;
}

static void read_all(struct rig *rig, struct reader *reader)
{
    struct tw_journal_stats stats = rig_stats(rig);
    char head[TW_HASH_HEX + 1] = ZEROS;
    assert_int_equal(stats.through, 0);
    for (uint64_t next = 1; next < stats.next_sequence;) {
        struct tw_rows *rows = rig_read(rig, next);
        assert_int_equal(rows->rows[0].sequence, next);
        rig_check_chain(rows, head);
        for (size_t i = 0; i < rows->count; i++) {
            char id[37];
            rig_attribute(rows->rows[i].bytes, "id", id, sizeof id);
            struct rescue_event *known = find(reader->past, id);
            if (known != NULL) {
                assert_true(known->gap || rig_contains(rows->rows[i].bytes, RESCUE_SECRET));
                read_known(reader, known);
            } else {
                read_gap(reader, rows->rows[i].bytes);
            }
        }
        uint8_t hash[32];
        tw_seal_sha256(rows->rows[rows->count - 1].bytes, hash);
        tw_seal_hex(hash, sizeof hash, head);
        next += rows->count;
        tw_rows_free(rows);
    }
}

static int note_start(void *ctx, const struct tw_salvage_start *start)
{
    *(bool *)ctx = start->has_meta && start->meta.through == RESCUE_ACKED; // else it is an older one
    return TW_OK;
}

static bool knew_the_queue(struct rig *rig)
{
    bool has_meta = false;
    const struct tw_salvage_sink sink = {.ctx = &has_meta, .start = note_start};
    struct tw_salvage_report report;
    struct tw_recorder recorder;
    assert_int_equal(tw_recorder_init(&recorder, rig->vault), TW_OK);
    assert_int_equal(tw_salvage_collect(rig_stats(rig).set_aside, &recorder, &sink, &report), TW_OK);
    tw_recorder_free(&recorder);
    return has_meta;
}

// ---- what is remembered ----

// A sale that came through answers with its id.
static void check_sales(struct rig *rig, struct rescue_past *past, struct rescue_outcome *out)
{
    for (int n = 4; n <= RESCUE_EVENTS; n += 4) {
        char key[16];
        char data[256];
        char id[37];
        const struct rescue_event *event = NULL;
        for (size_t i = 0; i < past->count && event == NULL; i++) {
            event = past->events[i].sequence == (uint64_t)n ? &past->events[i] : NULL;
        }
        if (event == NULL || (event->came == 0 && !event->acked)) {
            continue;
        }
        (void)snprintf(key, sizeof key, "k-%d", n);
        rescue_data(n, data, sizeof data);
        struct tw_journal_result result = rig_sale(rig, key, data);
        assert_int_equal(result.error, TW_OK);
        tw_uuid_text(result.id, id);
        bool same = result.outcome == TW_OUTCOME_REPEAT && strcmp(id, event->id) == 0;
        assert_true(same || event->came == 0);
        out->remembered += same && event->acked;
    }
}

static int count_letter(void *ctx, const struct tw_dead_letter *letter)
{
    ++*(uint64_t *)ctx;
    assert_int_equal(letter->sequence, RESCUE_REJECTED);
    assert_string_equal(letter->reason, "too odd");
    return TW_OK;
}

static void check_remembered(struct rig *rig, struct rescue_past *past, struct rescue_outcome *out)
{
    struct tw_journal_tap tap;
    struct tw_buf lane = {0};
    assert_int_equal(tw_journal_tap(rig->journal, "printer", &tap), TW_OK);
    out->has_tap = tap.known && tap.offset == RESCUE_EVENTS;
    assert_int_equal(tw_journal_lane(rig->journal, "07", &lane), TW_OK);
    out->has_lane = lane.len > 0;
    assert_true(lane.len == 0 || rig_contains(tw_buf_slice(&lane), RESCUE_SECRET));
    tw_buf_free(&lane);
    assert_int_equal(tw_journal_dead_letters(rig->journal, 0, 100, count_letter, &out->letters), TW_OK);
    assert_int_equal(rig_stats(rig).dead_letters, out->letters);
    check_sales(rig, past, out);
    uint64_t next = rig_stats(rig).next_sequence;
    struct tw_journal_result again = rig_submit(rig, batch_of(rig, 221));
    if (again.error != TW_OK) { // requests lie open: a bit of the body's hash was flipped
        assert_int_equal(again.error, TW_ERR_MISMATCH);
        return;
    }
    out->has_request = again.outcome == TW_OUTCOME_REPEAT;
    assert_int_equal(rig_stats(rig).next_sequence, next + !out->has_request);
}

void rescue_check(struct rig *rig, struct rescue_past *past, struct rescue_outcome *out)
{
    struct rescue_outcome outcome = {.kept = 0};
    struct tw_journal_stats stats = rig_stats(rig);
    assert_int_equal(stats.damaged, 1);
    assert_int_equal(access(stats.set_aside, F_OK), 0);
    assert_non_null(strstr(stats.set_aside, "/quarantine/journal-"));
    assert_string_not_equal(stats.epoch, past->epoch);
    assert_false(rescue_exists(rig, "-damaged") || rescue_exists(rig, "-new") ||
                 rescue_exists(rig, "-new-wal") || rescue_exists(rig, "-new-lock"));
    outcome.has_meta = knew_the_queue(rig);
    struct reader reader = {.past = past, .out = &outcome};
    read_all(rig, &reader);
    assert_true(reader.ended);
    assert_true(outcome.again == 0 || !outcome.has_meta);
    assert_int_equal(stats.salvaged, outcome.kept);
    check_remembered(rig, past, &outcome);
    rescue_check_sealed(rig);
    *out = outcome;
}

void rescue_expect_whole(const struct rescue_outcome *out)
{
    assert_true(out->has_meta);
    assert_int_equal(out->kept, RESCUE_EVENTS - RESCUE_ACKED); // the rejected is replaced by its gap
    assert_int_equal(out->again + out->gaps + out->missing, 0);
    assert_int_equal(out->remembered, RESCUE_ACKED / 4);
    assert_true(out->has_tap && out->has_lane && out->has_request);
    assert_int_equal(out->letters, 1);
}

// ---- files ----

static bool holds(const char *path, const char *text)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    (void)fseek(file, 0, SEEK_END);
    size_t len = (size_t)ftell(file);
    (void)fseek(file, 0, SEEK_SET);
    char *bytes = malloc(len + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, len, file), len);
    (void)fclose(file);
    bool found = memmem(bytes, len, text, strlen(text)) != NULL;
    free(bytes);
    return found;
}

static size_t each_file(const char *folder, const char *text, const char *ending)
{
    DIR *dir = opendir(folder);
    size_t count = 0;
    for (struct dirent *entry = dir != NULL ? readdir(dir) : NULL; entry != NULL; entry = readdir(dir)) {
        char path[400];
        size_t len = strlen(entry->d_name);
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        assert_false(text != NULL && entry->d_type == DT_REG && holds(path, text));
        count += len > strlen(ending) && strcmp(entry->d_name + len - strlen(ending), ending) == 0;
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return count;
}

void rescue_check_sealed(const struct rig *rig)
{
    char folder[128];
    (void)snprintf(folder, sizeof folder, "%s/quarantine", rig->folder);
    (void)each_file(rig->folder, "Sandelholz", "");
    (void)each_file(folder, "Sandelholz", "");
}

size_t rescue_set_aside(const struct rig *rig)
{
    char folder[128];
    (void)snprintf(folder, sizeof folder, "%s/quarantine", rig->folder);
    return each_file(folder, NULL, ".db");
}

const char *rescue_path(const struct rig *rig, const char *ending)
{
    static char paths[2][160];
    static unsigned at;
    at ^= 1;
    (void)snprintf(paths[at], sizeof paths[at], "%s%s", rig->path, ending);
    return paths[at];
}

struct rescue_bytes rescue_load(const struct rig *rig, const char *ending)
{
    FILE *file = fopen(rescue_path(rig, ending), "rb");
    assert_non_null(file);
    (void)fseek(file, 0, SEEK_END);
    struct rescue_bytes bytes = {.len = (size_t)ftell(file)};
    (void)fseek(file, 0, SEEK_SET);
    bytes.ptr = malloc(bytes.len + 1);
    assert_non_null(bytes.ptr);
    assert_int_equal(fread(bytes.ptr, 1, bytes.len, file), bytes.len);
    (void)fclose(file);
    return bytes;
}

void rescue_store(const struct rig *rig, const char *ending, struct rescue_bytes bytes)
{
    FILE *file = fopen(rescue_path(rig, ending), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes.ptr, 1, bytes.len, file), bytes.len);
    assert_int_equal(fclose(file), 0);
}

bool rescue_exists(const struct rig *rig, const char *ending)
{
    return access(rescue_path(rig, ending), F_OK) == 0;
}

void rescue_clear(const struct rig *rig)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    char command[128];
    for (size_t i = 0; i < 3; i++) {
        (void)unlink(rescue_path(rig, endings[i]));
    }
    (void)snprintf(command, sizeof command, "rm -rf %s/quarantine", rig->folder);
    assert_int_equal(system(command), 0);
}
