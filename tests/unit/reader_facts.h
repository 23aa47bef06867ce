// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the receipt reader share: a reader with the generic profile and one loyalty
// scheme, the facts it gave out, and streams fed whole, byte by byte or in random cuts.
//
// Threading: tests have one thread. Memory: free_facts frees what was collected. Time: none; the
// random cuts are seeded. Errors: assertions.
#ifndef TW_READER_FACTS_H
#define TW_READER_FACTS_H

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/decode/profile.h"
#include "tillwire/reader.h"

#define FACTS_MAX 64
#define SEED      20261122u

struct fact {
    struct tw_sale *sale;
    enum tw_unparsed reason;
    bool copy;
    size_t lines, bytes, masked;
    uint64_t end;
    char *text;
};

struct facts {
    struct fact list[FACTS_MAX];
    size_t count;
    uint64_t end;
    bool backwards;
};

struct fixture {
    struct tw_profile *profile;
    struct tw_scan_rules *rules;
};

static const struct tw_card_rule club = {"club", "^6009200\\d{9}$", "luhn"};

static inline int set_up(void **state)
{
    static struct fixture fixture;
    struct tw_error_text err;
    *state = &fixture;
    int rc = tw_profile_compile(tw_profile_generic(), &fixture.profile, &err);
    return rc == TW_OK ? tw_scan_rules_new(&club, 1, &fixture.rules, &err) : rc;
}

static inline int tear_down(void **state)
{
    struct fixture *fixture = *state;
    tw_profile_free(fixture->profile);
    tw_scan_rules_free(fixture->rules);
    return 0;
}

static inline void on_fact(void *ctx, struct tw_reader_fact *fact)
{
    struct facts *facts = ctx;
    facts->backwards = facts->backwards || fact->end < facts->end;
    facts->end = fact->end;
    if (fact->lines == 0 && fact->reason != TW_UNPARSED_RASTER_ONLY) {
        assert_null(fact->sale);
        return; // blank paper
    }
    assert_true(facts->count < FACTS_MAX);
    facts->list[facts->count++] = (struct fact){
        fact->sale,  fact->reason, fact->copy, fact->lines,
        fact->bytes, fact->masked, fact->end,  strndup((const char *)fact->text.ptr, fact->text.len)};
    fact->sale = NULL;
}

static inline void free_facts(struct facts *facts)
{
    for (size_t i = 0; i < facts->count; i++) {
        tw_sale_free(facts->list[i].sale);
        free(facts->list[i].text);
    }
    *facts = (struct facts){0};
}

static inline struct tw_reader *open_reader(const struct fixture *fixture, struct facts *facts)
{
    struct tw_reader_options options = {
        .profile = fixture->profile, .rules = fixture->rules, .on_fact = on_fact, .ctx = facts};
    struct tw_reader *reader = NULL;
    assert_int_equal(tw_reader_new(&options, &reader), TW_OK);
    return reader;
}

// How the stream is cut into feeds.
enum cuts { WHOLE = 0, BYTES, RANDOM };

static inline uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static inline void read_stream(const struct fixture *fixture, struct tw_slice bytes, enum cuts cuts,
                               struct facts *facts)
{
    struct tw_reader *reader = open_reader(fixture, facts);
    uint32_t random = SEED;
    for (size_t at = 0; at < bytes.len;) {
        size_t len = cuts == WHOLE ? bytes.len : cuts == BYTES ? 1 : 1 + next_random(&random) % 200;
        len = len < bytes.len - at ? len : bytes.len - at;
        assert_int_equal(tw_reader_feed(reader, tw_slice_make(bytes.ptr + at, len)), TW_OK);
        at += len;
    }
    assert_int_equal(tw_reader_close(reader), TW_OK);
    assert_false(facts->backwards);
    assert_int_equal(facts->end, bytes.len);
    tw_reader_free(reader);
}

static inline bool load(const char *path, struct tw_buf *out)
{
    FILE *file = fopen(path, "rb");
    char block[65536];
    for (size_t len; file != NULL && (len = fread(block, 1, sizeof block, file)) > 0;) {
        tw_buf_add(out, block, len);
    }
    return file != NULL && fclose(file) == 0 && tw_buf_status(out) == TW_OK;
}

#endif
