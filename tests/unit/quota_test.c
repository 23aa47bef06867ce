// SPDX-License-Identifier: Apache-2.0
//
// P7: what is decided when room runs out, for every combination of what there is.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/journal/quota.h"

#define MIB UINT64_C(1048576)

static void P7_nothing_is_given_up_or_refused_while_there_is_room(void **state)
{
    (void)state;
    static const struct tw_quota_view views[] = {
        {.used_bytes = UINT64_MAX},                                        // no limits
        {.max_bytes = 64 * MIB, .used_bytes = 64 * MIB - 1},               // up to the limit
        {.max_bytes = 64 * MIB, .used_bytes = 1, .free_bytes = 500 * MIB}, // only what is used counts
        {.reserve_bytes = MIB, .disk_bytes = MIB},                         // just the reserve
        {.reserve_bytes = MIB, .disk_bytes = 0, .free_bytes = 256 * 1024}, // room within the file
        {.disk_bytes = 0},                                                 // no reserve is wanted
        {.max_bytes = 9, .used_bytes = 8, .reserve_bytes = MIB, .disk_bytes = MIB}, // both
    };
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        for (unsigned can = 0; can < 4; can++) {
            struct tw_quota_view view = views[i];
            view.can_shrink = (can & 1) != 0;
            view.can_drop = (can & 2) != 0;
            assert_int_equal(tw_quota_decide(&view), TW_QUOTA_TAKE);
        }
    }
}

static void P7_what_was_delivered_goes_first_then_the_droppable_then_it_refuses(void **state)
{
    (void)state;
    static const struct tw_quota_view views[] = {
        {.max_bytes = 64 * MIB, .used_bytes = 64 * MIB},
        {.max_bytes = 64 * MIB, .used_bytes = UINT64_MAX, .free_bytes = 500 * MIB},
        {.reserve_bytes = MIB, .disk_bytes = MIB - 1},
        {.reserve_bytes = MIB, .disk_bytes = 0, .free_bytes = 256 * 1024 - 1},
        {.max_bytes = 1, .used_bytes = 2, .reserve_bytes = MIB, .disk_bytes = UINT64_MAX},
        {.max_bytes = 2, .used_bytes = 1, .reserve_bytes = UINT64_MAX, .disk_bytes = UINT64_MAX - 1},
    };
    static const enum tw_quota_action actions[] = {TW_QUOTA_REFUSE, TW_QUOTA_SHRINK, TW_QUOTA_DROP,
                                                   TW_QUOTA_SHRINK};
    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        for (unsigned can = 0; can < 4; can++) {
            struct tw_quota_view view = views[i];
            view.can_shrink = (can & 1) != 0;
            view.can_drop = (can & 2) != 0;
            assert_int_equal(tw_quota_decide(&view), actions[can]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(P7_nothing_is_given_up_or_refused_while_there_is_room),
        cmocka_unit_test(P7_what_was_delivered_goes_first_then_the_droppable_then_it_refuses),
    };
    return cmocka_run_group_tests_name("quota", tests, NULL, NULL);
}
