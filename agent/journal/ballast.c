// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/ballast.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

static void name(char out[PATH_MAX], const char *path)
{
    (void)snprintf(out, PATH_MAX, "%.*s-ballast", PATH_MAX - 16, path);
}

void tw_ballast_keep(const char *path)
{
    char ballast[PATH_MAX];
    name(ballast, path);
    int fd = open(ballast, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return; // it is there
    }
    bool made = posix_fallocate(fd, 0, TW_BALLAST_BYTES) == 0;
    (void)close(fd);
    if (!made) {
        (void)unlink(ballast);
    }
}

bool tw_ballast_drop(const char *path)
{
    char ballast[PATH_MAX];
    name(ballast, path);
    return unlink(ballast) == 0;
}
