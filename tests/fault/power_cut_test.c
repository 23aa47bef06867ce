// SPDX-License-Identifier: Apache-2.0
//
// P1, P2, P3, P4 under power cuts: a piece of a store's day is played on a fresh copy of the disk again and
// again, and the power fails at its first step, at its second, and so on to its end; what was written and
// not synced is lost, kept, lost in part or torn in turn. After each cut the journal must start, hold what
// was accepted, byte by byte as it was published, in order, once, and go on. Then comes the next piece.
//
// usage: power_cut_test [--points N] [--seed N] [--from N]
#include <inttypes.h>
#include <sqlite3.h>
#include <time.h>
#include <unistd.h>

#include "tests/fakes/fault_platter.h"
#include "tests/fault/power_script.h"

// Of a piece without room: a commit that gives up a few hundred events has as many steps.
enum { TIGHT_SEEDS = 4, TIGHT_EVENTS = 1400, TIGHT_BYTES = 60 * 1024, TIGHT_POINTS = 25 };
enum { DEFAULT_POINTS = 2500, PIECES = 4, AGAIN_MAX = 2, TELL_EVERY_S = 10, TELL_FAULTS = 20 };

struct options {
    uint64_t points, seed, from;
};

// Where a cut is.
struct point {
    uint64_t seed, piece, step;
    enum fault_loss loss;
};

// From where a piece is played.
struct base {
    struct fault_image *image; // NULL: an empty disk
    struct world world;
    uint64_t numbered;
    uint64_t max_bytes; // of the journal; 0: no limit
};

struct figures {
    uint64_t points, accepted, missing, doubled, disordered, refused, given_up;
};

struct run {
    struct options options;
    struct figures figures;
    uint64_t number; // of the point
    uint64_t faults;
    char folder[64];
    char path[96];
    struct tw_seal *seal;
    struct tw_vault *vault;
    struct base base;
    struct script *script;
    time_t begin_s, told_s;
};

static const char *const losses[FAULT_LOSSES] = {"all", "none", "some", "tear"};

static time_t now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static void tell_fault(struct run *run, const struct point *point, const char *what, const char *text)
{
    if (run->faults++ < TELL_FAULTS) {
        (void)fprintf(stderr,
                      "seed %" PRIu64 " piece %" PRIu64 " step %" PRIu64 " (%s), losing %s: %s: %s\n"
                      "  again: power_cut_test --seed %" PRIu64 " --from %" PRIu64 " --points 1\n",
                      point->seed, point->piece, point->step, run->script->step, losses[point->loss], what,
                      text, run->options.seed, run->number);
    }
}

static void count_faults(struct run *run, const struct point *point)
{
    const struct script *script = run->script;
    run->figures.missing += script->faults.missing;
    run->figures.doubled += script->faults.doubled;
    run->figures.disordered += script->faults.disordered;
    if (world_is_wrong(&script->faults)) {
        tell_fault(run, point, "broken", script->faults.text);
    } else {
        run->figures.refused++;
        tell_fault(run, point, tw_err_name(script->error), script->faults.text);
    }
}

// ---- one point ----

static void start_again(struct run *run, const struct point *point)
{
    struct script *script = run->script;
    uint64_t seed = point->seed * 1000003 + point->piece;
    struct fault_disk *disk = fault_disk_new(seed * 4099 + point->step);
    if (disk == NULL) {
        (void)fprintf(stderr, "out of memory\n");
        abort();
    }
    if (run->base.image != NULL) {
        fault_disk_put_back(disk, run->base.image);
    }
    fault_disk_set_loss(disk, point->loss);
    fault_disk_cut_at(disk, point->step);
    script_init(script, disk, run->path, run->seal, run->vault, seed);
    script->world = run->base.world;
    script->numbered = run->base.numbered;
    script->options.max_bytes = run->base.max_bytes;
}

// Opens after the cut. Now and then the power fails again while the journal recovers.
static int open_after_cut(struct script *script, uint64_t random)
{
    for (int i = 0; i < AGAIN_MAX; i++) {
        fault_disk_restart(script->disk);
        if (fault_random(&random, 3) != 0) {
            break;
        }
        fault_disk_cut_at(script->disk, 1 + fault_random(&random, 30));
        int rc = script_open(script);
        if (rc != TW_OK && !fault_disk_is_dead(script->disk)) {
            return rc;
        }
        tw_store_close(script->store);
        script->store = NULL;
        script->faults.text[0] = 0;
        if (!fault_disk_is_dead(script->disk)) {
            break;
        }
    }
    if (fault_disk_is_dead(script->disk)) {
        fault_disk_restart(script->disk);
    }
    fault_disk_cut_at(script->disk, 0);
    // A clock without a battery may have lost hours.
    script->clock.wall_ms -= fault_random(&random, 4) == 0 ? (int64_t)fault_random(&random, 7200000) : 0;
    return script_open(script);
}

// The journal is as if the commit that was cut had happened, or as if not.
static bool is_one_of_two(struct script *script, bool started)
{
    struct world_view *view = world_look(script->store, &script->error);
    if (view == NULL) {
        return false;
    }
    world_compare(&script->world, view, &script->faults);
    if (world_is_wrong(&script->faults) && script->committing) {
        struct world_faults faults = {.missing = 0};
        world_compare(&script->next, view, &faults);
        if (!world_is_wrong(&faults)) {
            script->world = script->next;
            script->faults = faults;
        }
    }
    if (!world_is_wrong(&script->faults)) {
        world_adopt(&script->world, view, started);
    }
    world_view_free(view);
    return !world_is_wrong(&script->faults);
}

static bool is_whole(struct script *script)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    bool whole = sqlite3_open_v2(script->options.path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
                 sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL) == SQLITE_OK &&
                 sqlite3_step(stmt) == SQLITE_ROW &&
                 strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;
    if (!whole) {
        world_fault(&script->faults, &script->faults.disordered, "the file is damaged: %s",
                    stmt != NULL ? (const char *)sqlite3_column_text(stmt, 0) : sqlite3_errmsg(db));
    }
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return whole;
}

// Whether everything is as it should be after the cut, and goes on.
static bool is_sound(struct script *script, uint64_t random)
{
    tw_store_close(script->store);
    script->store = NULL;
    script->error = open_after_cut(script, random);
    bool sound = script->error == TW_OK && is_one_of_two(script, true) && is_whole(script) &&
                 script_again(script) == SCRIPT_DONE && script_one(script) == SCRIPT_DONE &&
                 is_one_of_two(script, false);
    // Now and then to the last event.
    if (sound && (script->options.max_bytes > 0 || fault_random(&random, 8) == 0)) {
        sound = script_drain(script) == SCRIPT_DONE;
    }
    tw_store_close(script->store);
    script->store = NULL;
    if (sound) {
        world_settle(&script->world);
    }
    return sound;
}

// Plays the piece with its cut; whether it came to that. After a fault nothing can be said about the rest.
static enum script_end play(struct run *run, const struct point *point)
{
    start_again(run, point);
    struct script *script = run->script;
    enum script_end end = script_run(script);
    if (end == SCRIPT_CUT && !is_sound(script, script->random ^ point->step)) {
        end = SCRIPT_BROKEN;
    }
    if (end == SCRIPT_BROKEN) {
        count_faults(run, point);
        tw_store_close(script->store);
    }
    return end;
}

static void tell_progress(struct run *run)
{
    if (now_s() - run->told_s >= TELL_EVERY_S) {
        run->told_s = now_s();
        (void)fprintf(stderr, "%" PRIu64 " points\n", run->figures.points);
    }
}

// ---- pieces ----

static void keep_base(struct run *run)
{
    fault_image_free(run->base.image);
    run->base.image = fault_disk_image(run->script->disk);
    run->base.world = run->script->world;
    run->base.numbered = run->script->numbered;
}

// The next piece begins where this one ended in good order, or where a cut left it.
static bool next_base(struct run *run, struct point *point, uint64_t steps)
{
    uint64_t random = point->seed ^ point->piece << 32;
    bool cut = fault_random(&random, 2) == 0;
    point->step = cut ? 1 + fault_random(&random, steps) : 0;
    bool sound = play(run, point) != SCRIPT_BROKEN;
    if (sound) {
        keep_base(run);
    }
    fault_disk_free(run->script->disk);
    return sound;
}

// Before this piece the queue grew beyond the send limit, and now there is no room: what may be given up is.
static bool make_tight(struct run *run, const struct point *point)
{
    struct point whole = *point;
    whole.step = 0;
    start_again(run, &whole);
    bool sound = script_fill(run->script, TIGHT_EVENTS) == SCRIPT_DONE;
    if (sound) {
        keep_base(run);
        run->base.max_bytes = fault_disk_used(run->script->disk) - TIGHT_BYTES;
    } else {
        count_faults(run, point);
        tw_store_close(run->script->store);
    }
    fault_disk_free(run->script->disk);
    return sound;
}

static uint64_t steps_of(struct run *run, const struct point *point)
{
    struct point whole = *point;
    whole.step = 0;
    uint64_t steps = play(run, &whole) == SCRIPT_DONE ? fault_disk_steps(run->script->disk) : 0;
    fault_disk_free(run->script->disk);
    return steps;
}

// Every step of the piece; whether another piece can follow.
static bool play_piece(struct run *run, struct point *point)
{
    bool tight = point->piece == PIECES - 1 && point->seed % TIGHT_SEEDS == 0;
    if (tight && !make_tight(run, point)) {
        return false;
    }
    uint64_t steps = steps_of(run, point);
    uint64_t last = run->options.from + run->options.points;
    uint64_t stride = tight ? 1 + steps / TIGHT_POINTS : 1;
    for (point->step = 1; point->step <= steps && run->number < last; point->step += stride, run->number++) {
        if (run->number < run->options.from) {
            continue;
        }
        point->loss = (enum fault_loss)((point->step + point->seed + point->piece) % FAULT_LOSSES);
        if (play(run, point) == SCRIPT_CUT) {
            run->figures.points++;
            run->figures.accepted += run->script->world.accepted;
            run->figures.given_up += run->script->given_up;
        }
        fault_disk_free(run->script->disk);
        tell_progress(run);
    }
    return steps > 0 && next_base(run, point, steps);
}

static void play_all(struct run *run)
{
    uint64_t last = run->options.from + run->options.points;
    for (struct point point = {.seed = run->options.seed}; run->number < last; point.seed++) {
        fault_image_free(run->base.image);
        run->base = (struct base){.image = NULL};
        world_begin(&run->base.world);
        bool goes_on = true;
        for (point.piece = 0; point.piece < PIECES && goes_on && run->number < last; point.piece++) {
            goes_on = play_piece(run, &point);
        }
        if (!goes_on && run->faults > TELL_FAULTS) {
            return;
        }
    }
}

// ---- the program ----

static void remove_folder(const struct run *run)
{
    static const char *const names[] = {"journal.db", "journal.db-lock", "journal.key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", run->folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(run->folder);
}

static bool set_up(struct run *run)
{
    (void)snprintf(run->folder, sizeof run->folder, "/tmp/tillwire-power-XXXXXX");
    run->script = calloc(1, sizeof *run->script);
    if (run->script == NULL || mkdtemp(run->folder) == NULL) {
        return false;
    }
    (void)snprintf(run->path, sizeof run->path, "%s/journal.db", run->folder);
    run->begin_s = now_s();
    run->told_s = run->begin_s;
    char key[128];
    (void)snprintf(key, sizeof key, "%s/journal.key", run->folder);
    return tw_seal_new(&run->seal, NULL) == TW_OK &&
           tw_vault_load(run->seal, key, true, &run->vault, NULL) == TW_OK;
}

static void tell_figures(const struct run *run, double seconds)
{
    const struct figures *figures = &run->figures;
    (void)printf("{\"seed\":%" PRIu64 ",\"points\":%" PRIu64 ",\"accepted\":%" PRIu64 ",\"missing\":%" PRIu64
                 ",\"doubled\":%" PRIu64 ",\"disordered\":%" PRIu64 ",\"refused\":%" PRIu64
                 ",\"given_up\":%" PRIu64 ",\"seconds\":%.1f}\n",
                 run->options.seed, figures->points, figures->accepted, figures->missing, figures->doubled,
                 figures->disordered, figures->refused, figures->given_up, seconds);
}

static bool read_options(int argc, char **argv, struct options *options)
{
    *options = (struct options){.points = DEFAULT_POINTS, .seed = 1};
    for (int i = 1; i < argc; i += 2) {
        uint64_t *value = strcmp(argv[i], "--points") == 0 ? &options->points
                          : strcmp(argv[i], "--seed") == 0 ? &options->seed
                          : strcmp(argv[i], "--from") == 0 ? &options->from
                                                           : NULL;
        if (value == NULL || i + 1 == argc) {
            (void)fprintf(stderr, "usage: power_cut_test [--points N] [--seed N] [--from N]\n");
            return false;
        }
        *value = strtoull(argv[i + 1], NULL, 10);
    }
    return true;
}

int main(int argc, char **argv)
{
    struct run run = {.number = 0};
    if (!read_options(argc, argv, &run.options)) {
        return 2;
    }
    if (!set_up(&run)) {
        (void)fprintf(stderr, "no folder can be made under /tmp, or memory is out\n");
        return 2;
    }
    struct timespec begin;
    struct timespec end;
    (void)clock_gettime(CLOCK_MONOTONIC, &begin);
    play_all(&run);
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    tell_figures(&run, (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9);
    fault_image_free(run.base.image);
    tw_vault_free(run.vault);
    tw_seal_free(run.seal);
    free(run.script);
    remove_folder(&run);
    // The last step of a piece is not always reached: what is done at rest depends on how long that was.
    uint64_t missed = run.options.points - run.figures.points;
    return run.faults == 0 && missed <= run.options.points / 1000 ? 0 : 1;
}
