// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/sync_vfs.h"

#include <sqlite3.h>
#include <stdatomic.h>
#include <stddef.h>

// A test's fake is the one place where state of a file is as good as an object: SQLite knows one VFS
// by one name.
static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    // The unix VFS has one table of methods for files with locks and one for those without (the WAL);
    // each is copied once.
    struct {
        const sqlite3_io_methods *from;
        sqlite3_io_methods copy;
    } tables[4];
    int (*real_sync)(sqlite3_file *, int);
    atomic_ulong count;
    atomic_bool fail;
} shim;

static int count_sync(sqlite3_file *file, int flags)
{
    if (shim.fail) {
        return SQLITE_IOERR_FSYNC;
    }
    shim.count++;
    return shim.real_sync(file, flags);
}

static int open_file(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *file, int flags, int *out_flags)
{
    (void)vfs;
    int rc = shim.real->xOpen(shim.real, name, file, flags, out_flags);
    for (size_t i = 0; rc == SQLITE_OK && file->pMethods != NULL && i < 4; i++) {
        if (shim.tables[i].from == NULL) {
            shim.tables[i].from = file->pMethods;
            shim.tables[i].copy = *file->pMethods;
            shim.tables[i].copy.xSync = count_sync;
            shim.real_sync = file->pMethods->xSync;
        }
        if (shim.tables[i].from == file->pMethods) {
            file->pMethods = &shim.tables[i].copy;
            break;
        }
    }
    return rc;
}

void sync_vfs_install(void)
{
    if (shim.real == NULL) {
        shim.real = sqlite3_vfs_find(NULL);
        shim.vfs = *shim.real;
        shim.vfs.zName = "sync-shim";
        shim.vfs.pNext = NULL;
        shim.vfs.xOpen = open_file;
        (void)sqlite3_vfs_register(&shim.vfs, 1);
    }
}

unsigned long sync_vfs_count(void)
{
    return shim.count;
}

void sync_vfs_fail(bool fail)
{
    shim.fail = fail;
}
