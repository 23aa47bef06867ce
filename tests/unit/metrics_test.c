// SPDX-License-Identifier: Apache-2.0
//
// The exposition is checked line by line against the text format's grammar, the table against
// include/contract/names.md, and the clock's judgement against made-up times (P12).
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "agent/supervise/clock.h"
#include "tillwire/metrics.h"
#include "tillwire/supervise.h"

static const char *const names[] = {
#define X(symbol, name, kind, label1, label2, help) "tillwire_" name,
    TW_METRICS(X)
#undef X
};

static char *written(struct tw_metrics *metrics)
{
    struct tw_buf out = {0};
    tw_metrics_write(metrics, &out);
    assert_int_equal(tw_buf_status(&out), TW_OK);
    return (char *)out.ptr;
}

static void assert_line(const char *text, const char *line)
{
    const char *at = text;
    size_t len = strlen(line);
    while ((at = strstr(at, line)) != NULL) {
        if ((at == text || at[-1] == '\n') && at[len] == '\n') {
            return;
        }
        at++;
    }
    fail_msg("no line \"%s\" in:\n%s", line, text);
}

static void counts_and_sets(void **state)
{
    (void)state;
    struct tw_metrics *metrics = tw_metrics_new();
    tw_metrics_add(metrics, TW_METRIC_SCANS, "scanner", "loyalty", 2);
    tw_metrics_add(metrics, TW_METRIC_SCANS, "scanner", "loyalty", 1);
    tw_metrics_add(metrics, TW_METRIC_SCANS, "scanner", "refused", 1);
    tw_metrics_set(metrics, TW_METRIC_QUEUE_EVENTS, NULL, NULL, 7);
    tw_metrics_set(metrics, TW_METRIC_QUEUE_OLDEST, NULL, NULL, 1.5);
    char *text = written(metrics);
    assert_line(text, "tillwire_scans_total{device=\"scanner\",result=\"loyalty\"} 3");
    assert_line(text, "tillwire_scans_total{device=\"scanner\",result=\"refused\"} 1");
    assert_line(text, "tillwire_queue_events 7");
    assert_line(text, "tillwire_queue_oldest_seconds 1.5");
    assert_line(text, "# TYPE tillwire_scans_total counter");
    assert_line(text, "tillwire_guard_masked_total 0");
    assert_null(strstr(text, "\ntillwire_members_age_seconds ")); // unknown, not zero
    free(text);
    tw_metrics_free(metrics);
}

static void escapes_labels(void **state)
{
    (void)state;
    struct tw_metrics *metrics = tw_metrics_new();
    tw_metrics_add(metrics, TW_METRIC_TAP_BYTES, "a\"b\\c\nd", NULL, 5);
    char *text = written(metrics);
    assert_line(text, "tillwire_tap_bytes_total{device=\"a\\\"b\\\\c\\nd\"} 5");
    free(text);
    tw_metrics_free(metrics);
}

static void histogram_is_cumulative(void **state)
{
    (void)state;
    struct tw_metrics *metrics = tw_metrics_new();
    const double bounds[] = {0.00025, 0.5};
    const uint64_t counts[] = {3, 4, 5};
    tw_metrics_histogram(metrics, TW_METRIC_COMMIT_SECONDS, bounds, counts, 2, 1.25);
    char *text = written(metrics);
    assert_line(text, "tillwire_commit_seconds_bucket{le=\"0.00025\"} 3");
    assert_line(text, "tillwire_commit_seconds_bucket{le=\"0.5\"} 7");
    assert_line(text, "tillwire_commit_seconds_bucket{le=\"+Inf\"} 12");
    assert_line(text, "tillwire_commit_seconds_sum 1.25");
    assert_line(text, "tillwire_commit_seconds_count 12");
    free(text);
    tw_metrics_free(metrics);
}

static void series_are_bounded(void **state)
{
    (void)state;
    struct tw_metrics *metrics = tw_metrics_new();
    for (int i = 0; i < 3 * TW_METRIC_MAX_SERIES; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "d%d", i);
        tw_metrics_add(metrics, TW_METRIC_TAP_BYTES, name, NULL, 1);
    }
    char *text = written(metrics);
    size_t lines = 0;
    for (const char *at = text; (at = strstr(at, "\ntillwire_tap_bytes_total{")) != NULL; at++) {
        lines++;
    }
    assert_int_equal(lines, TW_METRIC_MAX_SERIES + 1);
    assert_line(text, "tillwire_tap_bytes_total{device=\"other\"} 512");
    free(text);
    tw_metrics_free(metrics);
}

// name[{label="value",…}] number: every sample of the text, each after its own HELP and TYPE.
static void check_sample(const char *line, const char *family)
{
    const char *at = line;
    assert_int_equal(strncmp(line, family, strlen(family)), 0);
    while (isalnum((unsigned char)*at) || *at == '_') {
        at++;
    }
    if (*at == '{') {
        at = strchr(at, '}');
        assert_non_null(at);
        at++;
    }
    assert_int_equal(*at, ' ');
    char *end = NULL;
    (void)strtod(at + 1, &end);
    assert_true(end > at + 1 && *end == '\0');
}

static void follows_the_grammar(void **state)
{
    (void)state;
    struct tw_metrics *metrics = tw_metrics_new();
    tw_metrics_add(metrics, TW_METRIC_EVENTS_COMMITTED, "sale.completed", NULL, UINT64_C(1) << 40);
    const double bounds[] = {1};
    const uint64_t counts[] = {1, 2};
    tw_metrics_histogram(metrics, TW_METRIC_COMMIT_SECONDS, bounds, counts, 1, 0);
    char *text = written(metrics);
    char family[64] = "";
    char *rest = NULL;
    for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char name[64], kind[16];
        if (sscanf(line, "# HELP %63s", name) == 1) {
            (void)snprintf(family, sizeof family, "%s", name);
        } else if (sscanf(line, "# TYPE %63s %15s", name, kind) == 2) {
            assert_string_equal(name, family);
        } else {
            check_sample(line, family);
        }
    }
    free(text);
    tw_metrics_free(metrics);
}

static bool known(const char *token)
{
    for (size_t i = 0; i < TW_METRIC_COUNT; i++) {
        if (strcmp(names[i], token) == 0) {
            return true;
        }
    }
    return false;
}

static char *contract_page(void)
{
    FILE *file = fopen(TW_SOURCE_DIR "/include/contract/names.md", "rb");
    assert_non_null(file);
    struct tw_buf page = {0};
    char chunk[4096];
    size_t got;
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0) {
        tw_buf_add(&page, chunk, got);
    }
    (void)fclose(file);
    assert_non_null(page.ptr);
    return (char *)page.ptr;
}

static void names_are_the_contract(void **state)
{
    (void)state;
    char *page = contract_page();
    for (size_t i = 0; i < TW_METRIC_COUNT; i++) {
        char quoted[80];
        (void)snprintf(quoted, sizeof quoted, "`%s", names[i]);
        if (strstr(page, quoted) == NULL) {
            fail_msg("%s is not in names.md", names[i]);
        }
    }
    for (const char *at = page; (at = strstr(at, "`tillwire_")) != NULL; at++) {
        char token[64] = "";
        (void)sscanf(at + 1, "%63[a-z_]", token);
        if (!known(token)) {
            fail_msg("names.md lists %s, the code does not", token);
        }
    }
    free(page);
}

#define NOON INT64_C(1795348800000) // 2026-11-22T12:00:00Z

static void clock_judges(void **state)
{
    (void)state;
    struct tw_clock_steps steps = {.lock = PTHREAD_MUTEX_INITIALIZER};
    assert_int_equal(tw_clock_judge(&steps, NOON, 1000, true), TW_CLOCK_OK);
    assert_int_equal(tw_clock_judge(&steps, NOON + 5000, 6000, false), TW_CLOCK_UNSYNCHRONISED);
    // P12: an hour back, nobody vouches for it: suspect until it has caught up.
    assert_int_equal(tw_clock_judge(&steps, NOON - 3600000, 7000, false), TW_CLOCK_SUSPECT);
    assert_int_equal(tw_clock_judge(&steps, NOON - 3599000, 8000, false), TW_CLOCK_SUSPECT);
    assert_int_equal(tw_clock_judge(&steps, NOON + 8000, 9000, false), TW_CLOCK_UNSYNCHRONISED);
    // A correction the kernel vouches for is flagged once.
    assert_int_equal(tw_clock_judge(&steps, NOON - 3600000, 10000, true), TW_CLOCK_SUSPECT);
    assert_int_equal(tw_clock_judge(&steps, NOON - 3599000, 11000, true), TW_CLOCK_OK);
    // Before the release was made.
    assert_int_equal(tw_clock_judge(&steps, 0, 12000, true), TW_CLOCK_SUSPECT);
    // Half a second back is no step.
    struct tw_clock_steps fresh = {.lock = PTHREAD_MUTEX_INITIALIZER};
    assert_int_equal(tw_clock_judge(&fresh, NOON, 0, false), TW_CLOCK_UNSYNCHRONISED);
    assert_int_equal(tw_clock_judge(&fresh, NOON - 500, 0, false), TW_CLOCK_UNSYNCHRONISED);
}

// P12: the kernel's word about the clock does not outlive a clock that was set.
static void clock_asks_again(void **state)
{
    (void)state;
    const struct tw_clock_word word = {
        .asked = true, .synchronised = true, .monotonic_ms = 5000, .ahead_ms = NOON - 5000};
    assert_true(tw_clock_is_stale(&(struct tw_clock_word){.synchronised = true}, 0, 0));
    assert_false(tw_clock_is_stale(&word, NOON, 5000));
    assert_false(tw_clock_is_stale(&word, NOON + 999, 5999));
    assert_true(tw_clock_is_stale(&word, NOON + 1000, 6000));
    assert_false(tw_clock_is_stale(&word, NOON + 10 + 100, 5010));
    assert_true(tw_clock_is_stale(&word, NOON + 10 + 101, 5010));
    assert_true(tw_clock_is_stale(&word, NOON + 10 - 101, 5010));
    assert_true(tw_clock_is_stale(&word, 0, 5010));
}

static void clock_is_real(void **state)
{
    (void)state;
    struct tw_clock *clock = tw_supervise_clock_new();
    assert_non_null(clock);
    assert_int_equal(strlen(clock->boot), 36);
    assert_true(clock->wall_ms(clock) > 0);
    int64_t first = clock->monotonic_ms(clock);
    assert_true(clock->monotonic_ms(clock) >= first);
    assert_in_range(clock->trust(clock), TW_CLOCK_OK, TW_CLOCK_SUSPECT);
    tw_supervise_clock_free(clock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_and_sets),
        cmocka_unit_test(escapes_labels),
        cmocka_unit_test(histogram_is_cumulative),
        cmocka_unit_test(series_are_bounded),
        cmocka_unit_test(follows_the_grammar),
        cmocka_unit_test(names_are_the_contract),
        cmocka_unit_test(clock_judges),
        cmocka_unit_test(clock_asks_again),
        cmocka_unit_test(clock_is_real),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
