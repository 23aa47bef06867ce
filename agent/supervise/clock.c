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

// What the clocks said before.
struct past {
    pthread_mutex_t lock; // of `word`
    struct tw_clock_word word;
    struct tw_clock_steps steps;
};

struct real_clock {
    struct tw_clock clock; // first: a tw_clock pointer is a real_clock pointer
    struct past *past;
};

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

bool tw_clock_is_stale(const struct tw_clock_word *word, int64_t wall, int64_t monotonic)
{
    int64_t step = wall - monotonic - word->ahead_ms;
    return !word->asked || monotonic - word->monotonic_ms >= TW_CLOCK_WORD_MS || step > TW_CLOCK_SLEW_MS ||
           step < -TW_CLOCK_SLEW_MS;
}

// adjtimex(2)
static bool is_synchronised(struct past *past, int64_t wall, int64_t monotonic)
{
    (void)pthread_mutex_lock(&past->lock);
    struct tw_clock_word *word = &past->word;
    if (tw_clock_is_stale(word, wall, monotonic)) {
        struct timex state = {.modes = 0};
        int answer = adjtimex(&state);
        *word = (struct tw_clock_word){
            .asked = true,
            .synchronised = answer >= 0 && answer != TIME_ERROR && (state.status & STA_UNSYNC) == 0,
            .monotonic_ms = monotonic,
            .ahead_ms = wall - monotonic,
        };
    }
    bool synchronised = word->synchronised;
    (void)pthread_mutex_unlock(&past->lock);
    return synchronised;
}

static enum tw_clock_trust trust(const struct tw_clock *clock)
{
    struct past *past = ((const struct real_clock *)clock)->past;
    int64_t wall = wall_ms(clock);
    int64_t monotonic = monotonic_ms(clock);
    return tw_clock_judge(&past->steps, wall, monotonic, is_synchronised(past, wall, monotonic));
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
    struct past *past = calloc(1, sizeof *past);
    if (real == NULL || past == NULL) {
        free(real);
        free(past);
        return NULL;
    }
    (void)pthread_mutex_init(&past->lock, NULL);
    (void)pthread_mutex_init(&past->steps.lock, NULL);
    real->past = past;
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
    (void)pthread_mutex_destroy(&real->past->steps.lock);
    (void)pthread_mutex_destroy(&real->past->lock);
    free(real->past);
    free(real);
}
