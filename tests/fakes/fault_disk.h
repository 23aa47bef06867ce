// SPDX-License-Identifier: Apache-2.0
//
// The inside of the fault disk: its files and names (fault_disk.c), what SQLite calls (fault_vfs.c), and
// locks and shared memory (fault_lock.c). Users see fault_vfs.h.
//
// Threading: one thread at a time. Memory: files belong to the disk and live while they have a name, on the
// platter or off it, or are open. Time: as set. Errors: SQLite's.
#ifndef TW_FAULT_DISK_H
#define TW_FAULT_DISK_H

#include <sqlite3.h>

#include "tests/fakes/fault_platter.h"

enum { FAULT_SHM_REGIONS = 64 }; // of 32 KiB: an index of 262,144 frames

struct fault_file {
    struct fault_file *next;
    char *name; // NULL: of a temporary file
    struct fault_platter platter;
    bool here;     // its name can be opened
    bool named;    // its name is on the platter
    unsigned open; // handles
    // SQLite's five locks (https://sqlite.org/lockingv3.html): who holds more than SHARED, and how many hold
    // that or more
    const void *writer;
    bool pending;
    unsigned readers;
    // the WAL index: memory that a power cut takes along
    void *regions[FAULT_SHM_REGIONS];
    unsigned attached;
    unsigned shm_readers[SQLITE_SHM_NLOCK];
    const void *shm_writer[SQLITE_SHM_NLOCK];
};

struct fault_handle {
    sqlite3_file base; // first
    struct fault_disk *disk;
    struct fault_file *file;
    int level;
    bool remove;   // when closed
    bool unsafe;   // a torn write may damage what is beside it
    bool attached; // to the WAL index
    unsigned shm_shared, shm_exclusive;
};

struct fault_disk {
    sqlite3_vfs vfs;
    struct fault_file *files;
    uint64_t seed, random; // the random numbers SQLite gets
    enum fault_loss loss;
    bool dead, unsafe, sync_fails, read_fails;
    uint64_t cut_in; // steps; 0: never
    uint64_t steps, written, syncs;
    uint64_t size, used;
    sqlite3_int64 now_ms; // since 1970
};

static inline struct fault_handle *fault_handle_of(sqlite3_file *file)
{
    return (struct fault_handle *)(void *)file;
}

// Counts a step; whether the power failed at it.
bool fault_disk_falls(struct fault_disk *disk);
// A state for fault_random that depends on the seed, the step and the loss.
uint64_t fault_disk_draw(const struct fault_disk *disk);

// NULL: there is none.
struct fault_file *fault_disk_find(const struct fault_disk *disk, const char *name);
// An empty one; without `name` a temporary one. NULL: out of memory.
struct fault_file *fault_disk_add(struct fault_disk *disk, const char *name);
void fault_disk_unlink(struct fault_disk *disk, struct fault_file *file);
// Frees the files that nobody can reach any more.
void fault_disk_sweep(struct fault_disk *disk);
// Syncs the folder: the names are on the platter as they are.
void fault_disk_sync_names(struct fault_disk *disk);

// The methods of the VFS, and those of a file that are about locks and shared memory.
sqlite3_vfs fault_vfs_make(struct fault_disk *disk);
int fault_lock(sqlite3_file *base, int level);
int fault_unlock(sqlite3_file *base, int level);
int fault_is_reserved(sqlite3_file *base, int *reserved);
int fault_shm_map(sqlite3_file *base, int region, int bytes, int extend, void volatile **out);
int fault_shm_lock(sqlite3_file *base, int first, int count, int flags);
void fault_shm_barrier(sqlite3_file *base);
int fault_shm_unmap(sqlite3_file *base, int remove);
void fault_shm_free(struct fault_file *file); // the power is gone, or nobody is attached

#endif
