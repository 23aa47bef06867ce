// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/linux/harden.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

void tw_harden_process(void)
{
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

// With a finite limit MCL_FUTURE would make later allocations fail (mlockall(2)), the resolver's
// for one; then the relay's own memory is locked and no more.
static int lock_all(void)
{
    const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    (void)setrlimit(RLIMIT_MEMLOCK, &all);
    struct rlimit limit;
    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY) {
        return -1;
    }
    return mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

void tw_harden_memory(void *memory, size_t bytes)
{
    (void)madvise(memory, bytes, MADV_DONTDUMP);
    if (lock_all() != 0 && mlock2(memory, bytes, MLOCK_ONFAULT) != 0) {
        (void)fprintf(
            stderr,
            "tillwire-relay: memory may be swapped (%s); set LimitMEMLOCK=infinity or switch swap off\n",
            strerror(errno));
    }
}
