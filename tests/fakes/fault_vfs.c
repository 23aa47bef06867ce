// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/fault_vfs.h"

#include <stdio.h>
#include <string.h>

#include "tests/fakes/fault_disk.h"

enum { NAME_MAX_BYTES = 512, SECTOR_REPORTED_BYTES = 4096 };

// ---- reading and writing ----

static int read_file(sqlite3_file *base, void *out, int len, sqlite3_int64 at)
{
    const struct fault_handle *handle = fault_handle_of(base);
    const struct fault_bytes *now = &handle->file->platter.now;
    if (handle->disk->dead || handle->disk->read_fails) {
        return SQLITE_IOERR_READ;
    }
    size_t wanted = (size_t)len;
    size_t there = (uint64_t)at < now->len ? now->len - (size_t)at : 0;
    size_t got = there < wanted ? there : wanted;
    if (got > 0) {
        memcpy(out, now->ptr + at, got);
    }
    memset((uint8_t *)out + got, 0, wanted - got);
    return got < wanted ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int write_file(sqlite3_file *base, const void *bytes, int len, sqlite3_int64 at)
{
    struct fault_handle *handle = fault_handle_of(base);
    struct fault_disk *disk = handle->disk;
    struct fault_platter *platter = &handle->file->platter;
    if (disk->dead) {
        return SQLITE_IOERR_WRITE;
    }
    uint64_t end = (uint64_t)at + (uint64_t)len;
    uint64_t grows = end > platter->now.len ? end - platter->now.len : 0;
    if (disk->size > 0 && grows > 0 && disk->used + grows > disk->size) {
        return SQLITE_FULL;
    }
    if (!fault_platter_write(platter, (uint64_t)at, bytes, (size_t)len)) {
        return SQLITE_IOERR_NOMEM;
    }
    disk->used += handle->file->here ? grows : 0;
    disk->written += (uint64_t)len;
    return fault_disk_falls(disk) ? SQLITE_IOERR_WRITE : SQLITE_OK; // one in flight may still arrive
}

static int truncate_file(sqlite3_file *base, sqlite3_int64 size)
{
    struct fault_handle *handle = fault_handle_of(base);
    if (handle->disk->dead) {
        return SQLITE_IOERR_TRUNCATE;
    }
    uint64_t before = handle->file->platter.now.len;
    if (!fault_platter_truncate(&handle->file->platter, (uint64_t)size)) {
        return SQLITE_IOERR_NOMEM;
    }
    handle->disk->used += handle->file->here ? (uint64_t)size - before : 0;
    return fault_disk_falls(handle->disk) ? SQLITE_IOERR_TRUNCATE : SQLITE_OK;
}

// A sync that fails may have dropped what it could not write, and the next one reports success (LWN 752063).
static int fail_sync(struct fault_handle *handle)
{
    uint64_t random = fault_disk_draw(handle->disk);
    return fault_platter_lose(&handle->file->platter, FAULT_LOSE_SOME, true, &random) ? SQLITE_IOERR_FSYNC
                                                                                      : SQLITE_IOERR_NOMEM;
}

static int sync_file(sqlite3_file *base, int flags)
{
    (void)flags;
    struct fault_handle *handle = fault_handle_of(base);
    if (handle->disk->dead || fault_disk_falls(handle->disk)) {
        return SQLITE_IOERR_FSYNC;
    }
    if (handle->disk->sync_fails) {
        return fail_sync(handle);
    }
    handle->disk->syncs++;
    if (!fault_platter_sync(&handle->file->platter)) {
        return SQLITE_IOERR_NOMEM;
    }
    // As SQLite's unix VFS syncs the folder of a new journal or WAL.
    if (!handle->file->named && handle->file->here) {
        fault_disk_sync_names(handle->disk);
    }
    return SQLITE_OK;
}

static int size_of_file(sqlite3_file *base, sqlite3_int64 *size)
{
    const struct fault_handle *handle = fault_handle_of(base);
    if (handle->disk->dead) {
        return SQLITE_IOERR_FSTAT;
    }
    *size = (sqlite3_int64)handle->file->platter.now.len;
    return SQLITE_OK;
}

// ---- the rest of a file ----

static int close_file(sqlite3_file *base)
{
    struct fault_handle *handle = fault_handle_of(base);
    (void)fault_unlock(base, SQLITE_LOCK_NONE);
    (void)fault_shm_unmap(base, 0);
    handle->file->open--;
    if (handle->remove && handle->file->here) {
        fault_disk_unlink(handle->disk, handle->file);
    }
    fault_disk_sweep(handle->disk);
    return SQLITE_OK;
}

static int control_file(sqlite3_file *base, int what, void *arg)
{
    struct fault_handle *handle = fault_handle_of(base);
    if (what != SQLITE_FCNTL_POWERSAFE_OVERWRITE) {
        return SQLITE_NOTFOUND;
    }
    int *safe = arg;
    if (*safe < 0) {
        *safe = !handle->unsafe;
    } else {
        handle->unsafe = *safe == 0;
        handle->disk->unsafe = handle->unsafe;
    }
    return SQLITE_OK;
}

static int sector_size(sqlite3_file *base)
{
    (void)base;
    return SECTOR_REPORTED_BYTES; // as the unix VFS says
}

static int characteristics(sqlite3_file *base)
{
    return fault_handle_of(base)->unsafe ? 0 : SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = size_of_file,
    .xLock = fault_lock,
    .xUnlock = fault_unlock,
    .xCheckReservedLock = fault_is_reserved,
    .xFileControl = control_file,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = fault_shm_map,
    .xShmLock = fault_shm_lock,
    .xShmBarrier = fault_shm_barrier,
    .xShmUnmap = fault_shm_unmap,
};

// ---- the folder ----

// A database that must be there is: who opens one without SQLITE_OPEN_CREATE made its empty file by other
// means and synced the folder.
static int open_file(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *base, int flags, int *out_flags)
{
    struct fault_disk *disk = vfs->pAppData;
    struct fault_handle *handle = fault_handle_of(base);
    *handle = (struct fault_handle){.disk = disk, .unsafe = disk->unsafe};
    if (disk->dead) {
        return SQLITE_IOERR;
    }
    bool make = (flags & (SQLITE_OPEN_CREATE | SQLITE_OPEN_MAIN_DB)) != 0;
    struct fault_file *file = name != NULL ? fault_disk_find(disk, name) : NULL;
    if (file != NULL && (flags & SQLITE_OPEN_EXCLUSIVE)) {
        return SQLITE_CANTOPEN;
    }
    if (file == NULL) {
        file = make ? fault_disk_add(disk, name) : NULL;
        if (file == NULL) {
            return make ? SQLITE_NOMEM : SQLITE_CANTOPEN;
        }
        file->named = (flags & SQLITE_OPEN_CREATE) == 0;
    }
    file->open++;
    handle->file = file;
    handle->remove = name == NULL || (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    base->pMethods = &methods;
    if (out_flags != NULL) {
        *out_flags = flags;
    }
    return SQLITE_OK;
}

static int delete_file(sqlite3_vfs *vfs, const char *name, int sync)
{
    struct fault_disk *disk = vfs->pAppData;
    struct fault_file *file = fault_disk_find(disk, name);
    if (disk->dead) {
        return SQLITE_IOERR_DELETE;
    }
    if (file == NULL) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    fault_disk_unlink(disk, file);
    if (fault_disk_falls(disk)) {
        return SQLITE_IOERR_DELETE;
    }
    if (sync) {
        disk->syncs++;
        fault_disk_sync_names(disk);
    }
    fault_disk_sweep(disk);
    return SQLITE_OK;
}

// As the unix VFS: an empty file does not count as being there.
static int access_file(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    struct fault_disk *disk = vfs->pAppData;
    if (disk->dead) {
        return SQLITE_IOERR_ACCESS;
    }
    const struct fault_file *file = fault_disk_find(disk, name);
    *out = file != NULL && (flags != SQLITE_ACCESS_EXISTS || file->platter.now.len > 0);
    return SQLITE_OK;
}

static int full_name(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
    (void)vfs;
    return snprintf(out, (size_t)size, "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

// ---- what SQLite asks of a system ----

static int random_bytes(sqlite3_vfs *vfs, int len, char *out)
{
    struct fault_disk *disk = vfs->pAppData;
    for (int i = 0; i < len; i++) {
        out[i] = (char)fault_random(&disk->random, 256);
    }
    return len;
}

static int sleep_us(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us;
}

static int time_ms(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
    const struct fault_disk *disk = vfs->pAppData;
    *out = disk->now_ms + INT64_C(210866760000000); // the Julian day of 1970-01-01, in milliseconds
    return SQLITE_OK;
}

static int time_days(sqlite3_vfs *vfs, double *out)
{
    sqlite3_int64 ms = 0;
    int rc = time_ms(vfs, &ms);
    *out = (double)ms / 86400000.0;
    return rc;
}

static int last_error(sqlite3_vfs *vfs, int len, char *out)
{
    (void)vfs;
    (void)len;
    (void)out;
    return 0;
}

sqlite3_vfs fault_vfs_make(struct fault_disk *disk)
{
    return (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = sizeof(struct fault_handle),
        .mxPathname = NAME_MAX_BYTES,
        .zName = "fault-disk",
        .pAppData = disk,
        .xOpen = open_file,
        .xDelete = delete_file,
        .xAccess = access_file,
        .xFullPathname = full_name,
        .xRandomness = random_bytes,
        .xSleep = sleep_us,
        .xCurrentTime = time_days,
        .xGetLastError = last_error,
        .xCurrentTimeInt64 = time_ms,
    };
}
