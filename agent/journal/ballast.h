// SPDX-License-Identifier: Apache-2.0
//
// A small file beside the journal that holds nothing but room. A disk that others have filled to the last
// byte would keep even a sound journal from being opened, since SQLite needs a few pages of shared memory
// for that: then the ballast is thrown off.
//
// Threading: one thread. Memory: none. Time: none. Errors: one that cannot be kept is not there when needed.
#ifndef TW_BALLAST_H
#define TW_BALLAST_H

#include <stdbool.h>

#define TW_BALLAST_BYTES (256 * 1024)

// Makes PATH-ballast where it is not there and the disk has room for it.
void tw_ballast_keep(const char *path);
// Removes it; false when there was none.
bool tw_ballast_drop(const char *path);

#endif
