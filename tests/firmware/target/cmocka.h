// SPDX-License-Identifier: Apache-2.0
//
// As much of cmocka's interface as the tests of firmware/core use, for running the same files on the
// target: a failed assertion says where, and ends the program through semihosting.
//
// Threading: none. Memory: none. Time: none. Errors: the program's exit code, 1 when a test failed.
#ifndef TW_TARGET_CMOCKA_H
#define TW_TARGET_CMOCKA_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct CMUnitTest {
    const char *name;
    void (*run)(void **state);
};

#define cmocka_unit_test(function)                                                                           \
    {                                                                                                        \
#function, function                                                                                  \
    }
#define cmocka_run_group_tests(tests, setup, teardown)                                                       \
    tw_target_run(tests, sizeof(tests) / sizeof(tests)[0], setup, teardown)

#define assert_true(condition)   tw_target_assert((condition) != 0, #condition, __FILE__, __LINE__)
#define assert_false(condition)  tw_target_assert((condition) == 0, "not " #condition, __FILE__, __LINE__)
#define assert_null(pointer)     assert_true((pointer) == NULL)
#define assert_non_null(pointer) assert_true((pointer) != NULL)
// Both sides as cmocka compares them: as the largest unsigned integers, wherever they came from.
#define assert_int_equal(a, b)                                                                               \
    tw_target_assert((uintmax_t)(a) == (uintmax_t)(b), #a " == " #b, __FILE__, __LINE__)
#define assert_int_not_equal(a, b)                                                                           \
    tw_target_assert((uintmax_t)(a) != (uintmax_t)(b), #a " != " #b, __FILE__, __LINE__)
#define assert_in_range(value, least, most)                                                                  \
    tw_target_assert((uintmax_t)(value) >= (uintmax_t)(least) && (uintmax_t)(value) <= (uintmax_t)(most),    \
                     #value " in range", __FILE__, __LINE__)
#define assert_memory_equal(a, b, len)     assert_true(memcmp(a, b, len) == 0)
#define assert_memory_not_equal(a, b, len) assert_true(memcmp(a, b, len) != 0)
#define assert_string_equal(a, b)          assert_true(strcmp(a, b) == 0)

// Says the format only: there is no printf here.
#define print_message(...) tw_target_say(__VA_ARGS__)

void tw_target_say(const char *format, ...);
void tw_target_assert(int holds, const char *what, const char *file, int line);
int tw_target_run(const struct CMUnitTest *tests, size_t count, int (*setup)(void **),
                  int (*teardown)(void **));

#endif
