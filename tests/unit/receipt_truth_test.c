// SPDX-License-Identifier: Apache-2.0
//
// Receipts nobody tuned the reader for: tests/corpus/receipt/truth/NAME.txt, whose first lines
// ("! ") are the truth, written from the paper before it was read, and never rewritten by a tool.
// Each is printed in the ways tills print, and every way must read the same. And what a page may
// cost, counted in expressions tried (P8: bad input stops nothing).
#include <ctype.h>

#include "agent/decode/receipt.h"
#include "tests/unit/reader_facts.h"
#include "tests/unit/sale_text.h"

#define PAPERS TW_SOURCE_DIR "/tests/corpus/receipt/truth"

// --- printing ---

enum habit { PLAIN = 0, CRLF_CENTRED, SECOND_COLUMN, TABS, DOUBLE_TOTAL, HABITS };
static const char *const habits[] = {"plain", "CR LF, centred", "second column", "tabs", "double total"};

#define DOTS_A_COLUMN 12

// Where the last column of a line begins: behind its last gap of two or more; 0: it has one only.
static size_t last_column(const char *line, size_t len)
{
    for (size_t at = len; at > 2; at--) {
        if (line[at - 1] != ' ' && line[at - 2] == ' ' && line[at - 3] == ' ') {
            return at - 1;
        }
    }
    return 0;
}

static unsigned columns_of(const char *text, size_t len)
{
    unsigned columns = 0;
    for (size_t i = 0; i < len; i++) {
        columns += ((uint8_t)text[i] & 0xc0) != 0x80;
    }
    return columns;
}

static void print_in_columns(struct tw_buf *out, const char *line, size_t len, enum habit habit)
{
    size_t column = last_column(line, len);
    size_t first = column;
    while (first > 0 && line[first - 1] == ' ') {
        first--;
    }
    if (first == 0) {
        tw_buf_add(out, line, len);
        return;
    }
    unsigned dots = columns_of(line, column) * DOTS_A_COLUMN;
    uint8_t tab[] = {0x1b, 'D', (uint8_t)columns_of(line, column), 0};
    uint8_t position[] = {0x1b, '$', (uint8_t)(dots & 0xff), (uint8_t)(dots >> 8)};
    if (habit == TABS) {
        tw_buf_add(out, tab, sizeof tab);
    }
    tw_buf_add(out, line, first);
    if (habit == TABS) {
        tw_buf_add(out, "\t", 1);
    } else {
        tw_buf_add(out, position, sizeof position);
    }
    tw_buf_add(out, line + column, len - column);
}

static void print_line(struct tw_buf *out, const char *line, size_t len, enum habit habit)
{
    size_t indent = strspn(line, " ");
    if (habit == CRLF_CENTRED) {
        bool centred = indent >= 4 && last_column(line + indent, len - indent) == 0;
        tw_buf_printf(out,
                      "\x1b"
                      "a%c%.*s\r\n",
                      centred ? '1' : '0', (int)(len - (centred ? indent : 0)),
                      line + (centred ? indent : 0));
        return;
    }
    if (habit == SECOND_COLUMN || habit == TABS) {
        print_in_columns(out, line, len, habit);
    } else {
        tw_buf_add(out, line, len);
    }
    tw_buf_add(out, "\n", 1);
}

static bool is_total(const char *line)
{
    return strncasecmp(line, "total", 5) == 0 || strncasecmp(line, "summe", 5) == 0;
}

// ESC @, UTF-8 (FS ( C), the lines, a feed and a cut.
static void print_paper(struct tw_buf *out, const char *paper, enum habit habit)
{
    tw_buf_add(out,
               "\x1b@\x1c(C\x02\x00"
               "02",
               9);
    while (*paper != 0) {
        size_t len = strcspn(paper, "\n");
        bool big = habit == DOUBLE_TOTAL && is_total(paper);
        if (big) {
            tw_buf_add(out, "\x1d!\x01", 3);
        }
        print_line(out, paper, len, habit);
        if (big) {
            tw_buf_add(out, "\x1d!\x00", 3);
        }
        paper += len + (paper[len] == '\n');
    }
    tw_buf_add(out, "\n\n\n\x1dV\x41\x03", 7);
}

// --- comparing ---

// A sale that is wrong and does not know it: the worst there is.
static bool is_false_comfort(const char *truth, const struct tw_sale *sale)
{
    const char *total = strstr(truth, " total ");
    return sale != NULL && sale->reconciled && (total == NULL || atoll(total + 7) != sale->total.minor);
}

static bool is_as_true(const char *truth, const struct facts *facts, struct tw_buf *got)
{
    const struct fact *sale = NULL;
    size_t sales = 0;
    for (size_t i = 0; i < facts->count; i++) {
        sales += facts->list[i].sale != NULL;
        sale = facts->list[i].sale != NULL ? &facts->list[i] : sale;
    }
    if (sale != NULL) {
        write_sale(got, sale->sale, "! ");
    }
    tw_buf_printf(got, sales == 0 ? "! not_a_sale\n" : sales == 1 ? "" : "! and more\n");
    assert_int_equal(tw_buf_status(got), TW_OK);
    if (strncmp(truth, "! or nothing\n", 13) == 0) { // right, or nothing; or it knows that it does not close
        return sales <= 1 && !is_false_comfort(truth, sale != NULL ? sale->sale : NULL);
    }
    if (is_false_comfort(truth, sale != NULL ? sale->sale : NULL)) {
        print_error("wrong, and it closes:\n");
    }
    return strcmp(truth, (const char *)got->ptr) == 0;
}

static bool check_habit(const struct fixture *fixture, const char *name, const char *truth, const char *paper,
                        enum habit habit)
{
    struct tw_buf bytes = {0};
    struct tw_buf got = {0};
    struct facts facts = {0};
    print_paper(&bytes, paper, habit);
    read_stream(fixture, tw_buf_slice(&bytes), WHOLE, &facts);
    bool same = is_as_true(truth, &facts, &got);
    if (!same) {
        print_error("%s (%s)\n--- truth\n%s+++ read\n%s", name, habits[habit], truth, (const char *)got.ptr);
    }
    free_facts(&facts);
    tw_buf_free(&got);
    tw_buf_free(&bytes);
    return same;
}

static bool check_file(const struct fixture *fixture, const char *name)
{
    char path[512];
    struct tw_buf text = {0};
    (void)snprintf(path, sizeof path, PAPERS "/%s", name);
    assert_true(load(path, &text));
    tw_buf_add(&text, "", 1);
    const char *paper = (const char *)text.ptr;
    while (strncmp(paper, "! ", 2) == 0) {
        paper = strchr(paper, '\n') + 1;
    }
    char *truth = strndup((const char *)text.ptr, (size_t)(paper - (const char *)text.ptr));
    bool same = true;
    for (enum habit habit = PLAIN; habit < HABITS && same; habit++) {
        same = check_habit(fixture, name, truth, paper, habit);
    }
    free(truth);
    tw_buf_free(&text);
    return same;
}

static void receipts_say_the_truth(void **state)
{
    DIR *folder = opendir(PAPERS);
    assert_non_null(folder);
    size_t checked = 0;
    size_t wrong = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strstr(entry->d_name, ".txt") != NULL) {
            checked++;
            wrong += !check_file(*state, entry->d_name);
        }
    }
    (void)closedir(folder);
    print_message("%zu of %zu receipts are read as they are, in %d ways each\n", checked - wrong, checked,
                  HABITS);
    assert_true(checked >= 60);
    assert_int_equal(wrong, 0);
}

// --- what it may cost ---

// Reads `paper` page by page as the reader would; returns how many expressions were tried.
static uint64_t work_of(const struct fixture *fixture, const struct tw_buf *paper,
                        struct tw_receipt_result *out)
{
    static struct tw_page_line lines[TW_PAGE_MAX_LINES];
    struct tw_matcher *matcher = NULL;
    char *at = (char *)paper->ptr;
    char *end = at + paper->len;
    size_t count = 0;
    for (char *stop; at < end && count < TW_PAGE_MAX_LINES; at = stop + 1) {
        stop = memchr(at, '\n', (size_t)(end - at));
        *stop = 0;
        lines[count++] = (struct tw_page_line){.text = at, .len = (size_t)(stop - at)};
    }
    assert_int_equal(tw_matcher_new(fixture->profile, &matcher), TW_OK);
    assert_int_equal(tw_receipt_read(matcher, fixture->rules, lines, count, out, NULL, NULL), TW_OK);
    uint64_t once = tw_matcher_work(matcher);
    struct tw_receipt_result again = {0};
    assert_int_equal(tw_receipt_read(matcher, fixture->rules, lines, count, &again, NULL, NULL), TW_OK);
    tw_sale_free(again.sale);
    uint64_t twice = tw_matcher_work(matcher) - once;
    assert_true(twice <= once / 2); // what a line is, is remembered from one try to the next
    tw_matcher_free(matcher);
    return once;
}

// 1,500 lines of noise without an amount are no sale, found out by their first lines.
static void noise_costs_little(void **state)
{
    struct tw_buf paper = {0};
    uint32_t random = SEED;
    for (int line = 0; line < TW_PAGE_MAX_LINES; line++) {
        char text[160];
        for (size_t i = 0; i < sizeof text; i++) {
            text[i] = (char)(' ' + next_random(&random) % 95);
        }
        text[sizeof text - 1] = '\n';
        for (size_t i = 0; i + 1 < sizeof text; i++) {
            text[i] = text[i] == '.' || text[i] == ',' ? ' ' : text[i];
        }
        tw_buf_add(&paper, text, sizeof text);
    }
    struct tw_receipt_result result = {0};
    uint64_t work = work_of(*state, &paper, &result);
    print_message("noise: %llu expressions tried\n", (unsigned long long)work);
    assert_null(result.sale);
    assert_int_equal(result.reason, TW_UNPARSED_NOT_A_SALE);
    assert_true(work < 15000); // ten a line; without a limit it would be seventy
    tw_buf_free(&paper);
}

// A full page of amounts, each of which might be the total.
static void amounts_cost_a_bounded_lot(void **state)
{
    static const char *const words[] = {"TOTAL", "MILK", "CASH", "TAX 7%", "VISA", "SAVE", "2 x TEA", "NET"};
    struct tw_buf paper = {0};
    uint32_t random = SEED;
    for (int line = 0; line < TW_PAGE_MAX_LINES; line++) {
        tw_buf_printf(&paper, "%s %c%u  %u.%02u\n", words[next_random(&random) % 8],
                      (int)('A' + next_random(&random) % 26), next_random(&random) % 1000,
                      next_random(&random) % 90, next_random(&random) % 100);
    }
    struct tw_receipt_result result = {0};
    uint64_t work = work_of(*state, &paper, &result);
    print_message("amounts: %llu expressions tried\n", (unsigned long long)work);
    assert_true(work < 45000); // thirty a line; there are forty expressions
    tw_sale_free(result.sale);
    tw_buf_free(&paper);
}

// `count` articles and their total; gives what was read.
static struct tw_receipt_result long_receipt(const struct fixture *fixture, unsigned count)
{
    struct tw_buf paper = {0};
    struct tw_receipt_result result = {0};
    unsigned sum = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned price = 100 + i % 700;
        tw_buf_printf(&paper, "ARTICLE %c%c    %u.%02u\n", (int)('A' + i % 26), (int)('A' + i / 26 % 26),
                      price / 100, price % 100);
        sum += price;
    }
    tw_buf_printf(&paper, "TOTAL  %u.%02u\nCASH  %u.%02u\n", sum / 100, sum % 100, sum / 100, sum % 100);
    assert_int_equal(tw_buf_status(&paper), TW_OK);
    (void)work_of(fixture, &paper, &result);
    tw_buf_free(&paper);
    return result;
}

static void long_receipts_have_a_limit(void **state)
{
    static const unsigned counts[] = {200, 1000};
    for (size_t i = 0; i < 2; i++) {
        struct tw_receipt_result result = long_receipt(*state, counts[i]);
        assert_non_null(result.sale);
        assert_true(result.sale->reconciled);
        assert_int_equal(result.sale->line_count, counts[i]);
        tw_sale_free(result.sale);
    }
    struct tw_receipt_result result = long_receipt(*state, TW_SALE_MAX_LINES + 1);
    assert_null(result.sale);
    assert_int_equal(result.reason, TW_UNPARSED_TOO_LONG);
}

// --- the gate rules nothing out that matches ---

static void check_gate_on(const char *folder, struct tw_matcher *gated, struct tw_matcher *full,
                          size_t *lines)
{
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[600];
        struct tw_buf text = {0};
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (strstr(entry->d_name, ".txt") == NULL || !load(path, &text)) {
            continue;
        }
        const char *at = (const char *)text.ptr;
        for (const char *end = at + text.len; at < end; ++*lines) {
            const char *stop = memchr(at, '\n', (size_t)(end - at));
            size_t len = stop != NULL ? (size_t)(stop - at) : (size_t)(end - at);
            struct tw_slice line = tw_slice_make(at, len);
            assert_true(tw_matcher_classify(gated, line, TW_IS_ALL) ==
                        tw_matcher_classify(full, line, TW_IS_ALL));
            at += len + 1;
        }
        tw_buf_free(&text);
    }
    (void)closedir(dir);
}

// The same rules as a shop's own are tried in full.
static void gate_changes_nothing(void **state)
{
    const struct fixture *fixture = *state;
    struct tw_profile_source twin = *tw_profile_generic();
    struct tw_profile *profile = NULL;
    struct tw_matcher *gated = NULL;
    struct tw_matcher *full = NULL;
    struct tw_error_text err;
    size_t lines = 0;
    twin.name = "twin";
    assert_int_equal(tw_profile_compile(&twin, &profile, &err), TW_OK);
    assert_int_equal(tw_matcher_new(fixture->profile, &gated), TW_OK);
    assert_int_equal(tw_matcher_new(profile, &full), TW_OK);
    check_gate_on(PAPERS, gated, full, &lines);
    check_gate_on(TW_SOURCE_DIR "/tests/corpus/receipt", gated, full, &lines);
    assert_true(lines > 1500);
    assert_true(tw_matcher_work(gated) < tw_matcher_work(full));
    tw_matcher_free(gated);
    tw_matcher_free(full);
    tw_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(receipts_say_the_truth),     cmocka_unit_test(noise_costs_little),
        cmocka_unit_test(amounts_cost_a_bounded_lot), cmocka_unit_test(long_receipts_have_a_limit),
        cmocka_unit_test(gate_changes_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
