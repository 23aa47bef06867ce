// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/linux/lines.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum {
    WATCHED = TIOCM_CTS | TIOCM_DSR,
    SAMPLE_MS = 5,
    WAKE_SIGNAL = SIGUSR1,
    STACK_BYTES = 128 * 1024,
};

static void pause_ms(long ms)
{
    const struct timespec time = {.tv_nsec = ms * 1000000};
    (void)nanosleep(&time, NULL);
}

static bool look(struct tw_lines *lines)
{
    int now = 0;
    if (ioctl(lines->fd, TIOCMGET, &now) != 0) {
        return false;
    }
    if (atomic_exchange(&lines->now, now & WATCHED) != (now & WATCHED)) {
        const uint64_t one = 1;
        (void)!write(lines->event, &one, sizeof one);
    }
    return true;
}

// Returns false when the port is gone.
static bool await_change(struct tw_lines *lines)
{
    if (ioctl(lines->fd, TIOCMIWAIT, (unsigned long)WATCHED) == 0 || errno == EINTR) {
        return true;
    }
    if (errno == EIO || errno == ENODEV) {
        return false;
    }
    pause_ms(SAMPLE_MS); // this driver cannot wait
    return true;
}

static void *watch(void *argument)
{
    struct tw_lines *lines = argument;
    while (!atomic_load(&lines->stop) && look(lines) && await_change(lines)) {
    }
    atomic_store(&lines->ended, true);
    return NULL;
}

static void on_wake(int number)
{
    (void)number; // interrupts the wait, nothing else
}

static bool start_thread(struct tw_lines *lines)
{
    const struct sigaction wake = {.sa_handler = on_wake}; // without SA_RESTART
    (void)sigaction(WAKE_SIGNAL, &wake, NULL);
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) {
        return false;
    }
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    int outcome = pthread_create(&lines->thread, &attributes, watch, lines);
    (void)pthread_attr_destroy(&attributes);
    return outcome == 0;
}

bool tw_lines_start(struct tw_lines *lines, int fd, int event)
{
    int now = 0;
    lines->started = false;
    if (ioctl(fd, TIOCMGET, &now) != 0) {
        return false;
    }
    lines->fd = fd;
    lines->event = event;
    atomic_store(&lines->now, now & WATCHED);
    atomic_store(&lines->stop, false);
    atomic_store(&lines->ended, false);
    lines->started = start_thread(lines);
    return lines->started;
}

// The signal may come just before the wait begins: it is sent until the thread has seen it.
void tw_lines_stop(struct tw_lines *lines)
{
    if (!lines->started) {
        return;
    }
    atomic_store(&lines->stop, true);
    while (!atomic_load(&lines->ended)) {
        (void)pthread_kill(lines->thread, WAKE_SIGNAL);
        pause_ms(1);
    }
    (void)pthread_join(lines->thread, NULL);
    lines->started = false;
}

void tw_lines_look(struct tw_lines *lines)
{
    if (lines->started) {
        (void)look(lines);
    }
}

int tw_lines_now(const struct tw_lines *lines)
{
    return atomic_load(&lines->now);
}
