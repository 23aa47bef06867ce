// SPDX-License-Identifier: Apache-2.0
//
// P6: what passes through this process' memory stays out of core files and swap.
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tillwire/supervise.h"

// Under a finite RLIMIT_MEMLOCK, MCL_FUTURE would make a later mmap (a thread's stack) fail, so it is
// only asked for where nothing can run out: mlock(2), "Limits and permissions".
static bool may_lock_all(void)
{
    struct rlimit limit = {0};
    if (geteuid() == 0) {
        return true;
    }
    return getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur == RLIM_INFINITY;
}

static bool lock_all(void)
{
    // MCL_ONFAULT: pages are locked as they are touched, so locking costs no memory by itself.
    return may_lock_all() && mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;
}

// Free bytes in the heap that are worth the calls.
#define TRIM_BYTES ((size_t)128 * 1024)

void tw_supervise_trim(void)
{
    if (mallinfo2().fordblks < TRIM_BYTES) {
        return;
    }
    // Locked pages inside the heap cannot be given back (madvise(2)): for the time of one call nothing is
    // locked. Nothing is swapped out in microseconds but on a machine that is out of memory already.
    (void)munlockall();
    (void)malloc_trim(0);
    (void)lock_all();
}

int tw_supervise_harden(struct tw_error_text *err)
{
    (void)signal(SIGPIPE, SIG_IGN);
    // One heap for all threads: they allocate little, and a heap each would hold pages for nothing
    // (mallopt(3)).
    (void)mallopt(M_ARENA_MAX, 1);
    // Large blocks get pages of their own, so that freeing gives them back at once.
    (void)mallopt(M_MMAP_THRESHOLD, 32 * 1024);
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0 || prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L) != 0) {
        return tw_fail(err, TW_ERR_REFUSED,
                       "core dumps could not be switched off (%s): check LimitCORE=", strerror(errno));
    }
    if (!lock_all()) {
        return tw_fail(err, TW_ERR_REFUSED,
                       "memory may reach swap: allow locking it with LimitMEMLOCK=infinity, or use encrypted "
                       "or no swap");
    }
    return TW_OK;
}
