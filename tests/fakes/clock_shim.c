// SPDX-License-Identifier: Apache-2.0
//
// A wall clock that a test can set while a program runs: preloaded (LD_PRELOAD=libclock_shim.so), it adds
// to every wall clock reading the milliseconds that stand as one int64_t in the file CLOCK_SHIM_FILE. The
// monotonic clocks are left alone, and so is the program: it has no switch for this.
//
// Threading: any. Memory: one shared page for the life of the program. Time: that is what it is for.
// Errors: without the variable or the file, the clock is the real one.
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const _Atomic int64_t *offset_ms;

__attribute__((constructor)) static void map_offset(void)
{
    const char *path = getenv("CLOCK_SHIM_FILE");
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return;
    }
    void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, fd, 0);
    (void)close(fd);
    offset_ms = page != MAP_FAILED ? page : NULL;
}

static void shift(struct timespec *time)
{
    int64_t by = offset_ms != NULL ? atomic_load(offset_ms) : 0;
    int64_t ns = time->tv_nsec + by % 1000 * 1000000;
    int64_t carry = ns < 0 ? -1 : ns / 1000000000;
    time->tv_sec += by / 1000 + carry;
    time->tv_nsec = ns - carry * 1000000000;
}

// The kernel itself, not the next library: that one may be a sanitizer's, which is not ready this early.
static int read_kernel(clockid_t id, struct timespec *out)
{
    return (int)syscall(SYS_clock_gettime, id, out);
}

int clock_gettime(clockid_t id, struct timespec *out)
{
    int rc = read_kernel(id, out);
    if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
        shift(out);
    }
    return rc;
}

time_t time(time_t *out)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) {
        *out = now.tv_sec;
    }
    return now.tv_sec;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    struct timespec now = {0};
    (void)zone;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    *out = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
    return 0;
}
