// SPDX-License-Identifier: Apache-2.0
//
// Watches the modem lines of one serial port (CTS, DSR): a thread sleeps in the kernel until one
// changes (TIOCMIWAIT, tty_ioctl(2)) and tells the loop through an eventfd(2), so that a printer
// that stops is noticed at once and an idle line costs nothing. Where a driver cannot wait, the
// thread looks every SAMPLE_MS; where it knows no lines, there is no thread.
//
// Threading: start and stop from one thread. Memory: the caller's; it must not move while started.
// Time: stop returns within milliseconds. Errors: none; without a thread the lines are unknown.
#ifndef TW_RELAY_LINES_H
#define TW_RELAY_LINES_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct tw_lines {
    int fd;
    int event;      // of the loop
    atomic_int now; // TIOCM_CTS, TIOCM_DSR
    atomic_bool stop, ended;
    bool started;
    pthread_t thread;
};

// Begins to watch `fd`; `event` becomes readable after each change. Both are borrowed until
// tw_lines_stop. Returns whether the port has lines.
bool tw_lines_start(struct tw_lines *lines, int fd, int event);
void tw_lines_stop(struct tw_lines *lines);

// Looks from the loop. The kernel's wait sees what changes after it began; a change between the thread's
// look and its wait is seen by whoever looks a little later.
void tw_lines_look(struct tw_lines *lines);

// What CTS and DSR were when somebody last looked.
int tw_lines_now(const struct tw_lines *lines);

#endif
