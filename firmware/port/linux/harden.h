// SPDX-License-Identifier: Apache-2.0
//
// No core dumps and no swap for a process that sees printer text (P6).
//
// Threading: at start, before any other thread. Memory: none. Time: none. Errors: best effort;
// what could not be had is said once on stderr.
#ifndef TW_RELAY_HARDEN_H
#define TW_RELAY_HARDEN_H

#include <stddef.h>

// Nothing of this process is dumped; nobody but root may look into it.
void tw_harden_process(void);

// Keeps [memory, memory + bytes) out of dumps and swap; all of the process where the limit on
// locked memory allows it. Pages never touched take no memory all the same.
void tw_harden_memory(void *memory, size_t bytes);

#endif
