// SPDX-License-Identifier: Apache-2.0
//
// The board's memory that lasts: two pages for the boot log and two slots for images, as flash
// has it. An erased byte is 0xff; a write clears bits and never sets one; only whole pages and
// slots are erased. The port brings the two functions and says where things lie; everything is
// read in place.
//
// Threading: main loop only. Memory: the port's, for the whole run. Time: an erase may take seconds
// and a write milliseconds; the port goes on passing bytes meanwhile. Errors: negative tw_err; a
// write that power ended may have left any mixture of old and new bits.
#ifndef TW_NVM_H
#define TW_NVM_H

#include <stddef.h>
#include <stdint.h>

struct tw_nvm {
    const uint8_t *bytes; // start of the memory; all offsets count from here
    uint32_t page_at[2];  // the boot log's pages, each erased alone
    uint32_t page_bytes;
    uint32_t slot_at[2]; // slot A, slot B, each erased alone
    uint32_t slot_bytes;
    // Erases the page or slot that starts at `at`.
    int (*erase)(void *port, uint32_t at, uint32_t len);
    // Writes bytes that are erased, at any alignment; no byte is written twice between two erases.
    int (*write)(void *port, uint32_t at, const uint8_t *bytes, size_t len);
    void *port; // handed to both
};

#endif
