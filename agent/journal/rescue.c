// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/rescue.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/journal/page_file.h"
#include "agent/journal/quarantine.h"
#include "agent/journal/takeover.h"

// In the marker there is a name and a newline: what a power cut left half written is none.
#define ASIDE_FORM "journal-%.16s-%d.db"
enum { NAME_BYTES = 48 };

struct place {
    char path[PATH_MAX];   // of the journal
    char marker[PATH_MAX]; // PATH-damaged
    char made[PATH_MAX];   // PATH-new: the journal that is being made
    char folder[PATH_MAX]; // quarantine/ beside it
    char name[NAME_BYTES]; // of the damaged one in there
    char aside[PATH_MAX];  // both together
    int marker_fd;
};

static int fail(const struct place *place, const char *doing, struct tw_error_text *err)
{
    return tw_fail(err, TW_ERR_IO, "setting the damaged journal %s aside: %s: %s; check the disk",
                   place->path, doing, strerror(errno));
}

static int sync_folder(const char *path)
{
    char copy[PATH_MAX];
    (void)snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0 ? TW_OK : TW_ERR_IO;
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

// The file beside `base` with this ending.
static void with_ending(char out[PATH_MAX], const char *base, const char *ending)
{
    (void)snprintf(out, PATH_MAX, "%.*s%s", PATH_MAX - 16, base, ending);
}

// ---- the marker ----

static void set_aside(struct place *place)
{
    (void)snprintf(place->aside, sizeof place->aside, "%.*s/%s", PATH_MAX - 2 * NAME_BYTES, place->folder,
                   place->name);
}

// A name that was not used yet: quarantine/journal-20261122T091500Z-1.db.
static void name_aside(struct place *place)
{
    char when[32];
    struct tm tm;
    time_t now = time(NULL);
    (void)strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", gmtime_r(&now, &tm));
    for (int i = 1; i == 1 || exists(place->aside); i++) {
        (void)snprintf(place->name, sizeof place->name, ASIDE_FORM, when, i);
        set_aside(place);
    }
}

static int write_marker(struct place *place, struct tw_error_text *err)
{
    char line[NAME_BYTES + 1];
    name_aside(place);
    int len = snprintf(line, sizeof line, "%s\n", place->name);
    bool good = ftruncate(place->marker_fd, 0) == 0 &&
                pwrite(place->marker_fd, line, (size_t)len, 0) == (ssize_t)len &&
                fsync(place->marker_fd) == 0 && sync_folder(place->path) == TW_OK;
    return good ? TW_OK : fail(place, "writing the marker", err);
}

// 1: a rescue was under way and `aside` is known.
static int read_marker(struct place *place)
{
    char line[NAME_BYTES + 1] = "";
    char when[17];
    char count[10];
    int len = 0;
    ssize_t have = pread(place->marker_fd, line, sizeof line - 1, 0);
    if (have < 2 || line[have - 1] != '\n' ||
        sscanf(line, "journal-%16[0-9TZ]-%9[0-9].db\n%n", when, count, &len) != 2 || len != have) {
        return 0;
    }
    line[have - 1] = '\0';
    memcpy(place->name, line, (size_t)have);
    set_aside(place);
    return 1;
}

static int open_marker(struct place *place, bool make, struct tw_error_text *err)
{
    place->marker_fd = open(place->marker, O_RDWR | O_CLOEXEC | (make ? O_CREAT : 0), 0600);
    if (place->marker_fd < 0) {
        return errno == ENOENT ? TW_ERR_NOT_FOUND : fail(place, "opening the marker", err);
    }
    if (flock(place->marker_fd, LOCK_EX | LOCK_NB) != 0) {
        return tw_fail(err, TW_ERR_AGAIN,
                       "opening the journal %s: another process is repairing it; stop the other process",
                       place->path);
    }
    return TW_OK;
}

// ---- the steps ----

// The WAL goes first: while the database is still there, the marker says that this goes on.
static int move_aside(struct place *place, struct tw_error_text *err)
{
    static const char *const endings[] = {"-wal", "-shm", ""};
    if (mkdir(place->folder, 0700) != 0 && errno != EEXIST) {
        return fail(place, "making the folder quarantine", err);
    }
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char from[PATH_MAX];
        char to[PATH_MAX];
        with_ending(from, place->path, endings[i]);
        with_ending(to, place->aside, endings[i]);
        if (rename(from, to) != 0 && errno != ENOENT) {
            return fail(place, "moving it", err);
        }
    }
    // Where only a WAL was left, an empty file stands for the database: it says that all is moved.
    int fd = open(place->aside, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fail(place, "moving it", err);
    }
    (void)close(fd);
    bool synced = sync_folder(place->aside) == TW_OK && sync_folder(place->path) == TW_OK;
    return synced ? TW_OK : fail(place, "syncing the folders", err);
}

static int make_new(const struct place *place, const struct tw_journal_options *options,
                    struct tw_rescue *rescue, struct tw_error_text *err)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        char old[PATH_MAX];
        with_ending(old, place->made, endings[i]);
        (void)unlink(old); // of an attempt that was cut short
    }
    struct tw_journal_options made = *options;
    struct tw_store *store = NULL;
    made.path = place->made;
    made.max_bytes = made.reserve_bytes = 0;
    int rc = tw_store_open(&made, &store, err);
    if (rc != TW_OK) {
        return rc;
    }
    rc = tw_takeover(store, place->aside, &rescue->salvaged, err);
    if (rc != TW_OK) {
        tw_store_abandon(store);
        return rc;
    }
    tw_store_close(store);
    char rest[PATH_MAX];
    with_ending(rest, place->made, "-lock");
    (void)unlink(rest);
    with_ending(rest, place->made, "-wal");
    if (exists(rest)) { // the disk had no room to bring it all into the one file
        return tw_fail(err, TW_ERR_FULL,
                       "making the journal %s anew: it cannot be finished; make room on the disk",
                       place->path);
    }
    if (rename(place->made, place->path) != 0 || sync_folder(place->path) != TW_OK) {
        return fail(place, "putting the new one in its place", err);
    }
    return TW_OK;
}

// From wherever it stands: nothing moved, moved but nothing made, or all done but the marker.
static int go_on(struct place *place, const struct tw_journal_options *options, struct tw_rescue *rescue,
                 struct tw_error_text *err)
{
    int rc = TW_OK;
    if (!exists(place->aside)) {
        rc = move_aside(place, err);
    }
    if (rc == TW_OK && !exists(place->path)) {
        tw_quarantine_tidy(place->folder, place->name, options->max_bytes); // the new one needs the room
        rc = make_new(place, options, rescue, err);
    }
    if (rc == TW_OK && (unlink(place->marker) != 0 || sync_folder(place->path) != TW_OK)) {
        rc = fail(place, "removing the marker", err);
    }
    if (rc == TW_OK) {
        rescue->damaged++;
        (void)snprintf(rescue->set_aside, sizeof rescue->set_aside, "%.511s", place->aside);
    }
    return rc;
}

static int finish_or_begin(const struct tw_journal_options *options, bool damaged, struct tw_rescue *rescue,
                           struct tw_error_text *err)
{
    struct place place = {.marker_fd = -1};
    with_ending(place.path, options->path, "");
    with_ending(place.marker, options->path, "-damaged");
    with_ending(place.made, options->path, "-new");
    char copy[PATH_MAX];
    with_ending(copy, options->path, "");
    (void)snprintf(place.folder, sizeof place.folder, "%.*s/quarantine", PATH_MAX - 16, dirname(copy));
    int rc = open_marker(&place, damaged, err);
    if (rc == TW_OK) {
        bool begun = read_marker(&place) == 1;
        rc = begun || !damaged ? TW_OK : tw_takeover_check(place.path, options, err);
        if (rc != TW_OK) {
            (void)unlink(place.marker);
        }
        rc = rc != TW_OK || begun ? rc : damaged ? write_marker(&place, err) : TW_ERR_NOT_FOUND;
    }
    rc = rc == TW_OK ? go_on(&place, options, rescue, err) : rc;
    if (place.marker_fd >= 0) {
        (void)close(place.marker_fd);
    }
    return rc == TW_ERR_NOT_FOUND ? TW_OK : rc;
}

// ---- what SQLite would not tell ----

// Whether the WAL holds more than SQLite will take from it. What is damaged in it SQLite passes over in
// silence, with all that follows, and then writes over it: also where the database itself is gone. One commit
// that is not whole is what a power cut leaves.
static bool is_cut_short(const char *path)
{
    char wal_path[PATH_MAX];
    struct tw_page_file *file = NULL;
    struct stat database;
    struct stat wal;
    with_ending(wal_path, path, "-wal");
    if (stat(wal_path, &wal) != 0 || wal.st_size == 0 ||
        tw_page_file_open(path, TW_STORE_PAGE_BYTES, &file) != TW_OK) {
        return false;
    }
    bool is_gone = stat(path, &database) != 0 || database.st_size == 0;
    struct tw_page_file_wal report = tw_page_file_wal(file);
    tw_page_file_close(file);
    return report.commits > (report.sound ? 1 : 0) || (is_gone && report.used > 0);
}

// Only while nobody writes to it: the lock is the one that opening takes (db.c).
static bool has_lost_its_end(const char *path)
{
    char lock_path[PATH_MAX];
    with_ending(lock_path, path, "-lock");
    int lock = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    bool lost = lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0 && is_cut_short(path);
    if (lock >= 0) {
        (void)close(lock);
    }
    return lost;
}

static int open_and_check(const struct tw_journal_options *options, struct tw_store **out,
                          struct tw_error_text *err)
{
    struct tw_store *store = NULL;
    int rc = tw_store_open(options, &store, err);
    rc = rc != TW_OK ? rc : tw_store_check(store, err);
    if (rc == TW_OK) {
        // What a sync failed for before may be read from the system's cache and still not be on the disk: all
        // that was found goes into the file, with a sync of its own. If it cannot, commits will say so.
        (void)!tw_store_settle(store);
    }
    if (rc != TW_OK) {
        tw_store_abandon(store);
        return rc;
    }
    *out = store;
    return TW_OK;
}

int tw_rescue_open(const struct tw_journal_options *options, bool damaged, struct tw_store **out,
                   struct tw_rescue *rescue, struct tw_error_text *err)
{
    int rc = finish_or_begin(options, damaged, rescue, err);
    if (rc != TW_OK) {
        return rc;
    }
    rc = !damaged && has_lost_its_end(options->path) ? TW_ERR_DAMAGED : open_and_check(options, out, err);
    if (rc == TW_ERR_DAMAGED && !damaged) {
        rc = finish_or_begin(options, true, rescue, err);
        rc = rc != TW_OK ? rc : open_and_check(options, out, err);
    }
    return rc;
}
