// SPDX-License-Identifier: Apache-2.0
//
// A disk in memory for SQLite that can lose its power. It keeps two images of each file: what a reader
// sees now, and what is known to be on the platter (as of the last xSync). A power cut at any write, sync,
// truncate or delete leaves the platter's image plus any part of what was written since: whole sectors
// dropped, torn in the middle, applied in another order. It can also be full, refuse to sync, and report
// read errors. One seed is one history.
//
// Threading: one thread at a time. Memory: all files live in the disk; freed by fault_disk_free.
// Time: none (SQLite's xCurrentTime is that of fault_disk_set_time). Errors: SQLite's.
#ifndef TW_FAULT_VFS_H
#define TW_FAULT_VFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fault_disk;

// Makes an empty disk and registers it as SQLite's default VFS until fault_disk_free.
struct fault_disk *fault_disk_new(uint64_t seed);
void fault_disk_free(struct fault_disk *disk);

// The power fails at step number `step` counted from now (1: the next one; 0: never). A step is each write,
// sync, truncate or delete. From then on every operation fails with SQLITE_IOERR until fault_disk_restart.
void fault_disk_cut_at(struct fault_disk *disk, uint64_t step);
bool fault_disk_is_dead(const struct fault_disk *disk);
uint64_t fault_disk_steps(const struct fault_disk *disk); // since it was made

// How unsynced writes end at a cut. All are drawn from the seed.
enum fault_loss {
    FAULT_LOSE_ALL,  // none of them reached the platter
    FAULT_LOSE_NONE, // all did
    FAULT_LOSE_SOME, // each sector or not, in any order
    FAULT_TEAR,      // likewise, and one write is torn within a sector
    FAULT_LOSSES,
};
void fault_disk_set_loss(struct fault_disk *disk, enum fault_loss loss);

// The power comes back: the platter is what is read now. All handles must have been closed.
void fault_disk_restart(struct fault_disk *disk);

// Room for all files together; writes beyond it give SQLITE_FULL. 0: without limit (the default).
void fault_disk_set_size(struct fault_disk *disk, uint64_t bytes);
uint64_t fault_disk_used(const struct fault_disk *disk);
// Every sync fails with SQLITE_IOERR_FSYNC while set.
void fault_disk_fail_sync(struct fault_disk *disk, bool fail);
// Every read fails with SQLITE_IOERR_READ while set.
void fault_disk_fail_read(struct fault_disk *disk, bool fail);
// What SQLite takes for the wall clock; it stands still.
void fault_disk_set_time(struct fault_disk *disk, int64_t wall_ms);

// Copies all files as they are, as a disk image is taken, and puts such a copy back. No handles open.
struct fault_image;
struct fault_image *fault_disk_image(const struct fault_disk *disk);
void fault_disk_put_back(struct fault_disk *disk, const struct fault_image *image);
void fault_image_free(struct fault_image *image);

// Bytes written and syncs done, for figures.
uint64_t fault_disk_written(const struct fault_disk *disk);
uint64_t fault_disk_syncs(const struct fault_disk *disk);

#endif
