// SPDX-License-Identifier: Apache-2.0
#include "hal/core/life.h"

// ---- the table

#define DO(action, next)                                                                                     \
    {                                                                                                        \
        TW_LIFE_DO_##action, TW_DEVICE_##next                                                                \
    }

static const struct tw_life_step steps[TW_DEVICE_STATE_COUNT][TW_LIFE_EVENT_COUNT] =
    {
        [TW_DEVICE_PROBE] =
            {
                [TW_LIFE_DUE] = DO(OPEN, OPEN),
                [TW_LIFE_OPENED] = DO(NOTHING, PROBE),
                [TW_LIFE_REOPENED] = DO(NOTHING, PROBE),
                [TW_LIFE_FAILED] = DO(NOTHING, PROBE),
                [TW_LIFE_FAULT] = DO(NOTHING, PROBE),
                [TW_LIFE_SILENT] = DO(NOTHING, PROBE),
                [TW_LIFE_HEARD] = DO(NOTHING, PROBE),
            },
        [TW_DEVICE_OPEN] =
            {
                [TW_LIFE_DUE] = DO(GIVE_UP, LOST),
                [TW_LIFE_OPENED] = DO(COME_UP, READY),
                [TW_LIFE_REOPENED] = DO(COME_BACK, STALE),
                [TW_LIFE_FAILED] = DO(STAY_DOWN, LOST),
                [TW_LIFE_FAULT] = DO(STAY_DOWN, LOST),
                [TW_LIFE_SILENT] = DO(NOTHING, OPEN),
                [TW_LIFE_HEARD] = DO(NOTHING, OPEN),
            },
        [TW_DEVICE_READY] =
            {
                [TW_LIFE_DUE] = DO(NOTHING, READY),
                [TW_LIFE_OPENED] = DO(NOTHING, READY),
                [TW_LIFE_REOPENED] = DO(NOTHING, READY),
                [TW_LIFE_FAILED] = DO(GO_DOWN, LOST),
                [TW_LIFE_FAULT] = DO(GO_DOWN, LOST),
                [TW_LIFE_SILENT] = DO(OPEN_ANEW, OPEN),
                [TW_LIFE_HEARD] = DO(NOTHING, READY),
            },
        [TW_DEVICE_STALE] =
            {
                [TW_LIFE_DUE] = DO(NOTHING, STALE),
                [TW_LIFE_OPENED] = DO(NOTHING, STALE),
                [TW_LIFE_REOPENED] = DO(NOTHING, STALE),
                [TW_LIFE_FAILED] = DO(GO_DOWN, LOST),
                [TW_LIFE_FAULT] = DO(GO_DOWN, LOST),
                [TW_LIFE_SILENT] = DO(OPEN_ANEW, OPEN), // once a period of silence
                [TW_LIFE_HEARD] = DO(BE_READY, READY),
            },
        [TW_DEVICE_LOST] =
            {
                [TW_LIFE_DUE] = DO(OPEN, OPEN),
                [TW_LIFE_OPENED] = DO(NOTHING, LOST),
                [TW_LIFE_REOPENED] = DO(NOTHING, LOST),
                [TW_LIFE_FAILED] = DO(NOTHING, LOST),
                [TW_LIFE_FAULT] = DO(NOTHING, LOST),
                [TW_LIFE_SILENT] = DO(NOTHING, LOST),
                [TW_LIFE_HEARD] = DO(NOTHING, LOST),
            },
};

const struct tw_life_step *tw_life_step(enum tw_device_state state, enum tw_life_event event)
{
    return &steps[state][event];
}

// ---- words

const char *tw_device_state_word(enum tw_device_state state)
{
    static const char *const words[] = {
#define X(symbol, word) word,
        TW_DEVICE_STATES(X)
#undef X
    };
    return words[state];
}

const char *tw_device_reason_word(enum tw_device_reason reason)
{
    static const char *const words[] = {
#define X(symbol, word) word,
        TW_DEVICE_REASONS(X)
#undef X
    };
    return words[reason];
}

// ---- delays

void tw_life_delay_init(struct tw_life_delay *delay, uint32_t seed)
{
    *delay = (struct tw_life_delay){.random = seed, .next_ms = TW_LIFE_FIRST_DELAY_MS};
}

void tw_life_delay_start_over(struct tw_life_delay *delay)
{
    delay->next_ms = TW_LIFE_FIRST_DELAY_MS;
}

int64_t tw_life_delay_take(struct tw_life_delay *delay)
{
    delay->random = delay->random * 1664525u + 1013904223u; // Numerical Recipes, 7.1
    int64_t half = delay->next_ms / 2;
    int64_t wait_ms = half + (int64_t)(delay->random >> 8) % (half + 1);
    delay->next_ms *= 2;
    if (delay->next_ms > TW_LIFE_LONGEST_DELAY_MS) {
        delay->next_ms = TW_LIFE_LONGEST_DELAY_MS;
    }
    return wait_ms;
}
