// SPDX-License-Identifier: Apache-2.0
//
// The file behind modem_shim.c: what modem lines the pseudo terminals of a test have.
//
// Threading: any; fields change atomically. Memory: the test maps the file. Time: none.
// Errors: none.
#ifndef TW_FAKE_MODEM_SHIM_H
#define TW_FAKE_MODEM_SHIM_H

#include <stdint.h>

enum { FAKE_MODEMS = 16 };

struct fake_modem {
    uint64_t device; // st_rdev of the terminal's node; 0: not used
    uint32_t shown;  // what the other side of the cable raises: TIOCM_CTS, TIOCM_DSR
    uint32_t raised; // what the program raised: TIOCM_RTS, TIOCM_DTR
};

_Static_assert(sizeof(struct fake_modem) == 16, "tests in other languages map it too");

#endif
