// SPDX-License-Identifier: Apache-2.0
//
// P10: the members come as pages in any order, more than once, damaged and interrupted; a lookup sees one
// whole version or another, never half of one, also after a restart.
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/member/page.h"
#include "tillwire/member.h"

#define AS_OF INT64_C(1795348800000)

struct fixture {
    char dir[64], path[96];
    struct tw_members *members;
    struct tw_clock clock;
    pthread_mutex_t lock;
    pthread_cond_t came;
    unsigned answers;
    uint64_t bad; // damaged objects sent since the members were opened
    struct tw_member last;
    uint64_t version;
    bool wanted, told;
};

static int64_t fixed_wall(const struct tw_clock *clock)
{
    (void)clock;
    return AS_OF;
}

static void on_version(void *ctx, uint64_t version, bool wanted)
{
    struct fixture *f = ctx;
    (void)pthread_mutex_lock(&f->lock);
    f->version = version;
    f->wanted = wanted;
    f->told = true;
    (void)pthread_mutex_unlock(&f->lock);
}

static void start(struct fixture *f, struct tw_error_text *said)
{
    const struct tw_members_options options = {
        .path = f->path, .clock = &f->clock, .on_version = on_version, .ctx = f};
    f->bad = 0;
    int rc = tw_members_open(&options, &f->members, said);
    if (rc != TW_OK) {
        fail_msg("open: %s", said->text);
    }
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct tw_error_text said;
    (void)strcpy(f->dir, "/tmp/tillwire-member-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    (void)snprintf(f->path, sizeof f->path, "%s/members.db", f->dir);
    f->clock = (struct tw_clock){.wall_ms = fixed_wall};
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->came, NULL);
    start(f, &said);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    tw_members_close(f->members);
    DIR *dir = opendir(f->dir);
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    (void)closedir(dir);
    (void)rmdir(f->dir);
    free(f);
    return 0;
}

static void on_member(void *ctx, const struct tw_member *member)
{
    struct fixture *f = ctx;
    (void)pthread_mutex_lock(&f->lock);
    f->last = *member;
    f->answers++;
    (void)pthread_cond_signal(&f->came);
    (void)pthread_mutex_unlock(&f->lock);
}

static void pseudonym(unsigned n, char out[TW_PSEUDONYM_LEN + 1])
{
    (void)snprintf(out, TW_PSEUDONYM_LEN + 1, "v1:%064x", n * 2654435761U);
}

static struct tw_member lookup_text(struct fixture *f, const char *text)
{
    (void)pthread_mutex_lock(&f->lock);
    unsigned before = f->answers;
    (void)pthread_mutex_unlock(&f->lock);
    assert_int_equal(tw_members_lookup(f->members, text, on_member, f), TW_OK);
    (void)pthread_mutex_lock(&f->lock);
    while (f->answers == before) {
        (void)pthread_cond_wait(&f->came, &f->lock);
    }
    struct tw_member member = f->last;
    (void)pthread_mutex_unlock(&f->lock);
    return member;
}

static struct tw_member lookup(struct fixture *f, unsigned n)
{
    char text[TW_PSEUDONYM_LEN + 1];
    pseudonym(n, text);
    return lookup_text(f, text);
}

// Lookups overtake pages, so a page is waited for by sending a damaged one after it and seeing it counted.
static void drain(struct fixture *f)
{
    struct tw_members_stats stats;
    assert_int_equal(tw_members_apply(f->members, tw_slice_of("{\"version\":")), TW_OK); // damaged on purpose
    f->bad++;
    do {
        (void)usleep(200);
        tw_members_stats(f->members, &stats);
    } while (stats.damaged < f->bad);
}

static void apply(struct fixture *f, const char *json)
{
    assert_int_equal(tw_members_apply(f->members, tw_slice_of(json)), TW_OK);
}

static void add_member(struct tw_buf *out, unsigned n, unsigned points)
{
    char text[TW_PSEUDONYM_LEN + 1];
    pseudonym(n, text);
    tw_buf_printf(out, "{\"pseudonym\":\"%s\",\"scheme\":\"club\",\"tier\":\"gold\",\"points\":%u}", text,
                  points);
}

// Page `page` of `pages` of a snapshot with members [0, count), points = n + version.
static void snapshot_page(struct fixture *f, unsigned version, unsigned page, unsigned pages, unsigned count)
{
    struct tw_buf out = {0};
    tw_buf_printf(&out, "{\"version\":%u,\"base\":0,\"page\":%u,\"pages\":%u,\"members\":[", version, page,
                  pages);
    const char *comma = "";
    for (unsigned n = page - 1; n < count; n += pages) {
        tw_buf_add_text(&out, comma);
        add_member(&out, n, n + version);
        comma = ",";
    }
    tw_buf_add_text(&out, "],\"gone\":[]}");
    assert_int_equal(tw_members_apply(f->members, tw_buf_slice(&out)), TW_OK);
    tw_buf_free(&out);
}

static void expect(struct fixture *f, uint64_t version, uint64_t count)
{
    struct tw_members_stats stats;
    drain(f);
    tw_members_stats(f->members, &stats);
    assert_int_equal(stats.version, version);
    assert_int_equal(stats.count, count);
}

static void begins_empty(void **state)
{
    struct fixture *f = *state;
    struct stat what;
    expect(f, 0, 0);
    struct tw_member member = lookup(f, 1);
    assert_false(member.found);
    assert_int_equal(member.as_of_ms, 0);
    assert_true(f->told && f->wanted);
    assert_int_equal(stat(f->path, &what), 0);
    assert_int_equal(what.st_mode & 0777, 0600);
    assert_int_equal(tw_members_lookup(f->members, "v1:12", on_member, f), TW_ERR_INVALID);
}

static void snapshot_in_random_order(void **state)
{
    struct fixture *f = *state;
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    for (unsigned version = 1; version <= 5; version++) {
        unsigned pages = 2 + version, left = pages;
        bool sent[16] = {false};
        while (left > 0) {
            unsigned page = (unsigned)rand_r(&seed) % pages;
            snapshot_page(f, version, page + 1, pages, 50 * version);
            left -= sent[page] ? 0 : 1;
            sent[page] = true;
            if (left > 0) {
                expect(f, version - 1, 50U * (version - 1)); // the old one until the last page is there
                assert_true(f->wanted);
            }
        }
        expect(f, version, 50U * version);
        assert_false(f->wanted);
        assert_int_equal(f->version, version);
        struct tw_member member = lookup(f, 50 * version - 1);
        assert_true(member.found && member.has_points);
        assert_int_equal(member.points, 50 * version - 1 + version);
        assert_string_equal(member.tier, "gold");
        assert_string_equal(member.scheme, "club");
        assert_int_equal(member.as_of_ms, AS_OF);
    }
}

static void deltas(void **state)
{
    struct fixture *f = *state;
    char gone[TW_PSEUDONYM_LEN + 1];
    struct tw_buf out = {0};
    snapshot_page(f, 6, 1, 1, 10);
    expect(f, 6, 10);
    pseudonym(3, gone);
    tw_buf_add_text(&out, "{\"version\":7,\"base\":6,\"page\":1,\"pages\":1,\"members\":[");
    add_member(&out, 4, 999);
    tw_buf_add_text(&out, ",");
    add_member(&out, 10, 5);
    tw_buf_printf(&out, "],\"gone\":[\"%s\"]}", gone);
    apply(f, (const char *)out.ptr);
    expect(f, 7, 10);
    assert_false(lookup(f, 3).found);
    assert_int_equal(lookup(f, 4).points, 999);
    assert_int_equal(lookup(f, 10).points, 5);
    apply(f, (const char *)out.ptr); // again: nothing changes
    expect(f, 7, 10);
    assert_false(f->wanted);
    // One of another base: asked for, not applied.
    apply(f, "{\"version\":12,\"base\":11,\"page\":1,\"pages\":1,\"members\":[],\"gone\":[]}");
    expect(f, 7, 10);
    assert_true(f->wanted);
    // A change in two pages counts when both are there.
    apply(f, "{\"version\":12,\"base\":7,\"page\":2,\"pages\":2,\"members\":[],\"gone\":[]}");
    expect(f, 7, 10);
    apply(f, "{\"version\":12,\"base\":7,\"page\":1,\"pages\":2,\"members\":[],\"gone\":[]}");
    expect(f, 12, 10);
    assert_false(f->wanted);
    tw_buf_free(&out);
}

static void optional_fields(void **state)
{
    struct fixture *f = *state;
    char text[TW_PSEUDONYM_LEN + 1], json[512];
    pseudonym(1, text);
    (void)snprintf(
        json, sizeof json,
        "{\"version\":1,\"base\":0,\"page\":1,\"pages\":1,\"gone\":[],\"later\":{\"x\":[1]},\"members\":["
        "{\"pseudonym\":\"%s\",\"scheme\":\"club\",\"tier\":null,\"points\":null,\"more\":true}]}",
        text);
    apply(f, json);
    expect(f, 1, 1);
    struct tw_member member = lookup(f, 1);
    assert_true(member.found);
    assert_string_equal(member.pseudonym, text);
    assert_false(member.has_points);
    assert_string_equal(member.tier, "");
}

static void damaged_objects(void **state)
{
    static const char *const bad[] = {
        "",
        "[]",
        "null",
        "{\"version\":\"9\",\"base\":0,\"page\":1,\"pages\":1,\"members\":[],\"gone\":[]}",
        "{\"version\":9,\"base\":0,\"page\":0,\"pages\":1,\"members\":[],\"gone\":[]}",
        "{\"version\":9,\"base\":0,\"page\":2,\"pages\":1,\"members\":[],\"gone\":[]}",
        "{\"version\":-9,\"base\":0,\"page\":1,\"pages\":1,\"members\":[],\"gone\":[]}",
        "{\"version\":9,\"base\":0,\"page\":1,\"pages\":900000,\"members\":[],\"gone\":[]}",
        "{\"version\":9,\"base\":0,\"page\":1,\"pages\":1,\"members\":{},\"gone\":[]}",
        "{\"version\":9,\"base\":0,\"page\":1,\"pages\":1,\"members\":[7],\"gone\":[]}",
        "{\"version\":9,\"base\":0,\"page\":1,\"pages\":1,\"members\":[],\"gone\":[\"v1:zz\"]}",
        ("{\"version\":9,\"base\":0,\"page\":1,\"pages\":1,\"members\":[{\"pseudonym\":\"6009200123456789\","
         "\"scheme\":\"club\",\"tier\":null,\"points\":null}],\"gone\":[]}"),
    };
    struct fixture *f = *state;
    struct tw_members_stats stats;
    snapshot_page(f, 2, 1, 1, 4);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        apply(f, bad[i]);
        f->bad++;
    }
    struct tw_buf deep = {0}; // nesting that would run a small stack out
    tw_buf_add_text(&deep, "{\"version\":");
    for (int i = 0; i < 2000; i++) {
        tw_buf_add_text(&deep, "[");
    }
    assert_int_equal(tw_members_apply(f->members, tw_buf_slice(&deep)), TW_OK);
    tw_buf_free(&deep);
    f->bad += 2; // this one and the next
    static const uint8_t huge[TW_MEMBERS_MAX_PAGE + 1];
    assert_int_equal(tw_members_apply(f->members, tw_slice_make(huge, sizeof huge)), TW_ERR_TOO_LARGE);
    expect(f, 2, 4);
    tw_members_stats(f->members, &stats);
    assert_int_equal(stats.damaged, f->bad);
    assert_true(lookup(f, 3).found);
}

// Any cut and any flipped byte of a good page: counted or applied, never a crash.
static void mutated_objects(void **state)
{
    struct fixture *f = *state;
    char text[TW_PSEUDONYM_LEN + 1], json[512];
    pseudonym(1, text);
    int len = snprintf(json, sizeof json,
                       "{\"version\":3,\"base\":0,\"page\":1,\"pages\":1,\"gone\":[\"%s\"],\"members\":["
                       "{\"pseudonym\":\"%s\",\"scheme\":\"club\",\"tier\":\"x\",\"points\":-5}]}",
                       text, text);
    for (int i = 0; i < len; i++) {
        struct tw_members_page page;
        if (tw_members_page_read(tw_slice_make(json, (size_t)i), &page) == TW_OK) {
            fail_msg("a page cut at %d was taken", i);
        }
        char kept = json[i];
        for (int flip = 1; flip < 256; flip <<= 1) {
            json[i] = (char)(kept ^ flip);
            if (tw_members_page_read(tw_slice_make(json, (size_t)len), &page) == TW_OK) {
                tw_members_page_free(&page);
            }
        }
        json[i] = kept;
    }
    (void)f;
}

static void survives_restart(void **state)
{
    struct fixture *f = *state;
    struct tw_error_text said;
    snapshot_page(f, 4, 1, 1, 20);
    snapshot_page(f, 5, 2, 3, 30);
    expect(f, 4, 20);
    tw_members_close(f->members);
    start(f, &said);
    assert_string_equal(said.text, "");
    expect(f, 4, 20);
    struct tw_member member = lookup(f, 7);
    assert_true(member.found);
    assert_int_equal(member.as_of_ms, AS_OF);
    // The staged page of version 5 is still there: the other two complete it.
    snapshot_page(f, 5, 1, 3, 30);
    snapshot_page(f, 5, 3, 3, 30);
    expect(f, 5, 30);
}

static void newer_snapshot_replaces_staged(void **state)
{
    struct fixture *f = *state;
    snapshot_page(f, 5, 1, 2, 30);
    snapshot_page(f, 8, 1, 2, 40);
    snapshot_page(f, 5, 2, 2, 30); // late: its version is no longer being received
    expect(f, 0, 0);
    snapshot_page(f, 8, 2, 2, 40);
    expect(f, 8, 40);
    snapshot_page(f, 5, 1, 1, 3); // whole, of a centre that counts anew
    expect(f, 5, 3);
}

static void damaged_file_is_set_aside(void **state)
{
    struct fixture *f = *state;
    struct tw_error_text said;
    char aside[128];
    snapshot_page(f, 4, 1, 1, 20);
    expect(f, 4, 20);
    tw_members_close(f->members);
    int fd = open(f->path, O_WRONLY | O_TRUNC);
    assert_true(fd >= 0);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(write(fd, "this is no database, not at all ", 32), 32);
    }
    (void)close(fd);
    start(f, &said);
    assert_non_null(strstr(said.text, ".damaged"));
    (void)snprintf(aside, sizeof aside, "%s.damaged", f->path);
    assert_int_equal(access(aside, F_OK), 0);
    expect(f, 0, 0);
    snapshot_page(f, 4, 1, 1, 20);
    expect(f, 4, 20);
    assert_true(lookup(f, 19).found);
}

static int64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

// Prints what it measures; only that all are found is asserted. TILLWIRE_MEMBERS sets their number.
static void many_members(void **state)
{
    struct fixture *f = *state;
    const char *asked = getenv("TILLWIRE_MEMBERS");
    unsigned count = asked != NULL ? (unsigned)strtoul(asked, NULL, 10) : 5000;
    unsigned pages = count / 400 + 1;
    int64_t begin = now_ns();
    for (unsigned page = 1; page <= pages; page++) {
        snapshot_page(f, 1, page, pages, count);
    }
    expect(f, 1, count);
    print_message("%u members in %.0f ms\n", count, (double)(now_ns() - begin) / 1e6);
    enum { ROUNDS = 2000 };
    static int64_t took[ROUNDS];
    unsigned seed = 7;
    for (int i = 0; i < ROUNDS; i++) {
        unsigned n = (unsigned)rand_r(&seed) % count;
        begin = now_ns();
        struct tw_member member = lookup(f, n);
        took[i] = now_ns() - begin;
        assert_true(member.found);
        assert_int_equal(member.points, n + 1);
    }
    qsort(took, ROUNDS, sizeof took[0], by_value);
    print_message("lookup p50 %.1f us, p99 %.1f us\n", (double)took[ROUNDS / 2] / 1e3,
                  (double)took[ROUNDS * 99 / 100] / 1e3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(begins_empty),
        TEST(snapshot_in_random_order),
        TEST(deltas),
        TEST(optional_fields),
        TEST(damaged_objects),
        TEST(mutated_objects),
        TEST(survives_restart),
        TEST(newer_snapshot_replaces_staged),
        TEST(damaged_file_is_set_aside),
        TEST(many_members),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
