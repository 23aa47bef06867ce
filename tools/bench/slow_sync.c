// SPDX-License-Identifier: Apache-2.0
//
// A disk whose every sync takes TILLWIRE_SLOW_SYNC_US microseconds more, as that of an eMMC or an SD
// card does: preload it (LD_PRELOAD) into any program.
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static void wait_more(void)
{
    const char *text = getenv("TILLWIRE_SLOW_SYNC_US");
    long us = text != NULL ? strtol(text, NULL, 10) : 0;
    struct timespec more = {us / 1000000, us % 1000000 * 1000};
    (void)prctl(PR_SET_TIMERSLACK, 1UL); // prctl(2): else the kernel may add 50 us
    while (us > 0 && nanosleep(&more, &more) != 0) {
    }
}

static int call_real(const char *name, int fd)
{
    int (*real)(int) = NULL;
    void *found = dlsym(RTLD_NEXT, name);
    *(void **)&real = found; // POSIX, dlsym: the way to a function
    wait_more();
    return real(fd);
}

int fsync(int fd)
{
    return call_real("fsync", fd);
}

int fdatasync(int fildes)
{
    return call_real("fdatasync", fildes);
}
