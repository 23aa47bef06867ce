// SPDX-License-Identifier: Apache-2.0
//
// Readers of magnetic stripes, on each transport: of a loyalty card its identifier is told and nothing else,
// and of a payment card nothing at all (P6).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <malloc.h>

#include "tests/fakes/stripe_rig.h"

// ---- loyalty cards

static void loyalty_cards_are_told(void **state)
{
    (void)state;
    static const char *const cards[][STRIPE_TRACKS] = {
        {NULL, ";" STRIPE_CARD "?", NULL},
        {NULL, ";" STRIPE_CARD "=49121010000000?", NULL},
        {"%" STRIPE_CARD "?", NULL, NULL},
        {"%B" STRIPE_CARD "^DOE/JANE                  ^4912101000000000?", NULL, NULL},
        {"%M" STRIPE_CARD "^DOE/JANE^?", NULL, NULL},
        {NULL, NULL, "+" STRIPE_CARD "=1?"},
        {NULL, NULL, "#" STRIPE_CARD "?"},
        {NULL, NULL, ";" STRIPE_CARD "=?"},
        {"%B" STRIPE_CARD "^DOE/JANE^4912?", ";" STRIPE_CARD "=4912?", "+" STRIPE_CARD "?"},
        {"%MEMBER OF THE CLUB^?", ";" STRIPE_CARD "?", NULL},
        {"%ABC123?", ";0042?", "+" STRIPE_CARD "?"},
    };
    for (size_t way = 0; way < STRIPE_WAYS; way++) {
        struct stripe_reader reader;
        stripe_open(&reader, stripe_ways[way].create);
        for (size_t i = 0; i < STRIPE_LINE_ENDS * sizeof cards / sizeof cards[0]; i++) {
            stripe_swipe(&reader, &stripe_ways[way], i % STRIPE_LINE_ENDS, cards[i / STRIPE_LINE_ENDS]);
            if (reader.scans != 1 || strcmp(reader.told, STRIPE_CARD) != 0 || reader.driver->errors != 0) {
                fail_msg("%s: card %zu: %u scans, %s", stripe_ways[way].name, i / STRIPE_LINE_ENDS,
                         reader.scans, reader.told);
            }
        }
        stripe_close(&reader);
    }
}

// What a reader could not read is counted; what it could is told.
static void unreadable_tracks_are_counted(void **state)
{
    (void)state;
    const struct {
        const char *text;
        unsigned scans, errors;
    } cases[] = {
        {"%E?;" STRIPE_CARD "=4912?+E?\r", 1, 2},
        {"%E?;E?+E?\r", 0, 4},           // and nothing was told
        {";" STRIPE_CARD "=4912", 0, 2}, // its end is missing
        {"%" STRIPE_CARD "\r;" STRIPE_CARD "?\r", 1, 1},
        {";6009A00000009310?", 0, 2}, // no character of track 2
        {"%\x7f" STRIPE_CARD "?", 0, 2},
        {"noise", 0, 1},
        {";12345=?\r", 0, 1}, // not ours
        {";?%?+?", 0, 1},
        {";" STRIPE_CARD "?;1?;2?;3?;4?", 0, 1}, // no card has so many
        {"\r\n\r\n", 0, 0},
        {";" STRIPE_CARD "?;\r\n", 1, 0}, // a check character that looks like a beginning
        {";" STRIPE_CARD "?;", 1, 0},
        {";" STRIPE_CARD "?%", 1, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct stripe_reader reader;
        stripe_open(&reader, tw_serial_stripe_new);
        stripe_feed(&reader, cases[i].text, strlen(cases[i].text));
        stripe_pause(&reader);
        if (reader.scans != cases[i].scans || reader.driver->errors != cases[i].errors) {
            fail_msg("%s: %u scans, %u errors", cases[i].text, reader.scans, (unsigned)reader.driver->errors);
        }
        stripe_close(&reader);
    }
}

// Whatever number it has, or none: the format is that of banks (ISO/IEC 7813).
static void p6_the_financial_format_is_refused(void **state)
{
    (void)state;
    static const char *const cards[][STRIPE_TRACKS] = {{"%B12345^DOE/JANE^4912?", ";" STRIPE_CARD "?", NULL},
                                                       {"%B^?", ";" STRIPE_CARD "?", NULL}};
    for (size_t way = 0; way < STRIPE_WAYS; way++) {
        struct stripe_reader reader;
        stripe_open(&reader, stripe_ways[way].create);
        for (size_t i = 0; i < 2; i++) {
            stripe_swipe(&reader, &stripe_ways[way], 0, cards[i]);
            assert_int_equal(reader.scans, 0);
            assert_int_equal(reader.driver->errors, 1);
        }
        stripe_close(&reader);
    }
}

// A reader that types a track for longer than a swipe's silence: what was typed before waits for it.
static void p6_a_track_that_is_typed_slowly_belongs_to_the_swipe(void **state)
{
    (void)state;
    struct stripe_reader reader;
    stripe_open(&reader, tw_wedge_stripe_new);
    stripe_type(&reader, "%" STRIPE_CARD "?\r");
    for (const char *c = ";4000000123456782=2912?"; *c != '\0'; c++) {
        const char key[] = {*c, '\0'};
        reader.now_ms += 50;
        assert_int_equal(reader.driver->ops->tick(reader.driver, reader.now_ms, NULL), 0);
        stripe_type(&reader, key);
    }
    stripe_type(&reader, "\r");
    stripe_pause(&reader);
    assert_int_equal(reader.scans, 0);
    assert_int_equal(reader.driver->errors, 1);
    stripe_close(&reader);
}

static void half_a_swipe_dies_with_the_cable(void **state)
{
    (void)state;
    struct stripe_reader reader;
    const struct tw_io_facts facts = {0};
    stripe_open(&reader, tw_serial_stripe_new);
    stripe_feed(&reader, ";" STRIPE_CARD "?", 18);
    reader.driver->ops->lost(reader.driver);
    assert_int_equal(reader.driver->ops->opened(reader.driver, &facts, 0, NULL), 0);
    stripe_feed(&reader, "\r", 1);
    stripe_pause(&reader);
    assert_int_equal(reader.scans, 0);
    assert_int_equal(reader.driver->errors, 1);
    stripe_close(&reader);
}

static void without_rules_nothing_is_told(void **state)
{
    (void)state;
    struct stripe_reader reader;
    stripe_open(&reader, tw_serial_stripe_new);
    reader.sink.is_loyalty = NULL;
    stripe_feed(&reader, ";" STRIPE_CARD "?", 18);
    stripe_pause(&reader);
    assert_int_equal(reader.scans, 0);
    assert_int_equal(reader.driver->errors, 1);
    stripe_close(&reader);
}

// ---- P6

struct numbers {
    char list[128][24];
    size_t count;
};

static char luhn_digit(const char *digits)
{
    unsigned sum = 0;
    size_t len = strlen(digits);
    for (size_t i = 0; i < len; i++) {
        unsigned digit = (unsigned)(digits[len - 1 - i] - '0') * (i % 2 == 0 ? 2 : 1);
        sum += digit > 9 ? digit - 9 : digit;
    }
    return (char)('0' + (10 - sum % 10) % 10);
}

static void add_own(struct numbers *numbers)
{
    static const char *const bodies[] = {"400000012345678",    "411111987654321", "510510246813579",
                                         "222300135792468",    "37828290817263",  "601100864209753",
                                         "353011998877665",    "3056930987654",   "621234998877665",
                                         "679999010203040501", "50000010203",     "600920100000931"};
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        (void)snprintf(numbers->list[numbers->count++], 24, "%s%c", bodies[i], luhn_digit(bodies[i]));
    }
}

// The numbers payment libraries publish for tests, where the data is.
static void add_published(struct numbers *numbers)
{
    const char *data = getenv("TILLWIRE_DATA");
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/barcode/test_pans.json",
                   data != NULL ? data : TW_SOURCE_DIR "/../shared/data");
    FILE *file = fopen(path, "re");
    char line[256];
    if (file == NULL) {
        print_message("published numbers: skipped: no data\n");
        return;
    }
    while (fgets(line, sizeof line, file) != NULL) {
        const char *digits = line + strcspn(line, "0123456789");
        int len = (int)strspn(digits, "0123456789");
        if (len > 0) {
            assert_true(numbers->count < 128 && len < 24);
            (void)snprintf(numbers->list[numbers->count++], 24, "%.*s", len, digits);
        }
    }
    (void)fclose(file);
}

// In the groups that are embossed on cards.
static void group(const char *pan, char out[32])
{
    size_t at = 0;
    for (size_t i = 0; pan[i] != '\0'; i++) {
        if (i > 0 && i % 4 == 0) {
            out[at++] = ' ';
        }
        out[at++] = pan[i];
    }
    out[at] = '\0';
}

// %P is the number, %G the number in groups, %L our own card. Three tracks each; empty: none.
static const char *const payment_forms[][STRIPE_TRACKS] = {
    {"%B%P^DOE/JANE                  ^29121010000000000?", "", ""},
    {"%B%G^DOE/JANE^2912101?", "", ""},
    {"%B%P?", "", ""},
    {"%A%P^DOE/JANE^?", "", ""},
    {"%%P^DOE/JANE^?", "", ""},
    {"%%G?", "", ""},
    {"", ";%P=29121010000000000?", ""},
    {"", ";%P?", ""},
    {"", "", "+01%P=724724000000000000030300XXXX04040099010=000000000000000=?"},
    {"", "", ";01%P=7247240000000?"},
    {"", "", "#%P?"},
    {"%B%P^DOE/JANE^2912101?", ";%P=2912101?", "+01%P==724?"},
    {"%B%L^DOE/JANE^2912101?", ";%P=2912101?", ""}, // a card that is both
    {"%B%P^DOE/JANE^2912101?", ";%L=2912101?", ""},
    {"%%L?", ";%L?", "+%P=?"},
    {"%E?", ";%P=2912101?", "+%L?"},
    {"%%L?", "", "+01%P=724?"},
    {"%B%P^DOE", ";%L?", ""}, // the end of a track is missing
    {"%%L?", ";%P", ""},
};

static void expand(const char *form, const char *pan, char out[128])
{
    char grouped[32];
    size_t at = 0;
    group(pan, grouped);
    out[0] = '\0';
    for (; *form != '\0'; form++) {
        const char *what = form[0] != '%'   ? NULL
                           : form[1] == 'P' ? pan
                           : form[1] == 'G' ? grouped
                           : form[1] == 'L' ? STRIPE_CARD
                                            : NULL;
        if (what != NULL) {
            at += (size_t)snprintf(out + at, 128 - at, "%s", what);
            form++;
        } else {
            out[at++] = *form;
            out[at] = '\0';
        }
    }
}

// Whether six digits in a row of the number, which are not in our own card's, are in the instance's memory.
static bool remembers(const struct stripe_reader *reader, const char *pan)
{
    size_t size = malloc_usable_size(reader->driver);
    for (size_t i = 0; i + 6 <= strlen(pan); i++) {
        if (memmem(reader->driver, size, pan + i, 6) != NULL && memmem(STRIPE_CARD, 16, pan + i, 6) == NULL) {
            return true;
        }
    }
    return false;
}

static void swipe_payment_card(struct stripe_reader *reader, const struct stripe_way *way, size_t form,
                               const char *pan)
{
    char text[STRIPE_TRACKS][128];
    const char *tracks[STRIPE_TRACKS];
    for (size_t i = 0; i < STRIPE_TRACKS; i++) {
        expand(payment_forms[form][i], pan, text[i]);
        tracks[i] = text[i][0] != '\0' ? text[i] : NULL;
    }
    for (size_t end = 0; end < STRIPE_LINE_ENDS; end++) {
        stripe_swipe(reader, way, end, tracks);
        if (reader->scans != 0 || reader->driver->errors == 0 || remembers(reader, pan)) {
            fail_msg("%s: form %zu, line end %zu: %u scans, %u errors%s", way->name, form, end, reader->scans,
                     (unsigned)reader->driver->errors, remembers(reader, pan) ? ", remembered" : "");
        }
    }
}

static void p6_payment_cards_are_forgotten(void **state)
{
    (void)state;
    struct numbers numbers = {.count = 0};
    add_own(&numbers);
    add_published(&numbers);
    unsigned swipes = 0;
    for (size_t way = 0; way < STRIPE_WAYS; way++) {
        struct stripe_reader reader;
        stripe_open(&reader, stripe_ways[way].create);
        for (size_t form = 0; form < sizeof payment_forms / sizeof payment_forms[0]; form++) {
            for (size_t i = 0; i < numbers.count; i++) {
                swipe_payment_card(&reader, &stripe_ways[way], form, numbers.list[i]);
                swipes += STRIPE_LINE_ENDS;
            }
        }
        static const char *const ours[STRIPE_TRACKS] = {NULL, ";" STRIPE_CARD "?", NULL};
        stripe_swipe(&reader, &stripe_ways[way], 0, ours); // and it still reads
        assert_int_equal(reader.scans, 1);
        stripe_close(&reader);
    }
    print_message("%zu numbers, %u swipes\n", numbers.count, swipes);
}

// The search itself: a test that cannot fail would be none.
static void p6_the_search_finds_what_is_there(void **state)
{
    (void)state;
    struct stripe_reader reader;
    stripe_open(&reader, tw_serial_stripe_new);
    stripe_feed(&reader, ";4000000123456782", 17);
    assert_true(remembers(&reader, "4000000123456782"));
    stripe_pause(&reader);
    assert_false(remembers(&reader, "4000000123456782"));
    stripe_close(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loyalty_cards_are_told),
        cmocka_unit_test(unreadable_tracks_are_counted),
        cmocka_unit_test(p6_the_financial_format_is_refused),
        cmocka_unit_test(p6_a_track_that_is_typed_slowly_belongs_to_the_swipe),
        cmocka_unit_test(half_a_swipe_dies_with_the_cable),
        cmocka_unit_test(without_rules_nothing_is_told),
        cmocka_unit_test(p6_payment_cards_are_forgotten),
        cmocka_unit_test(p6_the_search_finds_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
