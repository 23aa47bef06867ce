// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/fault_disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct copy {
    struct copy *next;
    char *name;
    struct fault_platter platter; // nothing in its log
};

struct fault_image {
    struct copy *copies;
};

// ---- files and names ----

struct fault_file *fault_disk_find(const struct fault_disk *disk, const char *name)
{
    for (struct fault_file *file = disk->files; file != NULL; file = file->next) {
        if (file->here && file->name != NULL && strcmp(file->name, name) == 0) {
            return file;
        }
    }
    return NULL;
}

struct fault_file *fault_disk_add(struct fault_disk *disk, const char *name)
{
    struct fault_file *file = calloc(1, sizeof *file);
    if (file == NULL) {
        return NULL;
    }
    file->name = name != NULL ? strdup(name) : NULL;
    if (name != NULL && file->name == NULL) {
        free(file);
        return NULL;
    }
    file->here = true;
    file->next = disk->files;
    disk->files = file;
    return file;
}

// Frees the files that nobody can reach any more.
void fault_disk_sweep(struct fault_disk *disk)
{
    for (struct fault_file **at = &disk->files; *at != NULL;) {
        struct fault_file *file = *at;
        if (file->here || file->named || file->open > 0) {
            at = &file->next;
            continue;
        }
        *at = file->next;
        fault_shm_free(file);
        fault_platter_free(&file->platter);
        free(file->name);
        free(file);
    }
}

void fault_disk_unlink(struct fault_disk *disk, struct fault_file *file)
{
    disk->used -= file->platter.now.len;
    file->here = false;
}

void fault_disk_sync_names(struct fault_disk *disk)
{
    for (struct fault_file *file = disk->files; file != NULL; file = file->next) {
        file->named = file->here && file->name != NULL;
    }
    fault_disk_sweep(disk);
}

// ---- steps ----

bool fault_disk_falls(struct fault_disk *disk)
{
    disk->steps++;
    if (disk->cut_in > 0 && --disk->cut_in == 0) {
        disk->dead = true;
    }
    return disk->dead;
}

uint64_t fault_disk_draw(const struct fault_disk *disk)
{
    uint64_t random = disk->seed;
    return fault_random(&random, UINT64_MAX) ^ disk->steps << 8 ^ (uint64_t)disk->loss;
}

// ---- the disk ----

// As the journal's database configures the library (agent/journal/db.c), which comes too late once a VFS is
// registered.
static void configure_library(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_PAGECACHE, NULL, 0, 0);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)sqlite3_config(SQLITE_CONFIG_MULTITHREAD);
}

struct fault_disk *fault_disk_new(uint64_t seed)
{
    configure_library();
    struct fault_disk *disk = calloc(1, sizeof *disk);
    if (disk == NULL) {
        return NULL;
    }
    disk->seed = seed;
    disk->random = seed;
    disk->now_ms = INT64_C(1795338900000); // 2026-11-22T09:15:00Z
    disk->vfs = fault_vfs_make(disk);
    if (sqlite3_vfs_register(&disk->vfs, 1) != SQLITE_OK) {
        free(disk);
        return NULL;
    }
    sqlite3_randomness(0, NULL); // SQLite's generator starts over from this disk's numbers
    return disk;
}

// Of the disk's own; a test cannot go on.
_Noreturn static void out_of_memory(void)
{
    (void)fprintf(stderr, "the fault disk: out of memory\n");
    abort();
}

static void must_be_closed(const struct fault_disk *disk)
{
    for (const struct fault_file *file = disk->files; file != NULL; file = file->next) {
        if (file->open > 0) {
            (void)fprintf(stderr, "the fault disk: %s is still open\n", file->name);
            abort();
        }
    }
}

static void remove_files(struct fault_disk *disk)
{
    for (struct fault_file *file = disk->files; file != NULL; file = file->next) {
        file->here = false;
        file->named = false;
    }
    disk->used = 0;
    fault_disk_sweep(disk);
}

void fault_disk_free(struct fault_disk *disk)
{
    if (disk != NULL) {
        must_be_closed(disk);
        remove_files(disk);
        (void)sqlite3_vfs_unregister(&disk->vfs);
        free(disk);
    }
}

void fault_disk_cut_at(struct fault_disk *disk, uint64_t step)
{
    disk->cut_in = step;
}

bool fault_disk_is_dead(const struct fault_disk *disk)
{
    return disk->dead;
}

uint64_t fault_disk_steps(const struct fault_disk *disk)
{
    return disk->steps;
}

void fault_disk_set_loss(struct fault_disk *disk, enum fault_loss loss)
{
    disk->loss = loss;
}

// Whether a change of names that was not synced is on the platter.
static bool name_arrives(const struct fault_disk *disk, uint64_t *random)
{
    return disk->loss == FAULT_LOSE_NONE || (disk->loss != FAULT_LOSE_ALL && fault_random(random, 2) == 0);
}

static bool has_namesake(const struct fault_disk *disk, const struct fault_file *gone)
{
    for (const struct fault_file *file = disk->files; file != NULL; file = file->next) {
        if (file != gone && file->named && strcmp(file->name, gone->name) == 0) {
            return true;
        }
    }
    return false;
}

static void lose_names(struct fault_disk *disk, uint64_t *random)
{
    for (struct fault_file *file = disk->files; file != NULL; file = file->next) {
        if (file->here && !file->named && file->name != NULL) {
            file->named = name_arrives(disk, random);
        }
    }
    for (struct fault_file *file = disk->files; file != NULL; file = file->next) {
        if (!file->here && file->named && (has_namesake(disk, file) || name_arrives(disk, random))) {
            file->named = false;
        }
        file->here = file->named;
    }
    fault_disk_sweep(disk);
}

void fault_disk_restart(struct fault_disk *disk)
{
    must_be_closed(disk);
    uint64_t random = fault_disk_draw(disk);
    lose_names(disk, &random);
    disk->used = 0;
    for (struct fault_file *file = disk->files; file != NULL; file = file->next) {
        fault_shm_free(file);
        if (!fault_platter_lose(&file->platter, disk->loss, !disk->unsafe, &random) ||
            !fault_platter_reload(&file->platter)) {
            out_of_memory();
        }
        disk->used += file->platter.now.len;
    }
    disk->dead = false;
    disk->cut_in = 0;
    sqlite3_randomness(0, NULL);
}

void fault_disk_set_size(struct fault_disk *disk, uint64_t bytes)
{
    disk->size = bytes;
}

uint64_t fault_disk_used(const struct fault_disk *disk)
{
    return disk->used;
}

void fault_disk_fail_sync(struct fault_disk *disk, bool fail)
{
    disk->sync_fails = fail;
}

void fault_disk_fail_read(struct fault_disk *disk, bool fail)
{
    disk->read_fails = fail;
}

void fault_disk_set_time(struct fault_disk *disk, int64_t wall_ms)
{
    disk->now_ms = wall_ms;
}

uint64_t fault_disk_written(const struct fault_disk *disk)
{
    return disk->written;
}

uint64_t fault_disk_syncs(const struct fault_disk *disk)
{
    return disk->syncs;
}

// ---- images ----

static void free_copy(struct copy *copy)
{
    fault_platter_free(&copy->platter);
    free(copy->name);
    free(copy);
}

void fault_image_free(struct fault_image *image)
{
    while (image != NULL && image->copies != NULL) {
        struct copy *copy = image->copies;
        image->copies = copy->next;
        free_copy(copy);
    }
    free(image);
}

// What is read of `from` becomes all there is of `to`, and durable.
static bool copy_platter(struct fault_platter *to, const struct fault_platter *from)
{
    return (from->now.len == 0 || fault_platter_write(to, 0, from->now.ptr, from->now.len)) &&
           fault_platter_sync(to);
}

static bool copy_file(struct fault_image *image, const struct fault_file *file)
{
    struct copy *copy = calloc(1, sizeof *copy);
    if (copy == NULL) {
        return false;
    }
    copy->name = strdup(file->name);
    if (copy->name == NULL || !copy_platter(&copy->platter, &file->platter)) {
        free_copy(copy);
        return false;
    }
    copy->next = image->copies;
    image->copies = copy;
    return true;
}

struct fault_image *fault_disk_image(const struct fault_disk *disk)
{
    must_be_closed(disk);
    struct fault_image *image = calloc(1, sizeof *image);
    bool done = image != NULL;
    for (const struct fault_file *file = disk->files; file != NULL && done; file = file->next) {
        done = !file->here || copy_file(image, file);
    }
    if (!done) {
        out_of_memory();
    }
    return image;
}

void fault_disk_put_back(struct fault_disk *disk, const struct fault_image *image)
{
    must_be_closed(disk);
    remove_files(disk);
    for (const struct copy *copy = image->copies; copy != NULL; copy = copy->next) {
        struct fault_file *file = fault_disk_add(disk, copy->name);
        if (file == NULL || !copy_platter(&file->platter, &copy->platter)) {
            out_of_memory();
        }
        file->named = true;
        disk->used += file->platter.now.len;
    }
    disk->dead = false;
    disk->cut_in = 0;
}
