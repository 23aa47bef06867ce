// SPDX-License-Identifier: Apache-2.0
//
// The page model command by command: what is printed for a sequence of bytes, as a person would see it.
#include "tests/unit/page_samples.h"
#include "tests/unit/page_text.h"

#include "tillwire/guard.h"

static void test_samples(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        struct tw_buf text = {0};
        read_text(samples[i].bytes, samples[i].len, 0, &text);
        const char *got = text.ptr != NULL ? (const char *)text.ptr : "";
        if (strcmp(got, samples[i].text) != 0) {
            fail_msg("%s: read\n%s\nnot\n%s", samples[i].what, got, samples[i].text);
        }
        tw_buf_free(&text);
    }
}

static void test_long_lines_wrap_as_the_printer_does(void **state)
{
    (void)state;
    struct tw_buf text = {0};
    const char line[] = "0123456789012345678901234567890123456789";
    read_text(line, 40, 32, &text);
    assert_string_equal((char *)text.ptr, "01234567890123456789012345678901\n23456789\n");
    tw_buf_clear(&text);
    read_text("0123456789\n", 11, 10, &text);
    assert_string_equal((char *)text.ptr, "0123456789\n");
    tw_buf_free(&text);
}

static void mask_page(void *ctx, struct tw_page_view *page)
{
    struct tw_guard guard = {0};
    size_t *masked = ctx;
    *masked += tw_page_mask(page, &guard);
    for (size_t i = 0; i < page->line_count; i++) {
        assert_null(strstr(page->lines[i].text, "4111"));
    }
    assert_string_equal(page->codes[0].text, "");
}

// P6: neither the paper's edge nor a bar code hides a card number.
static void test_p6_page_is_masked_across_wrapped_lines(void **state)
{
    (void)state;
    static const char bytes[] = "card 4111111111111111 ok\n"
                                "card 4111 1111 1111 1111 ok\n\x1dk\x48\x10"
                                "4111111111111111";
    for (unsigned columns = 9; columns < 30; columns++) {
        size_t masked = 0;
        struct tw_page *page = new_page(mask_page, &masked, columns);
        assert_int_equal(tw_page_feed(page, tw_slice_make(bytes, sizeof bytes - 1)), TW_OK);
        assert_int_equal(tw_page_close(page, TW_PAGE_CLOSED), TW_OK);
        assert_int_equal(masked, 3);
        tw_page_free(page);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_samples),
        cmocka_unit_test(test_long_lines_wrap_as_the_printer_does),
        cmocka_unit_test(test_p6_page_is_masked_across_wrapped_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
