// SPDX-License-Identifier: Apache-2.0
//
// Whether a device node can have come since the last look: two calls of stat(2) instead of a search through
// sysfs, for devices that are looked for every second or two, perhaps for days.
//
// Threading: any. Memory: the caller's. Time: monotonic milliseconds come in; times of folders are compared
// with the wall clock, for a folder that changed just now may change again without showing it. Errors: none;
// what cannot be told counts as changed.
#ifndef TW_HAL_NODES_H
#define TW_HAL_NODES_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct tw_nodes {
    struct timespec changed[2]; // /dev, /dev/input
    int64_t looked_ms;
    bool settled; // the folders had not changed for a while
};

// Notes how the folders are, before they are searched.
void tw_nodes_look(struct tw_nodes *nodes, int64_t now_ms);
// Whether a search would find what the one after tw_nodes_look found. Never for long.
bool tw_nodes_unchanged(const struct tw_nodes *nodes, int64_t now_ms);

#endif
