// SPDX-License-Identifier: Apache-2.0
//
// Which customer a sale gets (agent/lane/identity.h): the rules one by one, then seeded random histories in
// which no scan serves two sales, and none is lost with a sale that came to nothing.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/lane/identity.h"

#define NOON INT64_C(1795348800000)
#define CARD "6009200000009310"

static struct tw_identity scanned(const char *card)
{
    struct tw_identity identity = {.workstation = "07"};
    tw_identity_remember(&identity, "club", "v1:abc", card, NOON);
    return identity;
}

static void rules(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        const char *card; // scanned; NULL: nobody
        struct tw_identity_clue clue;
        int64_t later_ms;
        enum tw_identity_source source;
    } cases[] = {
        {"nobody", NULL, {0}, 0, TW_IDENTITY_NOBODY},
        {"a scan", CARD, {0}, 0, TW_IDENTITY_SCAN},
        {"half an hour", CARD, {0}, TW_IDENTITY_MS, TW_IDENTITY_SCAN},
        {"longer", CARD, {0}, TW_IDENTITY_MS + 1, TW_IDENTITY_NOBODY},
        {"a clock that was set back", CARD, {0}, -86400000, TW_IDENTITY_SCAN}, // P12
        {"the paper's own card", CARD, {.card = true}, 0, TW_IDENTITY_CARD},
        {"the paper's own card alone", NULL, {.card = true}, 0, TW_IDENTITY_CARD},
        {"a copy", CARD, {.copy = true}, 0, TW_IDENTITY_NOBODY},
        {"a copy with a card", CARD, {.copy = true, .card = true}, 0, TW_IDENTITY_CARD},
        {"the same end", CARD, {.tail = "9310"}, 0, TW_IDENTITY_SCAN},
        {"a shorter end", CARD, {.tail = "10"}, 0, TW_IDENTITY_SCAN},
        {"a longer end", CARD, {.tail = "009310"}, 0, TW_IDENTITY_SCAN},
        {"another end", CARD, {.tail = "9311"}, 0, TW_IDENTITY_NOBODY},
        {"nothing shown", CARD, {.tail = ""}, 0, TW_IDENTITY_SCAN},
        {"a scan of which the end is not known", "", {.tail = "9311"}, 0, TW_IDENTITY_SCAN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tw_identity identity = {.workstation = "07"};
        if (cases[i].card != NULL) {
            identity = scanned(cases[i].card);
        }
        if (tw_identity_choose(&identity, &cases[i].clue, NOON + cases[i].later_ms) != cases[i].source) {
            fail_msg("%s", cases[i].what);
        }
    }
    const struct tw_identity_clue nothing = {0};
    assert_int_equal(tw_identity_choose(NULL, &nothing, NOON), TW_IDENTITY_NOBODY);
}

static void a_sale_uses_the_scan_up(void **state)
{
    (void)state;
    struct tw_identity identity = scanned(CARD);
    struct tw_identity taken;
    const struct tw_identity_clue copy = {.copy = true};
    const struct tw_identity_clue other = {.tail = "0000"};
    assert_false(tw_identity_take(&identity, &copy, &taken));
    assert_true(identity.present && !taken.present);
    assert_true(
        tw_identity_take(&identity, &other, &taken)); // whose paper it is, the scan is not the next one's
    assert_false(identity.present);
    assert_string_equal(identity.workstation, "07");
    assert_string_equal(identity.pseudonym, "");
    assert_false(tw_identity_take(&identity, &other, &(struct tw_identity){0}));
    tw_identity_return(&identity, &taken);
    assert_true(identity.present && !taken.present);
    assert_string_equal(identity.tail, "9310");
    assert_false(tw_identity_take(NULL, &other, &taken));
    tw_identity_return(NULL, &taken);
}

static void who_came_since_stays(void **state)
{
    (void)state;
    struct tw_identity identity = scanned(CARD);
    struct tw_identity taken;
    const struct tw_identity_clue sale = {0};
    assert_true(tw_identity_take(&identity, &sale, &taken));
    tw_identity_remember(&identity, "club", "v1:next", "1234567", NOON);
    tw_identity_return(&identity, &taken);
    assert_string_equal(identity.pseudonym, "v1:next");
}

// One sale at a time is on its way; it is kept, or it comes to nothing and is made again.
static void one_history(unsigned seed)
{
    struct tw_identity identity = {.workstation = "07"};
    struct tw_identity taken = {0};
    bool used[1000] = {false};
    unsigned newest = 0;
    for (int i = 0; i < 2000; i++) {
        int what = rand_r(&seed) % 4;
        const struct tw_identity_clue clue = {.copy = rand_r(&seed) % 5 == 0};
        char name[16];
        if (what == 0 && newest + 1 < sizeof used) {
            (void)snprintf(name, sizeof name, "v1:%u", ++newest);
            tw_identity_remember(&identity, "club", name, CARD, NOON);
        } else if (what == 1 && !taken.present) {
            (void)tw_identity_take(&identity, &clue, &taken);
        } else if (what == 2) { // nothing came of it
            bool present = identity.present;
            bool given = taken.present;
            tw_identity_return(&identity, &taken);
            assert_int_equal(identity.present, present || given);
        } else if (taken.present) { // kept
            unsigned number = (unsigned)strtoul(taken.pseudonym + 3, NULL, 10);
            assert_false(used[number]); // P3: nobody pays twice
            used[number] = true;
            taken.present = false;
        }
        assert_string_equal(identity.workstation, "07");
    }
}

static void random_histories(void **state)
{
    (void)state;
    const char *given = getenv("TW_SEED");
    unsigned first = given != NULL ? (unsigned)strtoul(given, NULL, 10) : 1;
    unsigned count = given != NULL ? 1 : 200;
    print_message("seeds %u to %u (TW_SEED=N plays one)\n", first, first + count - 1);
    for (unsigned seed = first; seed < first + count; seed++) {
        one_history(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules),
        cmocka_unit_test(a_sale_uses_the_scan_up),
        cmocka_unit_test(who_came_since_stays),
        cmocka_unit_test(random_histories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
