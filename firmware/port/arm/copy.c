// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/arm/copy.h"

#include "firmware/port/arm/cpu.h"

enum { ENOUGH_BYTES = 256, WHILE_US = 10000 };

static struct {
    struct tw_lines *lines;
    struct tw_tap *tap;
    uint64_t last_us;
} copy;

void tw_copy_init(struct tw_lines *lines, struct tw_tap *tap)
{
    copy.lines = lines;
    copy.tap = tap;
}

void tw_copy_now(void)
{
    tw_pass_copy(&copy.lines->out, copy.tap, tw_board_now_us());
    bool more = true;
    while (more) {
        uint32_t state = tw_cpu_lock();
        more = tw_pass_wipe(&copy.lines->out);
        tw_cpu_unlock(state);
    }
}

void tw_copy_look(bool at_once, uint64_t now_us)
{
    const struct tw_pass *out = &copy.lines->out;
    if (at_once || out->taken - out->copied >= ENOUGH_BYTES || now_us - copy.last_us >= WHILE_US) {
        copy.last_us = now_us;
        tw_copy_now();
    }
}
