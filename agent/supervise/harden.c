// SPDX-License-Identifier: Apache-2.0
//
// P6: what passes through this process' memory stays out of core files and swap.
#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
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

// Whether the loader wrote into the code (DT_TEXTREL; ELF gABI, "Dynamic Section"): 32-bit objects may want
// it.
static bool is_code_relocated(const struct dl_phdr_info *object)
{
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        if (object->dlpi_phdr[i].p_type != PT_DYNAMIC) {
            continue;
        }
        uintptr_t at = object->dlpi_addr + object->dlpi_phdr[i].p_vaddr;
        const ElfW(Dyn) *entry = (const ElfW(Dyn) *)at; // NOLINT(performance-no-int-to-ptr)
        for (; entry->d_tag != DT_NULL; entry++) {
            bool flagged = entry->d_tag == DT_FLAGS && (entry->d_un.d_val & DF_TEXTREL) != 0;
            if (flagged || entry->d_tag == DT_TEXTREL) {
                return true;
            }
        }
    }
    return false;
}

// Code that nobody wrote to comes back from the page cache as it is used, so its pages are dropped:
// madvise(2), MADV_DONTNEED. What only starting, or a burst of work, has needed is locked no longer.
static int drop_code(struct dl_phdr_info *object, size_t size, void *page_bytes)
{
    const uintptr_t page = *(const uintptr_t *)page_bytes;
    (void)size;
    for (size_t i = 0; i < object->dlpi_phnum && !is_code_relocated(object); i++) {
        const ElfW(Phdr) *part = &object->dlpi_phdr[i];
        if (part->p_type == PT_LOAD && (part->p_flags & (PF_X | PF_W)) == PF_X) {
            uintptr_t from = (object->dlpi_addr + part->p_vaddr) & ~(page - 1);
            uintptr_t to = object->dlpi_addr + part->p_vaddr + part->p_memsz;
            (void)madvise((void *)from, to - from, MADV_DONTNEED); // NOLINT(performance-no-int-to-ptr)
        }
    }
    return 0;
}

static const char may_swap[] =
    "memory may reach swap: allow locking it with LimitMEMLOCK=infinity, or use encrypted or no swap";

int tw_supervise_trim(struct tw_error_text *err)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    // Locked pages cannot be given back (madvise(2)): for the time of these calls nothing is locked. Nothing
    // is swapped out in microseconds but on a machine that is out of memory already.
    bool was_locked = may_lock_all() && munlockall() == 0;
    (void)malloc_trim(0);
    (void)dl_iterate_phdr(drop_code, &page);
    return was_locked && !lock_all() ? tw_fail(err, TW_ERR_REFUSED, "%s", may_swap) : TW_OK;
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
        return tw_fail(err, TW_ERR_REFUSED, "%s", may_swap);
    }
    return TW_OK;
}
