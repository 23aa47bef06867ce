// SPDX-License-Identifier: Apache-2.0
#include "hal/core/nodes.h"

#include <sys/stat.h>

enum {
    SETTLED_S = 2,           // far more than the grain of a folder's time
    SEARCH_AGAIN_MS = 30000, // whatever the folders say
};

static struct timespec changed_at(const char *folder)
{
    struct stat found;
    return stat(folder, &found) == 0 ? found.st_mtim : (struct timespec){0};
}

static void read_folders(struct timespec changed[2])
{
    changed[0] = changed_at("/dev");
    changed[1] = changed_at("/dev/input");
}

void tw_nodes_look(struct tw_nodes *nodes, int64_t now_ms)
{
    struct timespec wall;
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    *nodes = (struct tw_nodes){.looked_ms = now_ms, .settled = true};
    read_folders(nodes->changed);
    for (int i = 0; i < 2; i++) {
        // Also false after a clock that stepped back.
        nodes->settled = nodes->settled && wall.tv_sec - nodes->changed[i].tv_sec >= SETTLED_S;
    }
}

bool tw_nodes_unchanged(const struct tw_nodes *nodes, int64_t now_ms)
{
    struct timespec changed[2];
    read_folders(changed);
    bool same = true;
    for (int i = 0; i < 2; i++) {
        same = same && changed[i].tv_sec == nodes->changed[i].tv_sec &&
               changed[i].tv_nsec == nodes->changed[i].tv_nsec;
    }
    return same && nodes->settled && now_ms - nodes->looked_ms < SEARCH_AGAIN_MS;
}
