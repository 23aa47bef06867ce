// SPDX-License-Identifier: Apache-2.0
//
// SQLite's own VFS with a counter and a switch on xSync: how often files were synced, and the
// possibility to make it fail, as a dying disk does.
//
// Threading: any. Memory: none. Time: none. Errors: none.
#ifndef TW_SYNC_VFS_H
#define TW_SYNC_VFS_H

#include <stdbool.h>

void sync_vfs_install(void); // becomes the default for files opened from now on
unsigned long sync_vfs_count(void);
void sync_vfs_fail(bool fail);

#endif
