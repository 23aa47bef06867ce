// SPDX-License-Identifier: Apache-2.0
//
// Gives pseudo terminals modem lines. What the lines are stands in a file that the test maps too
// (TILLWIRE_MODEM names it): an array of struct fake_modem, found by the terminal's device number.
// Linked into a test, or preloaded into a program, TIOCMGET, TIOCMBIS, TIOCMBIC and TIOCMIWAIT are
// answered from there; everything else, and every other terminal, is the kernel's.
//
// Threading: any. Memory: the mapping, for good. Time: TIOCMIWAIT looks every half millisecond.
// Errors: as ioctl(2).
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/fakes/modem_shim.h"

typedef int (*ioctl_function)(int, unsigned long, void *);

static struct fake_modem *table;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void map_table(void)
{
    const char *path = getenv("TILLWIRE_MODEM");
    int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
    if (fd >= 0) {
        void *memory =
            mmap(NULL, sizeof(struct fake_modem[FAKE_MODEMS]), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        table = memory != MAP_FAILED ? memory : NULL;
        (void)close(fd);
    }
}

static struct fake_modem *modem_of(int fd)
{
    struct stat status;
    (void)pthread_once(&once, map_table);
    if (table == NULL || fstat(fd, &status) != 0 || !S_ISCHR(status.st_mode)) {
        return NULL;
    }
    for (size_t i = 0; i < FAKE_MODEMS; i++) {
        if (table[i].device == (uint64_t)status.st_rdev) {
            return &table[i];
        }
    }
    return NULL;
}

static int wait_for_change(const struct fake_modem *modem, uint32_t mask)
{
    const struct timespec pause = {.tv_nsec = 500000};
    uint32_t before = __atomic_load_n(&modem->shown, __ATOMIC_SEQ_CST);
    while (((__atomic_load_n(&modem->shown, __ATOMIC_SEQ_CST) ^ before) & mask) == 0) {
        if (nanosleep(&pause, NULL) != 0) {
            return -1; // EINTR
        }
    }
    return 0;
}

static int answer(struct fake_modem *modem, unsigned long request, void *argument)
{
    int lines = 0;
    switch (request) {
    case TIOCMGET:
        lines = (int)(__atomic_load_n(&modem->shown, __ATOMIC_SEQ_CST) |
                      __atomic_load_n(&modem->raised, __ATOMIC_SEQ_CST));
        memcpy(argument, &lines, sizeof lines);
        return 0;
    case TIOCMBIS:
        memcpy(&lines, argument, sizeof lines);
        (void)__atomic_or_fetch(&modem->raised, (uint32_t)lines, __ATOMIC_SEQ_CST);
        return 0;
    case TIOCMBIC:
        memcpy(&lines, argument, sizeof lines);
        (void)__atomic_and_fetch(&modem->raised, ~(uint32_t)lines, __ATOMIC_SEQ_CST);
        return 0;
    default:
        return wait_for_change(modem, (uint32_t)(uintptr_t)argument);
    }
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list args;
    va_start(args, request);
    void *argument = va_arg(args, void *);
    va_end(args);
    int wanted = request == TIOCMGET || request == TIOCMBIS || request == TIOCMBIC || request == TIOCMIWAIT;
    struct fake_modem *modem = wanted ? modem_of(fd) : NULL;
    if (modem != NULL) {
        return answer(modem, request, argument);
    }
    void *symbol = dlsym(RTLD_NEXT, "ioctl");
    ioctl_function real;
    memcpy(&real, &symbol, sizeof real);
    return real(fd, request, argument);
}
