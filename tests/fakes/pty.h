// SPDX-License-Identifier: Apache-2.0
//
// A device on a serial line: a pseudo terminal whose far end the test holds, reached by the agent
// through a link, as /dev/serial/by-id does it. It can be unplugged and plugged in again, and then
// has another node behind the same link.
//
// Threading: one thread. Memory: the caller's struct. Time: none. Errors: abort().
#ifndef TW_FAKE_PTY_H
#define TW_FAKE_PTY_H

#include <stddef.h>

struct fake_pty {
    char folder[64]; // made, holds the link
    char link[96];   // the path to configure
    int far;         // the device's side; -1: unplugged
};

void fake_pty_plug(struct fake_pty *pty); // makes the folder at the first call (a zeroed struct)
void fake_pty_unplug(struct fake_pty *pty);
void fake_pty_send(struct fake_pty *pty, const void *bytes, size_t len);
void fake_pty_remove(struct fake_pty *pty); // unplugs and removes folder and link

#endif
