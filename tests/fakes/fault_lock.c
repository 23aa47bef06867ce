// SPDX-License-Identifier: Apache-2.0
#include <stdlib.h>

#include "tests/fakes/fault_disk.h"

// ---- locks ----

int fault_unlock(sqlite3_file *base, int level)
{
    struct fault_handle *handle = fault_handle_of(base);
    struct fault_file *file = handle->file;
    if (handle->level > SQLITE_LOCK_SHARED && level < handle->level) {
        file->writer = NULL;
        file->pending = false;
        handle->level = SQLITE_LOCK_SHARED;
    }
    if (handle->level == SQLITE_LOCK_SHARED && level == SQLITE_LOCK_NONE) {
        file->readers--;
        handle->level = SQLITE_LOCK_NONE;
    }
    return SQLITE_OK;
}

int fault_lock(sqlite3_file *base, int level)
{
    struct fault_handle *handle = fault_handle_of(base);
    struct fault_file *file = handle->file;
    if (handle->disk->dead) {
        return SQLITE_IOERR_LOCK;
    }
    if (handle->level >= level) {
        return SQLITE_OK;
    }
    bool others = file->writer != NULL && file->writer != handle;
    if (level == SQLITE_LOCK_SHARED) {
        if (others && file->pending) {
            return SQLITE_BUSY;
        }
        file->readers++;
        handle->level = level;
        return SQLITE_OK;
    }
    if (others) {
        return SQLITE_BUSY;
    }
    file->writer = handle;
    file->pending = level > SQLITE_LOCK_RESERVED;
    bool waits = level == SQLITE_LOCK_EXCLUSIVE && file->readers > 1;
    handle->level = waits ? SQLITE_LOCK_PENDING : level;
    return waits ? SQLITE_BUSY : SQLITE_OK;
}

int fault_is_reserved(sqlite3_file *base, int *reserved)
{
    *reserved = fault_handle_of(base)->file->writer != NULL;
    return SQLITE_OK;
}

// ---- the WAL index ----

void fault_shm_free(struct fault_file *file)
{
    for (size_t i = 0; i < FAULT_SHM_REGIONS && file->regions[i] != NULL; i++) {
        free(file->regions[i]);
        file->regions[i] = NULL;
    }
}

int fault_shm_map(sqlite3_file *base, int region, int bytes, int extend, void volatile **out)
{
    struct fault_handle *handle = fault_handle_of(base);
    struct fault_file *file = handle->file;
    if (handle->disk->dead || region >= FAULT_SHM_REGIONS) {
        return SQLITE_IOERR_SHMMAP;
    }
    file->attached += !handle->attached;
    handle->attached = true;
    for (int i = 0; i <= region && extend; i++) {
        if (file->regions[i] == NULL) {
            file->regions[i] = calloc(1, (size_t)bytes);
        }
        if (file->regions[i] == NULL) {
            return SQLITE_IOERR_NOMEM;
        }
    }
    *out = file->regions[region];
    return SQLITE_OK;
}

static void unlock_shm(struct fault_handle *handle, int slot)
{
    unsigned bit = 1U << slot;
    if (handle->shm_exclusive & bit) {
        handle->file->shm_writer[slot] = NULL;
    }
    handle->file->shm_readers[slot] -= (handle->shm_shared & bit) != 0;
    handle->shm_exclusive &= ~bit;
    handle->shm_shared &= ~bit;
}

static bool is_taken(const struct fault_handle *handle, int slot, bool exclusive)
{
    const struct fault_file *file = handle->file;
    bool writes = file->shm_writer[slot] != NULL && file->shm_writer[slot] != handle;
    unsigned own = (handle->shm_shared >> slot) & 1U;
    return writes || (exclusive && file->shm_readers[slot] > own);
}

int fault_shm_lock(sqlite3_file *base, int first, int count, int flags)
{
    struct fault_handle *handle = fault_handle_of(base);
    bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    for (int slot = first; slot < first + count; slot++) {
        if (flags & SQLITE_SHM_UNLOCK) {
            unlock_shm(handle, slot);
        } else if (is_taken(handle, slot, exclusive)) {
            return SQLITE_BUSY;
        }
    }
    for (int slot = first; slot < first + count && (flags & SQLITE_SHM_LOCK); slot++) {
        unsigned bit = 1U << slot;
        if (exclusive) {
            handle->file->shm_writer[slot] = handle;
            handle->shm_exclusive |= bit;
        } else if ((handle->shm_shared & bit) == 0) {
            handle->file->shm_readers[slot]++;
            handle->shm_shared |= bit;
        }
    }
    return SQLITE_OK;
}

void fault_shm_barrier(sqlite3_file *base)
{
    (void)base;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

int fault_shm_unmap(sqlite3_file *base, int delete)
{
    (void)delete; // the first who attaches again finds an empty one in any case
    struct fault_handle *handle = fault_handle_of(base);
    for (int slot = 0; slot < SQLITE_SHM_NLOCK; slot++) {
        unlock_shm(handle, slot);
    }
    handle->file->attached -= handle->attached;
    handle->attached = false;
    if (handle->file->attached == 0) {
        fault_shm_free(handle->file);
    }
    return SQLITE_OK;
}
