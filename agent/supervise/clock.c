// SPDX-License-Identifier: Apache-2.0
#include "agent/supervise/clock.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "tillwire/supervise.h"

// The kernel's last word.
struct vouched {
    pthread_mutex_t lock;
    bool asked, synchronised;
    int64_t monotonic_ms, ahead_ms; // when it was asked, and wall - monotonic then
};

struct real_clock {
    struct tw_clock clock; // first: a tw_clock pointer is a real_clock pointer
    struct tw_clock_steps *steps;
    struct vouched *vouched;
};

enum { VOUCH_MS = 1000, VOUCH_STEP_MS = 100 };

static int64_t read_ms(clockid_t id)
{
    struct timespec now = {0};
    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t wall_ms(const struct tw_clock *clock)
{
    (void)clock;
    return read_ms(CLOCK_REALTIME);
}

static int64_t monotonic_ms(const struct tw_clock *clock)
{
    (void)clock;
    return read_ms(CLOCK_MONOTONIC);
}

enum tw_clock_trust tw_clock_judge(struct tw_clock_steps *steps, int64_t wall, int64_t monotonic,
                                   bool synchronised)
{
    int64_t ahead = wall - monotonic;
    (void)pthread_mutex_lock(&steps->lock);
    bool back = steps->seen && ahead < steps->ahead_ms - TW_CLOCK_STEP_MS;
    // A step back that the kernel vouches for is flagged once; from then on it is the time.
    if (!steps->seen || ahead > steps->ahead_ms || (back && synchronised)) {
        steps->ahead_ms = ahead;
    }
    steps->seen = true;
    (void)pthread_mutex_unlock(&steps->lock);
    if (back || wall < TW_RELEASE_WALL_MS) {
        return TW_CLOCK_SUSPECT;
    }
    return synchronised ? TW_CLOCK_OK : TW_CLOCK_UNSYNCHRONISED;
}

// adjtimex(2): asked once a second, and whenever somebody has set the clock since.
static bool is_synchronised(struct vouched *vouched, int64_t wall, int64_t monotonic)
{
    (void)pthread_mutex_lock(&vouched->lock);
    int64_t stepped = wall - monotonic - vouched->ahead_ms;
    if (!vouched->asked || monotonic - vouched->monotonic_ms >= VOUCH_MS || stepped > VOUCH_STEP_MS ||
        stepped < -VOUCH_STEP_MS) {
        struct timex state = {.modes = 0};
        int answer = adjtimex(&state);
        vouched->synchronised = answer >= 0 && answer != TIME_ERROR && (state.status & STA_UNSYNC) == 0;
        vouched->monotonic_ms = monotonic;
        vouched->ahead_ms = wall - monotonic;
        vouched->asked = true;
    }
    bool synchronised = vouched->synchronised;
    (void)pthread_mutex_unlock(&vouched->lock);
    return synchronised;
}

static enum tw_clock_trust trust(const struct tw_clock *clock)
{
    const struct real_clock *real = (const struct real_clock *)clock;
    int64_t wall = wall_ms(clock);
    int64_t monotonic = monotonic_ms(clock);
    return tw_clock_judge(real->steps, wall, monotonic, is_synchronised(real->vouched, wall, monotonic));
}

// random(4): a new UUID with every boot. A kernel without it leaves the nil UUID.
static void read_boot_id(char boot[37])
{
    (void)strcpy(boot, "00000000-0000-0000-0000-000000000000");
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return;
    }
    char text[36];
    if (read(fd, text, sizeof text) == (ssize_t)sizeof text) {
        memcpy(boot, text, sizeof text);
    }
    (void)close(fd);
}

struct tw_clock *tw_supervise_clock_new(void)
{
    struct real_clock *real = calloc(1, sizeof *real);
    struct tw_clock_steps *steps = calloc(1, sizeof *steps);
    struct vouched *vouched = calloc(1, sizeof *vouched);
    if (real == NULL || steps == NULL || vouched == NULL) {
        free(real);
        free(steps);
        free(vouched);
        return NULL;
    }
    (void)pthread_mutex_init(&steps->lock, NULL);
    (void)pthread_mutex_init(&vouched->lock, NULL);
    real->steps = steps;
    real->vouched = vouched;
    real->clock = (struct tw_clock){.wall_ms = wall_ms, .monotonic_ms = monotonic_ms, .trust = trust};
    read_boot_id(real->clock.boot);
    return &real->clock;
}

void tw_supervise_clock_free(struct tw_clock *clock)
{
    if (clock == NULL) {
        return;
    }
    struct real_clock *real = (struct real_clock *)clock;
    (void)pthread_mutex_destroy(&real->steps->lock);
    (void)pthread_mutex_destroy(&real->vouched->lock);
    free(real->steps);
    free(real->vouched);
    free(real);
}
