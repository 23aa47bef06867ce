// SPDX-License-Identifier: Apache-2.0
//
// Speed finding against made lines: every rate, with clocks that are off, edges that are late and a timer
// that counts whole ticks is found; noise, a rate of its own, and too little are not.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "firmware/core/speed.h"

static const uint32_t rates[] = {1200,  2400,  4800,   9600,   14400,  19200, 28800,
                                 38400, 57600, 115200, 230400, 460800, 921600};
enum { RATES = sizeof rates / sizeof rates[0] };

static uint32_t pick(uint32_t *random, uint32_t below)
{
    *random ^= *random << 13;
    *random ^= *random >> 17;
    *random ^= *random << 5;
    return (*random >> 3) % below;
}

static uint32_t seed(void)
{
    const char *text = getenv("TW_SEED");
    uint32_t value = text != NULL ? (uint32_t)strtoul(text, NULL, 10) : 31u;
    print_message("seed %u (TW_SEED)\n", value);
    return value | 1u;
}

// A line that sends bytes, as a timer with whole ticks sees it.
struct line {
    double bit;     // ticks
    double late;    // rising edges come so much later, ticks
    unsigned bits;  // 7, 8
    int parity;     // 0 none, 1 even, 2 odd
    unsigned pause; // most bits of silence between bytes
    bool level;
    double now;
    double edge; // the last one
    uint32_t random;
    struct tw_speed speed;
};

static void set_level(struct line *line, bool level)
{
    if (level != line->level) {
        double edge = line->now + (level ? line->late : 0);
        tw_speed_pulse(&line->speed, (uint32_t)(floor(edge) - floor(line->edge)));
        line->edge = edge;
        line->level = level;
    }
    line->now += line->bit;
}

static void send_byte(struct line *line, uint8_t byte)
{
    set_level(line, false);
    int ones = 0;
    for (unsigned i = 0; i < line->bits; i++) {
        set_level(line, byte >> i & 1);
        ones += byte >> i & 1;
    }
    if (line->parity != 0) {
        set_level(line, (ones + line->parity - 1) % 2 != 0);
    }
    set_level(line, true);
    line->now += line->bit * pick(&line->random, line->pause + 1);
}

static struct line make_line(double ticks_per_second, double rate, uint32_t random)
{
    struct line line = {.bit = ticks_per_second / rate, .bits = 8, .level = true, .random = random | 1u};
    tw_speed_init(&line.speed, (uint32_t)ticks_per_second);
    return line;
}

// Text, as receipts are, or anything.
static uint8_t any_byte(struct line *line, bool text)
{
    static const char receipt[] = " ABCDEFGHIJKLMNOPQRSTUVWXYZ.0123456789\n";
    uint32_t value = pick(&line->random, 256);
    return text ? (uint8_t)receipt[value % (sizeof receipt - 1)] : (uint8_t)value;
}

static void every_rate_is_found(void **state)
{
    (void)state;
    uint32_t random = seed();
    for (int round = 0; round < 40 * RATES; round++) {
        uint32_t rate = rates[round % RATES];
        double off = 1 + ((double)pick(&random, 301) - 150) / 10000; // 1.5 % either way
        struct line line = make_line(84e6, rate * off, random);
        line.late = line.bit * ((double)pick(&random, 160) - 80) / 1000; // 8 % of a bit either way
        line.bits = 7 + pick(&random, 2);
        line.parity = (int)pick(&random, 3);
        line.pause = pick(&random, 2) == 0 ? 0 : pick(&random, 3000);
        bool text = pick(&random, 2) == 0;
        for (int i = 0; i < 60; i++) {
            send_byte(&line, any_byte(&line, text));
            uint32_t found = tw_speed_found(&line.speed);
            assert_true(found == 0 || found == rate); // never a wrong one on the way
        }
        assert_int_equal(tw_speed_found(&line.speed), rate);
    }
}

// One pulse in forty is noise, of any width.
static void a_little_noise_does_no_harm(void **state)
{
    (void)state;
    uint32_t random = seed();
    for (int round = 0; round < 20 * RATES; round++) {
        uint32_t rate = rates[round % RATES];
        struct line line = make_line(84e6, rate, random);
        for (int i = 0; i < 400; i++) {
            send_byte(&line, any_byte(&line, true));
            if (i % 8 == 0) {
                tw_speed_pulse(&line.speed, 1 + pick(&random, (uint32_t)(line.bit * 3)));
            }
        }
        assert_int_equal(tw_speed_found(&line.speed), rate);
        random += 1;
    }
}

static void noise_alone_is_no_rate(void **state)
{
    (void)state;
    uint32_t random = seed();
    for (int round = 0; round < 50; round++) {
        struct tw_speed speed;
        tw_speed_init(&speed, 84000000);
        uint32_t widest = 100u << pick(&random, 12);
        for (int i = 0; i < 3000; i++) {
            tw_speed_pulse(&speed, 1 + pick(&random, widest));
            assert_int_equal(tw_speed_found(&speed), 0);
        }
    }
}

// 6 % or more off: no UART would read that, so no rate is claimed.
static void a_rate_between_is_not_found(void **state)
{
    (void)state;
    for (int i = 0; i < RATES; i++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            struct line line = make_line(84e6, rates[i] * (1 + sign * 0.06), 3);
            line.bits = 8;
            for (int byte = 0; byte < 500; byte++) {
                send_byte(&line, any_byte(&line, false));
            }
            assert_int_equal(tw_speed_found(&line.speed), 0);
        }
    }
}

static void too_little_is_not_believed(void **state)
{
    (void)state;
    struct line line = make_line(84e6, 9600, 5);
    for (unsigned i = 0; i < TW_SPEED_PULSES - 1; i++) {
        tw_speed_pulse(&line.speed, 8750);
        assert_int_equal(tw_speed_found(&line.speed), 0);
    }
    tw_speed_pulse(&line.speed, 8750);
    assert_int_equal(tw_speed_found(&line.speed), 9600);
    // Without single bits it could be any rate: 00 with its stop bit, and long silences.
    tw_speed_init(&line.speed, 84000000);
    for (int i = 0; i < 1000; i++) {
        tw_speed_pulse(&line.speed, i % 2 == 0 ? 9 * 8750 : UINT32_MAX - (uint32_t)i);
        assert_int_equal(tw_speed_found(&line.speed), 0);
    }
}

// The evidence fades: a till that is set to another speed is found again without a restart.
static void a_line_that_changes_is_found_again(void **state)
{
    (void)state;
    struct line line = make_line(84e6, 38400, 7);
    for (int i = 0; i < 20000; i++) {
        send_byte(&line, any_byte(&line, true));
    }
    assert_int_equal(tw_speed_found(&line.speed), 38400);
    line.bit = 84e6 / 9600;
    for (int i = 0; i < 5000; i++) {
        send_byte(&line, any_byte(&line, true));
    }
    assert_int_equal(tw_speed_found(&line.speed), 9600);
}

// With a slow timer the fast rates cannot be told apart, and are not claimed.
static void a_slow_timer_finds_the_slow_rates_only(void **state)
{
    (void)state;
    for (int i = 0; i < RATES; i++) {
        struct line line = make_line(1e6, rates[i], 9);
        for (int byte = 0; byte < 500; byte++) {
            send_byte(&line, any_byte(&line, true));
        }
        assert_int_equal(tw_speed_found(&line.speed), rates[i] <= 57600 ? rates[i] : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rate_is_found),
        cmocka_unit_test(a_little_noise_does_no_harm),
        cmocka_unit_test(noise_alone_is_no_rate),
        cmocka_unit_test(a_rate_between_is_not_found),
        cmocka_unit_test(too_little_is_not_believed),
        cmocka_unit_test(a_line_that_changes_is_found_again),
        cmocka_unit_test(a_slow_timer_finds_the_slow_rates_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
