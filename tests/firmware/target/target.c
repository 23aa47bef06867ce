// SPDX-License-Identifier: Apache-2.0
//
// What tests on the target stand on: reset, the few words they say, and the way out.
#include <cmocka.h>
#include <stdlib.h>

#include "firmware/port/arm/board.h"
#include "firmware/port/arm/semihost.h"
#include "firmware/port/arm/startup.h"

enum { TEST_FAILED = 1, FAULT = 2 };

void tw_target_say(const char *format, ...)
{
    tw_semihost_say(format);
}

static void say_number(unsigned number)
{
    char digits[12];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    tw_semihost_say(digits + at);
}

void tw_target_assert(int holds, const char *what, const char *file, int line)
{
    if (holds) {
        return;
    }
    tw_semihost_say(file);
    tw_semihost_say(":");
    say_number((unsigned)line);
    tw_semihost_say(": does not hold: ");
    tw_semihost_say(what);
    tw_semihost_say("\n");
    tw_semihost_exit(TEST_FAILED);
}

int tw_target_run(const struct CMUnitTest *tests, size_t count, int (*setup)(void **),
                  int (*teardown)(void **))
{
    void *state = NULL;
    assert_true(setup == NULL || setup(&state) == 0);
    for (size_t i = 0; i < count; i++) {
        tests[i].run(&state);
        tw_semihost_say(tests[i].name);
        tw_semihost_say(": holds\n");
    }
    assert_true(teardown == NULL || teardown(&state) == 0);
    return 0;
}

// Seeds are those of the tests; the target has no environment.
char *getenv(const char *name)
{
    (void)name;
    return NULL;
}

// startup.c comes here when main has returned, which is when no assertion failed.
_Noreturn void tw_board_restart(void)
{
    tw_semihost_exit(0);
}

_Noreturn void tw_fault(void)
{
    tw_semihost_say("fault\n");
    tw_semihost_exit(FAULT);
}
