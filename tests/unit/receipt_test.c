// SPDX-License-Identifier: Apache-2.0
//
// Receipt reading without a printer in between: papers of many tills as text, each with what it
// says in its first lines (tests/corpus/receipt/NAME.txt: lines that begin with "= ", then the
// paper). `receipt_test --update` writes those lines anew, to be looked through in the diff.
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/decode/receipt.h"
#include "tests/unit/sale_text.h"

#define PAPERS TW_SOURCE_DIR "/tests/corpus/receipt"

struct reading {
    struct tw_profile *profile;
    struct tw_scan_rules *rules;
    struct tw_matcher *matcher;
};

static const struct tw_card_rule club = {"club", "^6009200\\d{9}$", "luhn"};

static int open_reading(struct reading *reading)
{
    struct tw_error_text err;
    int rc = tw_profile_compile(tw_profile_generic(), &reading->profile, &err);
    rc = rc == TW_OK ? tw_scan_rules_new(&club, 1, &reading->rules, &err) : rc;
    return rc == TW_OK ? tw_matcher_new(reading->profile, &reading->matcher) : rc;
}

static void close_reading(struct reading *reading)
{
    tw_matcher_free(reading->matcher);
    tw_scan_rules_free(reading->rules);
    tw_profile_free(reading->profile);
}

struct paper {
    struct tw_buf text; // the file
    char *expected;     // its first lines
    struct tw_page_line lines[200];
    size_t count;
};

static void load_paper(const char *path, struct paper *paper)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char block[4096];
    for (size_t len; (len = fread(block, 1, sizeof block, file)) > 0;) {
        tw_buf_add(&paper->text, block, len);
    }
    (void)fclose(file);
    assert_int_equal(tw_buf_status(&paper->text), TW_OK);
    char *at = (char *)paper->text.ptr;
    char *body = at;
    while (strncmp(body, "= ", 2) == 0) {
        body = strchr(body, '\n') + 1;
    }
    paper->expected = strndup(at, (size_t)(body - at));
    while (*body != 0 && paper->count < 200) {
        size_t len = strcspn(body, "\n");
        paper->lines[paper->count].text = body;
        paper->lines[paper->count++].len = len;
        body += len;
        if (*body != 0) {
            *body++ = 0;
        }
    }
}

static void free_paper(struct paper *paper)
{
    free(paper->expected);
    tw_buf_free(&paper->text);
}

static void read_paper(struct reading *reading, struct paper *paper, struct tw_buf *out)
{
    struct tw_receipt_result result = {0};
    assert_int_equal(
        tw_receipt_read(reading->matcher, reading->rules, paper->lines, paper->count, &result, NULL, NULL),
        TW_OK);
    if (result.sale != NULL) {
        write_sale(out, result.sale, "= ");
    } else {
        tw_buf_printf(out, "= %s: %s\n", tw_unparsed_name(result.reason), or_dash(result.detail));
    }
    tw_sale_free(result.sale);
    assert_int_equal(tw_buf_status(out), TW_OK);
}

static void update_paper(const char *path, const struct paper *paper, const struct tw_buf *got)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    (void)fwrite(got->ptr, 1, got->len, file);
    for (size_t i = 0; i < paper->count; i++) {
        (void)fprintf(file, "%s\n", paper->lines[i].text);
    }
    assert_int_equal(fclose(file), 0);
}

static bool updating;

static bool check_paper(struct reading *reading, const char *name)
{
    char path[512];
    (void)snprintf(path, sizeof path, PAPERS "/%s", name);
    struct paper paper = {0};
    struct tw_buf got = {0};
    load_paper(path, &paper);
    read_paper(reading, &paper, &got);
    bool same = strcmp((const char *)got.ptr, paper.expected) == 0;
    if (updating) {
        update_paper(path, &paper, &got);
    } else if (!same) {
        print_error("%s\n--- expected\n%s+++ read\n%s", name, paper.expected, (const char *)got.ptr);
    }
    tw_buf_free(&got);
    free_paper(&paper);
    return same || updating;
}

static void papers_of_many_tills(void **state)
{
    (void)state;
    struct reading reading = {0};
    assert_int_equal(open_reading(&reading), TW_OK);
    DIR *folder = opendir(PAPERS);
    assert_non_null(folder);
    size_t checked = 0;
    size_t wrong = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (len > 4 && strcmp(entry->d_name + len - 4, ".txt") == 0) {
            checked++;
            wrong += !check_paper(&reading, entry->d_name);
        }
    }
    (void)closedir(folder);
    close_reading(&reading);
    assert_true(checked >= 70);
    assert_int_equal(wrong, 0);
}

// Times as tills print them. '$' in the paper makes it American, "VAT" European.
static void times_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } table[] = {
        {"2026-11-22 10:15", "2026-11-22T10:15:00"},
        {"2026-11-22T10:15:30", "2026-11-22T10:15:30"},
        {"22.11.2026 10:15:30", "2026-11-22T10:15:30"},
        {"22.11.26 10:15 Uhr", "2026-11-22T10:15:00"},
        {"22. 11. 2026 19:05", "2026-11-22T19:05:00"},
        {"22/11/2026 10:15", "2026-11-22T10:15:00"},
        {"11/22/2026 03:15 PM", "2026-11-22T15:15:00"},
        {"11/22/26 12:05 AM", "2026-11-22T00:05:00"},
        {"03/04/26 9:05AM  1.00", "2026-03-04T09:05:00"},
        {"03/04/26 09:05 VAT 1.00", "2026-04-03T09:05:00"},
        {"22-11-2026 13:15", "2026-11-22T13:15:00"},
        {"22 NOV 2026 13:15", "2026-11-22T13:15:00"},
        {"22-Nov-2026 16:20", "2026-11-22T16:20:00"},
        {"Nov. 22, 2026 1:05 PM", "2026-11-22T13:05:00"},
        {"Monday 6th of April 2015 02:56:25 PM", "2015-04-06T14:56:25"},
        {"le 22 novembre 2026 à 18h05", "2026-11-22T18:05:00"},
        {"22.11.2026 klo 9.41", "2026-11-22T09:41:00"},
        {"Datum: 22.11.2026   Uhrzeit: 10:15:30", "2026-11-22T10:15:30"},
        {"22.11.2026", ""},
        {"10:15", ""},
        {"99.99.2026 10:15", ""},
        {"TSE-Start: 2026-11-22T10:15:30", ""},
        {"Reprinted 22/11/2026 10:33", ""},
    };
    struct reading reading = {0};
    assert_int_equal(open_reading(&reading), TW_OK);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char text[80];
        char got[20] = "";
        (void)snprintf(text, sizeof text, "%s", table[i].text);
        struct tw_page_line line = {.text = text, .len = strlen(text)};
        struct tw_receipt receipt = {0};
        assert_int_equal(tw_receipt_load(&receipt, reading.matcher, &line, 1), TW_OK);
        receipt.lines[0].amount = -1;
        tw_receipt_ask(&receipt, reading.matcher);
        if (!tw_receipt_time(&receipt, got)) {
            got[0] = 0;
        }
        tw_receipt_clear(&receipt);
        if (strcmp(got, table[i].want) != 0) {
            print_error("\"%s\"\n  - %s\n  + %s\n", table[i].text, table[i].want, got);
        }
        assert_string_equal(got, table[i].want);
    }
    close_reading(&reading);
}

static void masks_show_their_end(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } table[] = {
        {"VISA ****4270", "4270"},
        {"VISA XXXX XXXX XXXX 9920", "9920"},
        {"Nr. ############2291 0001", "2291"},
        {"************9310", "9310"},
        {"xx1234", "1234"},
        {"1234", ""},
        {"MAX 1234", ""},
        {"**** ****", ""},
        {"••••1188", "1188"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char got[8] = "";
        size_t len = tw_receipt_masked(table[i].text, got, sizeof got);
        assert_int_equal(len, strlen(table[i].want));
        assert_string_equal(len > 0 ? got : "", table[i].want);
    }
}

int main(int argc, char **argv)
{
    updating = argc > 1 && strcmp(argv[1], "--update") == 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(papers_of_many_tills),
        cmocka_unit_test(times_are_read),
        cmocka_unit_test(masks_show_their_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
