// SPDX-License-Identifier: Apache-2.0
#include "hal/io/folder.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void tw_folder_clear(struct tw_folder *folder)
{
    for (size_t i = 0; i < folder->count; i++) {
        free(folder->files[i]);
    }
    folder->count = 0;
}

bool tw_folder_wants(const char *name)
{
    size_t len = strlen(name);
    return name[0] != '.' && len > 4 && strcasecmp(name + len - 4, ".xml") == 0;
}

bool tw_folder_same(const struct stat *one, const struct stat *other)
{
    return one->st_dev == other->st_dev && one->st_ino == other->st_ino && one->st_size == other->st_size &&
           one->st_mtim.tv_sec == other->st_mtim.tv_sec && one->st_mtim.tv_nsec == other->st_mtim.tv_nsec;
}

static bool is_older(const struct tw_folder_file *one, const struct tw_folder_file *other)
{
    const struct timespec *a = &one->seen.st_mtim;
    const struct timespec *b = &other->seen.st_mtim;
    if (a->tv_sec != b->tv_sec) {
        return a->tv_sec < b->tv_sec;
    }
    return a->tv_nsec != b->tv_nsec ? a->tv_nsec < b->tv_nsec : strcmp(one->name, other->name) < 0;
}

// Where the name stands, or would stand.
static size_t place_of(const struct tw_folder *folder, const char *name)
{
    size_t low = 0;
    size_t high = folder->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(folder->files[middle]->name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct tw_folder_file *tw_folder_find(const struct tw_folder *folder, const char *name)
{
    size_t at = place_of(folder, name);
    return at < folder->count && strcmp(folder->files[at]->name, name) == 0 ? folder->files[at] : NULL;
}

static void take_out(struct tw_folder *folder, size_t at)
{
    folder->youngest = folder->youngest == folder->files[at] ? NULL : folder->youngest;
    free(folder->files[at]);
    folder->count--;
    memmove(&folder->files[at], &folder->files[at + 1], (folder->count - at) * sizeof folder->files[0]);
}

static struct tw_folder_file *find_youngest(const struct tw_folder *folder)
{
    struct tw_folder_file *youngest = folder->files[0];
    for (size_t i = 1; i < folder->count; i++) {
        youngest = is_older(youngest, folder->files[i]) ? folder->files[i] : youngest;
    }
    return youngest;
}

// Makes room for `file` where it is older than one that is known.
static bool make_room(struct tw_folder *folder, const struct tw_folder_file *file)
{
    if (folder->count < TW_FOLDER_FILES) {
        folder->youngest = NULL;
        return true;
    }
    if (folder->youngest == NULL) {
        folder->youngest = find_youngest(folder);
    }
    if (!is_older(file, folder->youngest)) {
        return false;
    }
    take_out(folder, place_of(folder, folder->youngest->name));
    return true;
}

// It is another one than before.
static void renew(struct tw_folder *folder, struct tw_folder_file *file, const struct stat *stat)
{
    file->seen = *stat;
    file->since_ms = folder->now_ms;
    file->not_before_ms = 0;
    file->settled = file->closed = file->told = false;
    folder->youngest = NULL;
}

static int put_in(struct tw_folder *folder, const char *name, const struct stat *stat, bool closed)
{
    size_t len = strlen(name);
    struct tw_folder_file *file = calloc(1, sizeof *file + len + 1);
    if (file == NULL) {
        return TW_ERR_NOMEM;
    }
    file->seen = *stat;
    file->since_ms = folder->now_ms;
    file->look = folder->look;
    file->settled = file->closed = closed;
    memcpy(file->name, name, len + 1);
    if (!make_room(folder, file)) {
        free(file);
        return TW_OK;
    }
    size_t at = place_of(folder, name);
    memmove(&folder->files[at + 1], &folder->files[at], (folder->count - at) * sizeof folder->files[0]);
    folder->files[at] = file;
    folder->count++;
    return TW_OK;
}

void tw_folder_begin(struct tw_folder *folder, int64_t now_ms)
{
    folder->look++;
    folder->waiting = 0;
    folder->now_ms = now_ms;
}

int tw_folder_see(struct tw_folder *folder, const char *name, const struct stat *stat)
{
    folder->waiting++;
    struct tw_folder_file *file = tw_folder_find(folder, name);
    if (file == NULL) {
        return put_in(folder, name, stat, false);
    }
    if (!tw_folder_same(&file->seen, stat)) {
        renew(folder, file, stat);
    } else {
        file->settled = folder->now_ms >= file->not_before_ms;
        file->since_ms = file->since_ms < 0 ? folder->now_ms : file->since_ms;
    }
    file->look = folder->look;
    return TW_OK;
}

void tw_folder_end(struct tw_folder *folder)
{
    size_t kept = 0;
    for (size_t i = 0; i < folder->count; i++) {
        if (folder->files[i]->look == folder->look) {
            folder->files[kept++] = folder->files[i];
        } else {
            free(folder->files[i]);
        }
    }
    folder->count = kept;
    folder->youngest = NULL;
}

int tw_folder_closed(struct tw_folder *folder, const char *name, const struct stat *stat)
{
    struct tw_folder_file *file = tw_folder_find(folder, name);
    if (file == NULL) {
        folder->waiting++;
        return put_in(folder, name, stat, true);
    }
    renew(folder, file, stat);
    file->settled = file->closed = true;
    return TW_OK;
}

struct tw_folder_file *tw_folder_next(const struct tw_folder *folder)
{
    struct tw_folder_file *oldest = NULL;
    for (size_t i = 0; i < folder->count; i++) {
        struct tw_folder_file *file = folder->files[i];
        if (file->settled && (oldest == NULL || is_older(file, oldest))) {
            oldest = file;
        }
    }
    return oldest;
}

void tw_folder_forget(struct tw_folder *folder, const char *name)
{
    size_t at = place_of(folder, name);
    if (at < folder->count && strcmp(folder->files[at]->name, name) == 0) {
        take_out(folder, at);
        folder->waiting -= folder->waiting > 0 ? 1 : 0;
    }
}

void tw_folder_unsettle(struct tw_folder *folder, const char *name, const struct stat *read)
{
    struct tw_folder_file *file = tw_folder_find(folder, name);
    if (file != NULL && tw_folder_same(&file->seen, read)) {
        file->settled = false;
    }
}

void tw_folder_put_off(struct tw_folder *folder, const char *name, const struct stat *read,
                       int64_t not_before_ms)
{
    struct tw_folder_file *file = tw_folder_find(folder, name);
    if (file != NULL && tw_folder_same(&file->seen, read)) {
        file->settled = false;
        file->not_before_ms = not_before_ms;
    }
}

bool tw_folder_is_final(const struct tw_folder *folder, const struct tw_folder_file *file)
{
    return file->closed || (file->since_ms >= 0 && folder->now_ms - file->since_ms >= TW_FOLDER_QUIET_MS);
}

bool tw_folder_has_told(const struct tw_folder *folder)
{
    for (size_t i = 0; i < folder->count; i++) {
        if (folder->files[i]->told) {
            return true;
        }
    }
    return false;
}
