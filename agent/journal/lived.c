// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/lived.h"

// The mark: own time, wall time, monotonic time (8 bytes each, big-endian) and the boot it is of.
enum { NUMBERS = 3, BOOT_AT = 8 * NUMBERS, BOOT_LEN = 36, MARK_BYTES = BOOT_AT + BOOT_LEN };

#define NO_BOOT "00000000-0000-0000-0000-000000000000" // of a machine that does not tell its boots apart

static int64_t get_number(const uint8_t *at)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value = value << 8 | at[i];
    }
    return (int64_t)value;
}

static void put_number(uint8_t *at, int64_t number)
{
    for (int i = 0; i < 8; i++) {
        at[i] = (uint8_t)((uint64_t)number >> (56 - 8 * i));
    }
}

static bool is_same_boot(const struct tw_lived *lived, const uint8_t *boot)
{
    const char *now = lived->clock->boot;
    return memcmp(now, boot, BOOT_LEN) == 0 && memcmp(now, NO_BOOT, BOOT_LEN) != 0;
}

int tw_lived_open(struct tw_lived *lived)
{
    struct tw_slice value;
    lived->monotonic_ms = lived->clock->monotonic_ms(lived->clock);
    int rc = tw_marks_get(lived->marks, TW_MARK_LIVED, tw_slice_make(NULL, 0), &value);
    if (rc == 0) {
        lived->ms = TW_LIVED_BEGIN_MS;
        lived->is_due = true;
    }
    if (rc != 1) {
        return rc == TW_ERR_NOT_FOUND ? TW_ERR_DAMAGED : rc; // all keys that are needed are there
    }
    if (value.len != MARK_BYTES) {
        return TW_ERR_DAMAGED;
    }
    lived->ms = get_number(value.ptr);
    lived->wall_ms = get_number(value.ptr + 8);
    lived->was_off = !is_same_boot(lived, value.ptr + BOOT_AT);
    if (!lived->was_off) {
        lived->monotonic_ms = get_number(value.ptr + 16);
    }
    return TW_OK;
}

static bool is_vouched(const struct tw_lived *lived)
{
    return lived->clock->trust(lived->clock) == TW_CLOCK_OK;
}

int64_t tw_lived_now(struct tw_lived *lived)
{
    int64_t monotonic_ms = lived->clock->monotonic_ms(lived->clock);
    int64_t passed_ms = monotonic_ms > lived->monotonic_ms ? monotonic_ms - lived->monotonic_ms : 0;
    lived->monotonic_ms = monotonic_ms;
    lived->ms += passed_ms;
    lived->wall_ms += lived->wall_ms != 0 ? passed_ms : 0;
    if (lived->was_off && is_vouched(lived)) {
        int64_t wall_ms = lived->clock->wall_ms(lived->clock);
        if (lived->wall_ms != 0 && wall_ms > lived->wall_ms) {
            lived->ms += wall_ms - lived->wall_ms;
        }
        lived->wall_ms = wall_ms;
        lived->was_off = false;
        lived->is_due = true;
    }
    return lived->ms;
}

int64_t tw_lived_date(struct tw_lived *lived)
{
    int64_t now_ms = tw_lived_now(lived);
    if (lived->was_off) { // nobody vouches: how long it was off stays unknown
        lived->wall_ms = 0;
        lived->was_off = false;
        lived->is_due = true;
    }
    return now_ms;
}

int tw_lived_save(struct tw_lived *lived)
{
    uint8_t mark[MARK_BYTES];
    (void)tw_lived_now(lived);
    if (lived->was_off) {
        return TW_OK; // what is stored is what will be compared with
    }
    if (is_vouched(lived)) {
        lived->wall_ms = lived->clock->wall_ms(lived->clock);
    }
    put_number(mark, lived->ms);
    put_number(mark + 8, lived->wall_ms);
    put_number(mark + 16, lived->monotonic_ms);
    memcpy(mark + BOOT_AT, lived->clock->boot, BOOT_LEN);
    int rc =
        tw_marks_put(lived->marks, TW_MARK_LIVED, tw_slice_make(NULL, 0), tw_slice_make(mark, sizeof mark));
    lived->is_due = rc != TW_OK;
    return rc;
}
