// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/quarantine.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const endings[] = {"-wal", "-shm", ""};
enum { ENDINGS = sizeof endings / sizeof endings[0], NAME_BYTES = 280 };

static int is_database(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);
    return strncmp(entry->d_name, "journal-", 8) == 0 && len > 11 &&
           strcmp(entry->d_name + len - 3, ".db") == 0;
}

static uint64_t set_bytes(int folder, const char *name)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < ENDINGS; i++) {
        char file[NAME_BYTES];
        struct stat found;
        (void)snprintf(file, sizeof file, "%s%s", name, endings[i]);
        if (fstatat(folder, file, &found, AT_SYMLINK_NOFOLLOW) == 0 && found.st_size > 0) {
            bytes += (uint64_t)found.st_size;
        }
    }
    return bytes;
}

// The database goes last: as long as it is there the set is seen.
static bool remove_set(int folder, const char *path, const char *name, uint64_t bytes)
{
    for (size_t i = 0; i < ENDINGS; i++) {
        char file[NAME_BYTES];
        (void)snprintf(file, sizeof file, "%s%s", name, endings[i]);
        if (unlinkat(folder, file, 0) != 0 && errno != ENOENT) {
            (void)fprintf(stderr,
                          "tillwired: removing the damaged journal %s/%s, one of too many: %s; remove it by "
                          "hand\n",
                          path, name, strerror(errno));
            return false;
        }
    }
    (void)fprintf(stderr,
                  "tillwired: removed the damaged journal %s/%s (%" PRIu64
                  " bytes), set aside earlier: what could be saved of it was, and newer ones need the room; "
                  "check the disk\n",
                  path, name, bytes);
    return true;
}

void tw_quarantine_tidy(const char *folder, const char *newest, uint64_t max_bytes)
{
    struct dirent **sets = NULL;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int count = fd >= 0 ? scandirat(fd, ".", &sets, is_database, versionsort) : -1; // oldest first
    uint64_t limit = max_bytes > 0 ? max_bytes / TW_QUARANTINE_PART : UINT64_MAX;
    uint64_t total = 0;
    for (int i = 0; i < count; i++) {
        total += set_bytes(fd, sets[i]->d_name);
    }
    int left = count;
    for (int i = 0; i < count; i++) {
        const char *name = sets[i]->d_name;
        uint64_t bytes = set_bytes(fd, name);
        if ((left > TW_QUARANTINE_SETS || total > limit) && strcmp(name, newest) != 0 &&
            remove_set(fd, folder, name, bytes)) {
            left--;
            total -= bytes;
        }
        free(sets[i]);
    }
    free(sets);
    if (fd >= 0) {
        (void)close(fd);
    }
}
