// SPDX-License-Identifier: Apache-2.0
//
// The page model: what is printed is read as a person would (positions, code pages, sizes), no
// payload is ever text, every byte belongs to exactly one page, however the stream is cut (P1's
// positions rest on it), and nothing in the input can stop it or make it grow (P8).
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/decode/codepage.h"
#include "agent/decode/utf8.h"
#include "tests/unit/page_samples.h"
#include "tests/unit/page_text.h"
#include "tillwire/guard.h"
#include "tillwire/json.h"

#define SEED 20261122u

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

// Everything a page says, written down, so that two readings can be compared.
struct record {
    struct tw_buf text;
    uint64_t end;
    size_t pages;
    size_t most_lines;
    bool gap;
};

static void write_page(void *ctx, struct tw_page_view *page)
{
    struct record *record = ctx;
    record->gap |= page->begin != record->end || page->end < page->begin;
    record->end = page->end;
    record->pages++;
    record->most_lines = page->line_count > record->most_lines ? page->line_count : record->most_lines;
    tw_buf_printf(&record->text, "[%llu,%llu) %d rasters %zu state %d %d %d %d %d %d\n",
                  (unsigned long long)page->begin, (unsigned long long)page->end, (int)page->why,
                  page->rasters, page->state.code_page, page->state.international, page->state.size,
                  page->state.justification, page->state.motion_x, page->state.left_margin);
    for (size_t i = 0; i < page->line_count; i++) {
        const struct tw_page_line *line = &page->lines[i];
        assert_int_equal(strlen(line->text), line->len);
        assert_true(line->len == 0 || line->text[line->len - 1] != ' ');
        tw_buf_printf(&record->text, "%s%s|%u|%s\n", line->wide ? "W" : "", line->wrapped ? ">" : "",
                      line->end, line->text);
    }
    for (size_t i = 0; i < page->code_count; i++) {
        tw_buf_printf(&record->text, "{%d}%s\n", page->codes[i].symbology, page->codes[i].text);
    }
}

// Reads `bytes` in cuts of at most `cut` (1: byte by byte; 0: at once).
static void read_in_cuts(struct tw_slice bytes, size_t cut, uint32_t seed, struct record *out)
{
    struct tw_page *page = new_page(write_page, out, 0);
    for (size_t at = 0; at < bytes.len;) {
        size_t len = cut == 0 ? bytes.len : cut == 1 ? 1 : 1 + next_random(&seed) % cut;
        len = len < bytes.len - at ? len : bytes.len - at;
        assert_int_equal(tw_page_feed(page, tw_slice_make(bytes.ptr + at, len)), TW_OK);
        at += len;
    }
    assert_int_equal(tw_page_close(page, TW_PAGE_CLOSED), TW_OK);
    tw_page_free(page);
}

static void assert_same_in_any_cuts(struct tw_slice bytes, const char *name)
{
    static const size_t cuts[] = {0, 1, 3, 17, 250, 4096};
    struct record once = {0};
    for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
        struct record record = {0};
        read_in_cuts(bytes, cuts[i], SEED + (uint32_t)i, &record);
        if (record.gap || record.end != bytes.len) {
            fail_msg("%s: pages do not tile the stream (cuts of %zu)", name, cuts[i]);
        }
        if (i == 0) {
            once = record;
            continue;
        }
        if (once.text.len != record.text.len || memcmp(once.text.ptr, record.text.ptr, once.text.len) != 0) {
            fail_msg("%s: cuts of %zu (seed %u) read otherwise than at once", name, cuts[i], SEED);
        }
        tw_buf_free(&record.text);
    }
    tw_buf_free(&once.text);
}

static bool read_file(const char *path, struct tw_buf *out)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    tw_buf_clear(out);
    char block[8192];
    for (size_t len = fread(block, 1, sizeof block, file); len > 0;
         len = fread(block, 1, sizeof block, file)) {
        tw_buf_add(out, block, len);
    }
    (void)fclose(file);
    return !out->failed;
}

static size_t each_stream(const char *folder)
{
    DIR *dir = opendir(folder);
    size_t count = 0;
    struct tw_buf bytes = {0};
    for (struct dirent *entry = dir != NULL ? readdir(dir) : NULL; entry != NULL; entry = readdir(dir)) {
        size_t len = strlen(entry->d_name);
        if (len < 5 || strcmp(entry->d_name + len - 4, ".bin") != 0) {
            continue;
        }
        char path[1024];
        (void)snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        assert_true(read_file(path, &bytes));
        assert_same_in_any_cuts(tw_buf_slice(&bytes), path);
        count++;
    }
    tw_buf_free(&bytes);
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return count;
}

static const char *data_folder(void)
{
    const char *folder = getenv("TILLWIRE_DATA");
    return folder != NULL ? folder : TW_SOURCE_DIR "/../shared/data";
}

static bool have_data(void)
{
    DIR *dir = opendir(data_folder());
    if (dir == NULL) {
        print_message("skipped: no data\n");
        return false;
    }
    (void)closedir(dir);
    return true;
}

static void test_any_cuts_read_the_same(void **state)
{
    (void)state;
    print_message("seed %u\n", SEED);
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        assert_same_in_any_cuts(tw_slice_make(samples[i].bytes, samples[i].len), samples[i].what);
    }
    (void)each_stream(TW_SOURCE_DIR "/tools/sim/tape/receipts");
    assert_true(each_stream(TW_SOURCE_DIR "/tests/corpus/page") > 0);
}

static void test_any_cuts_read_the_same_for_other_peoples_streams(void **state)
{
    (void)state;
    static const char *const folders[] = {"retail", "receiptline-en", "escpos-php", "escpos-buffer",
                                          "esc-pos-preview-tools"};
    if (!have_data()) {
        skip();
    }
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        char path[1024];
        (void)snprintf(path, sizeof path, "%s/escpos/%s", data_folder(), folders[i]);
        assert_true(each_stream(path) > 0);
    }
}

static tw_json *read_json(const char *name)
{
    char path[1024];
    struct tw_buf bytes = {0};
    struct tw_error_text err;
    tw_json *value = NULL;
    (void)snprintf(path, sizeof path, "%s/escpos/%s", data_folder(), name);
    assert_true(read_file(path, &bytes));
    if (tw_json_parse(tw_buf_slice(&bytes), &value, &err) != TW_OK) {
        fail_msg("%s: %s", path, err.text);
    }
    tw_buf_free(&bytes);
    return value;
}

// True when a line of `text` ends with `amount` and, as amounts do, has a space before it. Tax
// letters may follow.
static bool has_amount(const char *text, int64_t amount)
{
    char number[2][40];
    (void)snprintf(number[0], sizeof number[0], " %s%lld.%02lld", amount < 0 ? "-" : "", llabs(amount) / 100,
                   llabs(amount) % 100);
    (void)snprintf(number[1], sizeof number[1], "%s", number[0]);
    *strchr(number[1], '.') = ',';
    for (size_t i = 0; i < 2; i++) {
        for (const char *at = strstr(text, number[i]); at != NULL; at = strstr(at + 1, number[i])) {
            const char *end = at + strlen(number[i]);
            if (*end == '\n' || (end[0] == ' ' && end[1] >= 'A' && end[1] <= 'Z' && end[2] == '\n')) {
                return true;
            }
        }
    }
    return false;
}

static void check_receipt(const tw_json *truth)
{
    const char *file = tw_json_text(tw_json_get(truth, "file"));
    char path[1024];
    struct tw_buf bytes = {0};
    struct tw_buf text = {0};
    (void)snprintf(path, sizeof path, "%s/escpos/retail/%s", data_folder(), file);
    assert_true(read_file(path, &bytes));
    read_text((const char *)bytes.ptr, bytes.len, 0, &text);
    int64_t total = 0;
    assert_int_equal(tw_json_int(tw_json_get(truth, "total"), &total), TW_OK);
    if (!has_amount((const char *)text.ptr, total)) {
        fail_msg("%s: no line ends with the total %lld:\n%s", file, (long long)total, text.ptr);
    }
    const tw_json *items = tw_json_get(truth, "items");
    for (size_t i = 0; i < tw_json_size(items); i++) {
        int64_t gross = 0;
        assert_int_equal(tw_json_int(tw_json_get(tw_json_at(items, i), "gross"), &gross), TW_OK);
        if (!has_amount((const char *)text.ptr, gross)) {
            fail_msg("%s: no line ends with the amount %lld:\n%s", file, (long long)gross, text.ptr);
        }
    }
    tw_buf_free(&bytes);
    tw_buf_free(&text);
}

static void test_amounts_of_real_receipts_stand_at_line_ends(void **state)
{
    (void)state;
    if (!have_data()) {
        skip();
    }
    tw_json *truth = read_json("retail/TRUTH.json");
    assert_true(tw_json_size(truth) >= 48);
    for (size_t i = 0; i < tw_json_size(truth); i++) {
        check_receipt(tw_json_at(truth, i));
    }
    tw_json_free(truth);
}

// The data base writes ISO_8859-7 and knows page 1 by another name.
static bool same_page(const char *ours, const char *theirs)
{
    char name[64];
    (void)snprintf(name, sizeof name, "%s", theirs);
    char *underscore = strchr(name, '_');
    if (underscore != NULL) {
        *underscore = '-';
    }
    return strcmp(ours, name) == 0 || (strcmp(ours, "KATAKANA") == 0 && strcmp(name, "CP932") == 0) ||
           (strcmp(ours, "TCVN5712-1") == 0 && strcmp(name, "TCVN-3-1") == 0);
}

static void test_code_pages_agree_with_the_printer_data_base(void **state)
{
    (void)state;
    static const char *const models[] = {"TM-T88II", "TM-T88V", "TM-T20II", "TM-T70II", "TM-P80"};
    if (!have_data()) {
        skip();
    }
    tw_json *root = read_json("printer-db/capabilities.json");
    size_t compared = 0;
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        const tw_json *pages =
            tw_json_get(tw_json_get(tw_json_get(root, "profiles"), models[i]), "codePages");
        for (unsigned n = 0; n < 256; n++) {
            char key[8];
            (void)snprintf(key, sizeof key, "%u", n);
            const char *theirs = tw_json_text(tw_json_get(pages, key));
            const char *ours = tw_codepage_epson((uint8_t)n);
            if (theirs == NULL || strcmp(theirs, "Unknown") == 0) {
                continue;
            }
            if (ours == NULL || !same_page(ours, theirs)) {
                fail_msg("%s, page %u: %s, but %s there", models[i], n, ours, theirs);
            }
            compared++;
        }
    }
    assert_true(compared > 100);
    tw_json_free(root);
}

static void test_page_1_agrees_with_the_printer_data_base(void **state)
{
    (void)state;
    if (!have_data()) {
        skip();
    }
    tw_json *root = read_json("printer-db/capabilities.json");
    const tw_json *rows = tw_json_get(tw_json_get(tw_json_get(root, "encodings"), "KATAKANA"), "data");
    struct tw_codepages pages;
    const struct tw_codepage *katakana = NULL;
    tw_codepages_init(&pages, NULL);
    assert_int_equal(tw_codepages_get(&pages, 1, &katakana), TW_OK);
    for (size_t i = 0; i < 128; i++) {
        static const char *row;
        row = i % 16 == 0 ? tw_json_text(tw_json_at(rows, i / 16)) : row;
        uint32_t code = 0;
        row += tw_utf8_decode(tw_slice_of(row), &code);
        // They have a macron and a denser shade; the manual's table shows the upper bar and U+2592.
        if (i != 0x14 && i != 0x7E && i != 0x20 && i != 0x7F) {
            assert_int_equal(katakana->high[i], code);
        }
    }
    tw_codepages_free(&pages);
    tw_json_free(root);
}

static void test_restored_page_reads_on_with_its_state(void **state)
{
    (void)state;
    struct record record = {.end = 5000000000u};
    struct tw_page *page = new_page(write_page, &record, 0);
    struct tw_page_state saved = {.code_page = 16, .size = 0x11, .justification = 2};
    tw_page_restore(page, 5000000000u, &saved);
    assert_int_equal(tw_page_feed(page, tw_slice_make("\x80\n\x1dV0", 5)), TW_OK);
    assert_false(record.gap);
    assert_int_equal(record.end, 5000000005u);
    assert_non_null(strstr((char *)record.text.ptr, "W|2|                                              €\n"));
    struct tw_page_state wild;
    memset(&wild, 0xFF, sizeof wild);
    tw_page_restore(page, 0, &wild);
    assert_int_equal(tw_page_feed(page, tw_slice_of("x\n")), TW_OK);
    tw_page_free(page);
    tw_buf_free(&record.text);
}

static void test_closing_ends_a_half_command(void **state)
{
    (void)state;
    struct tw_buf text = {0};
    struct tw_page *page = new_page(write_text, &text, 0);
    // A raster of 1 MB that never comes; then the connection closes.
    assert_int_equal(tw_page_feed(page, tw_slice_make("a\n\x1dv0\x00\x00\x01\x00\x10xyz", 13)), TW_OK);
    assert_int_equal(tw_page_close(page, TW_PAGE_CLOSED), TW_OK);
    assert_int_equal(tw_page_feed(page, tw_slice_of("b\n")), TW_OK);
    assert_int_equal(tw_page_close(page, TW_PAGE_IDLE), TW_OK);
    assert_string_equal((char *)text.ptr, "a\nb\n--\n");
    tw_page_free(page);
    tw_buf_free(&text);
}

static void feed_times(struct tw_page *page, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        assert_int_equal(tw_page_feed(page, tw_slice_of(text)), TW_OK);
    }
}

static void test_limits_close_the_page(void **state)
{
    (void)state;
    struct record record = {0};
    struct tw_page *page = new_page(write_page, &record, 0);
    feed_times(page, "line\n", TW_PAGE_MAX_LINES - 1);
    assert_int_equal(record.pages, 0);
    feed_times(page, "line\n", 1);
    assert_int_equal(record.pages, 1);
    assert_int_equal(record.most_lines, TW_PAGE_MAX_LINES);
    feed_times(page, "\a", TW_PAGE_MAX_BYTES - 1);
    assert_int_equal(record.pages, 1);
    feed_times(page, "\a", 1);
    assert_int_equal(record.pages, 2);
    assert_false(record.gap);
    tw_page_free(page);
    tw_buf_free(&record.text);
}

static void test_pictures_do_not_count_as_printer_bytes(void **state)
{
    (void)state;
    struct record record = {0};
    struct tw_page *page = new_page(write_page, &record, 0);
    static const uint8_t row[4096];
    for (size_t i = 0; i < 200; i++) {
        assert_int_equal(tw_page_feed(page, tw_slice_make("\x1dv0\x00\x40\x00\x40\x00", 8)), TW_OK);
        assert_int_equal(tw_page_feed(page, tw_slice_make(row, sizeof row)), TW_OK);
    }
    assert_int_equal(tw_page_close(page, TW_PAGE_CLOSED), TW_OK);
    assert_int_equal(record.pages, 1);
    assert_non_null(strstr((char *)record.text.ptr, "rasters 200 "));
    tw_page_free(page);
    tw_buf_free(&record.text);
}

// P8. Noise of several kinds: all bytes, commands only, text with commands.
static void test_p8_noise_is_read_to_its_end(void **state)
{
    (void)state;
    static uint8_t noise[1024 * 1024];
    static const uint8_t spice[] = {0x1b, 0x1d, 0x1c, 0x10, '@', '!', '$', '\\', 'a', 'k',  '(',  't',
                                    0x00, 0x01, 0x0a, 0x0d, 'V', 'D', 'L', 'W',  'M', 0x09, 0x80, 0xff};
    for (uint32_t kind = 0; kind < 3; kind++) {
        uint32_t seed = SEED + kind;
        print_message("seed %u\n", seed);
        for (size_t i = 0; i < sizeof noise; i++) {
            uint32_t r = next_random(&seed);
            bool plain = kind == 0 || (kind == 2 && r % 4 != 0);
            noise[i] = plain ? (uint8_t)(r >> 8) : spice[(r >> 8) % sizeof spice];
        }
        struct record record = {0};
        read_in_cuts(tw_slice_make(noise, sizeof noise), 4096, seed, &record);
        assert_false(record.gap);
        assert_int_equal(record.end, sizeof noise);
        assert_true(record.most_lines <= TW_PAGE_MAX_LINES);
        tw_buf_free(&record.text);
        assert_same_in_any_cuts(tw_slice_make(noise, 64 * 1024), "noise");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_cuts_read_the_same),
        cmocka_unit_test(test_any_cuts_read_the_same_for_other_peoples_streams),
        cmocka_unit_test(test_amounts_of_real_receipts_stand_at_line_ends),
        cmocka_unit_test(test_code_pages_agree_with_the_printer_data_base),
        cmocka_unit_test(test_page_1_agrees_with_the_printer_data_base),
        cmocka_unit_test(test_restored_page_reads_on_with_its_state),
        cmocka_unit_test(test_closing_ends_a_half_command),
        cmocka_unit_test(test_limits_close_the_page),
        cmocka_unit_test(test_pictures_do_not_count_as_printer_bytes),
        cmocka_unit_test(test_p8_noise_is_read_to_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
