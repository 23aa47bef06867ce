// SPDX-License-Identifier: Apache-2.0
//
// The centre's parts: what it makes of a message, what it stores (P3, P4), what it reports, the
// members' versions and pages, what it prints.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tillwire/seal.h"
#include "tools/central/intake.h"
#include "tools/central/report.h"
#include "tools/central/roster.h"
#include "tools/central/show.h"
#include "tools/central/store.h"

#define SOURCE "/acme/0042/07"
#define EPOCH  "0190b7f4-1c2d-4a3b-8c4d-5e6f70819203"
#define OTHER  "0190b7f4-1c2d-4a3b-8c4d-5e6f70819204"
#define ZEROS  "0000000000000000000000000000000000000000000000000000000000000000"

struct rig {
    char folder[64], database[96], file[96];
    struct tw_centre_store *store;
    struct tw_seal *seal;
};

static int rig_begin(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct tw_error_text err;
    (void)snprintf(rig->folder, sizeof rig->folder, "/tmp/tw-central-XXXXXX");
    assert_non_null(mkdtemp(rig->folder));
    (void)snprintf(rig->database, sizeof rig->database, "%s/central.db", rig->folder);
    (void)snprintf(rig->file, sizeof rig->file, "%s/members.json", rig->folder);
    assert_int_equal(tw_seal_new(&rig->seal, &err), TW_OK);
    assert_int_equal(tw_centre_store_open(rig->database, &rig->store, &err), TW_OK);
    *state = rig;
    return 0;
}

static int rig_end(void **state)
{
    struct rig *rig = *state;
    char command[128];
    tw_centre_store_close(rig->store);
    tw_seal_free(rig->seal);
    (void)snprintf(command, sizeof command, "rm -rf %s", rig->folder);
    assert_int_equal(system(command), 0);
    free(rig);
    return 0;
}

static void make_event(char *out, size_t size, const char *id_end, unsigned sequence, const char *prevhash,
                       const char *data)
{
    (void)snprintf(
        out, size,
        "{\"specversion\":\"1.0\",\"id\":\"0190b7f4-1c2d-7a3b-8c4d-5e6f7081%s\",\"source\":\"" SOURCE "\","
        "\"type\":\"io.tillwire.capture.unparsed\",\"subject\":\"printer\",\"time\":\"2026-11-22T09:15:00."
        "123Z\","
        "\"datacontenttype\":\"application/json\",\"dataschema\":\"urn:tillwire:schema:capture-unparsed:1\","
        "\"sequence\":\"%020u\",\"epoch\":\"" EPOCH "\",\"recordedtime\":\"2026-11-22T09:15:00.124Z\","
        "\"bootid\":\"" EPOCH "\",\"monotonicms\":\"5\",\"clock\":\"ok\",\"prevhash\":\"%s\",\"data\":%s}",
        id_end, sequence, prevhash, data);
}

#define DATA                                                                                                 \
    "{\"device\":\"printer\",\"reason\":\"no_total\",\"detail\":null,\"lines\":1,\"bytes\":2,\"sha256\":"    \
    "\"" ZEROS "\"}"

static struct tw_schema_set *schemas(void)
{
    struct tw_schema_set *set = NULL;
    struct tw_error_text err = {""};
    if (tw_schema_load_dir(TW_SCHEMA_DIR, &set, &err) != TW_OK) {
        fail_msg("%s", err.text);
    }
    return set;
}

static void assert_reason(const struct tw_schema_set *set, const char *text, const char *family,
                          const char *words)
{
    struct tw_judgement event;
    struct tw_doc *doc = NULL;
    assert_int_equal(tw_doc_new(&doc), TW_OK);
    tw_judge_place(tw_slice_of(text), &event);
    tw_judge(set, doc, SOURCE, family, tw_slice_of(text), &event);
    if (strstr(event.reason, words) == NULL || (words[0] == '\0') != (event.reason[0] == '\0')) {
        fail_msg("\"%s\" instead of \"%s\"", event.reason, words);
    }
    tw_doc_free(doc);
}

static void test_judges_by_contract_source_and_family(void **state)
{
    (void)state;
    struct tw_schema_set *set = schemas();
    char text[2048];
    make_event(text, sizeof text, "9203", 1, ZEROS, DATA);
    assert_reason(set, text, "capture", "");
    assert_reason(set, text, "sale", "evt/capture");
    make_event(text, sizeof text, "9203", 1, ZEROS, "{\"device\":\"printer\"}");
    assert_reason(set, text, "capture", "capture-unparsed");
    make_event(text, sizeof text, "9203", 1, ZEROS, DATA);
    memcpy(strstr(text, "/07\""), "/08\"", 4);
    assert_reason(set, text, "capture", "source");
    assert_reason(set, "{\"epoch\":1}", "capture", "no epoch and sequence");
    assert_reason(set, "[1", "capture", "not JSON");
    tw_schema_free(set);
}

static void test_finds_the_place_in_what_is_not_json(void **state)
{
    (void)state;
    struct tw_judgement event;
    char text[2048];
    make_event(text, sizeof text, "9203", 77, ZEROS, "{\"detail\":\"\xff");
    tw_judge_place(tw_slice_of(text), &event);
    assert_int_equal(event.sequence, 77);
    assert_string_equal(event.epoch, EPOCH);
    static const char *const none[] = {"",
                                       "{",
                                       "{\"sequence\":\"00000000000000000001\"}",
                                       "{\"sequence\":\"0000000000000000000x\",\"epoch\":\"" EPOCH "\"}",
                                       "{\"sequence\":\"00000000000000000000\",\"epoch\":\"" EPOCH "\"}",
                                       "{\"sequence\":\"99999999999999999999\",\"epoch\":\"" EPOCH "\"}",
                                       "{\"data\":{\"sequence\":\"00000000000000000001\",\"epoch\":\"" EPOCH
                                       "\"}}",
                                       "{\"sequence\":\"00000000000000000001\",\"epoch\":\"0190b7f4"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        tw_judge_place(tw_slice_of(none[i]), &event);
        assert_int_equal(event.sequence, 0);
    }
}

static void test_topics(void **state)
{
    (void)state;
    struct tw_topic topic;
    assert_true(tw_topic_parse("tillwire/v1/acme/0042/07/evt/sale", &topic));
    assert_string_equal(topic.source, SOURCE);
    assert_string_equal(topic.store, "0042");
    assert_string_equal(topic.rest, "evt/sale");
    assert_false(tw_topic_parse("tillwire/v2/acme/0042/07/evt/sale", &topic));
    assert_false(tw_topic_parse("tillwire/v1/acme/0042/07", &topic));
    assert_false(tw_topic_parse("tillwire/v1/acme//07/state", &topic));
    assert_false(tw_topic_parse("tillwire/v1/ac-me/0042/07/state", &topic));
}

static struct tw_epoch *epoch_of(struct rig *rig, const char *text)
{
    struct tw_epoch *epoch = NULL;
    assert_int_equal(tw_centre_store_epoch(rig->store, SOURCE, text, true, &epoch), TW_OK);
    return epoch;
}

static enum tw_settled settle(struct rig *rig, struct tw_epoch *epoch, uint64_t sequence, const char *id,
                              const char *reason)
{
    struct tw_settling settling = {.status = reason != NULL ? TW_REJECTED : TW_APPLIED,
                                   .sequence = sequence,
                                   .id = id,
                                   .type = "io.tillwire.capture.gap",
                                   .reason = reason,
                                   .payload = tw_slice_of("{}")};
    assert_int_equal(tw_centre_store_settle(rig->store, epoch, &settling), TW_OK);
    tw_centre_store_touch(rig->store, epoch);
    return settling.status;
}

static struct tw_epoch *commit(struct rig *rig)
{
    struct tw_epoch *dirty = NULL;
    assert_int_equal(tw_centre_store_commit(rig->store, &dirty), TW_OK);
    return dirty;
}

static void count_rejects(void *ctx, uint64_t sequence, const char *reason)
{
    assert_int_equal(sequence, 2);
    assert_string_equal(reason, "because");
    ++*(int *)ctx;
}

// P3: a salvaged event keeps its id in the new epoch and is applied once.
static void test_p3_an_id_is_applied_once(void **state)
{
    struct rig *rig = *state;
    struct tw_error_text err;
    int rejects = 0;
    struct tw_epoch *epoch = epoch_of(rig, EPOCH);
    assert_int_equal(settle(rig, epoch, 1, "a", NULL), TW_APPLIED);
    assert_int_equal(settle(rig, epoch, 2, "b", "because"), TW_REJECTED);
    assert_int_equal(settle(rig, epoch, 3, "c", NULL), TW_APPLIED);
    assert_ptr_equal(commit(rig), epoch);
    assert_null(commit(rig)); // nothing new, nothing to acknowledge
    struct tw_epoch *other = epoch_of(rig, OTHER);
    assert_int_equal(settle(rig, other, 1, "c", NULL), TW_REPEAT);
    assert_int_equal(settle(rig, other, 2, "b", NULL), TW_APPLIED); // it was never applied
    assert_ptr_equal(commit(rig), other);
    tw_centre_store_close(rig->store);
    rig->store = NULL;
    assert_int_equal(tw_centre_store_open(rig->database, &rig->store, &err), TW_OK);
    assert_int_equal(tw_centre_store_epoch(rig->store, SOURCE, EPOCH, false, &epoch), TW_OK);
    assert_int_equal(epoch->through, 3);
    assert_int_equal(tw_centre_store_rejects(rig->store, epoch, 1, count_rejects, &rejects), TW_OK);
    assert_int_equal(rejects, 1);
    assert_int_equal(tw_centre_store_rejects(rig->store, epoch, 2, count_rejects, &rejects), TW_OK);
    assert_int_equal(rejects, 1);
    assert_int_equal(tw_centre_store_epoch(rig->store, "/acme/0042/08", EPOCH, false, &epoch),
                     TW_ERR_NOT_FOUND);
}

// P2: what is not committed is not there after a kill.
static void test_p2_uncommitted_is_gone(void **state)
{
    struct rig *rig = *state;
    struct tw_error_text err;
    struct tw_epoch *epoch = epoch_of(rig, EPOCH);
    (void)settle(rig, epoch, 1, "a", NULL);
    (void)commit(rig);
    (void)settle(rig, epoch, 2, "b", NULL);
    tw_centre_store_close(rig->store); // without a commit
    rig->store = NULL;
    assert_int_equal(tw_centre_store_open(rig->database, &rig->store, &err), TW_OK);
    assert_int_equal(epoch_of(rig, EPOCH)->through, 1);
}

static void report_into(struct rig *rig, char *out, size_t size, bool *well)
{
    struct tw_error_text err = {""};
    FILE *file = fmemopen(out, size, "w");
    assert_non_null(file);
    assert_int_equal(tw_report(rig->database, true, file, well, &err), TW_OK);
    (void)fclose(file);
}

static void store_event(struct rig *rig, struct tw_epoch *epoch, unsigned sequence, const char *id)
{
    char text[2048], head[65];
    tw_seal_hex(epoch->head, 32, head);
    make_event(text, sizeof text, id, sequence, head, DATA);
    struct tw_settling settling = {
        .sequence = sequence, .id = id, .type = "io.tillwire.capture.unparsed", .payload = tw_slice_of(text)};
    tw_seal_sha256(settling.payload, epoch->head);
    epoch->seen = sequence;
    tw_centre_store_touch(rig->store, epoch);
    assert_int_equal(tw_centre_store_settle(rig->store, epoch, &settling), TW_OK);
}

static void test_report_counts_and_checks_the_chain(void **state)
{
    struct rig *rig = *state;
    char out[2048] = "";
    bool well = false;
    struct tw_epoch *epoch = epoch_of(rig, EPOCH);
    store_event(rig, epoch, 1, "9201");
    store_event(rig, epoch, 2, "9202");
    (void)commit(rig);
    report_into(rig, out, sizeof out, &well);
    assert_true(well);
    assert_non_null(
        strstr(out, "{\"events\":{\"io.tillwire.capture.unparsed\":2},\"distinct\":2,\"duplicates\":0,"));
    assert_non_null(strstr(out, "\"chain_ok\":true"));
    epoch->seen = 5; // one came ahead: 3 to 5 are missing
    tw_centre_store_touch(rig->store, epoch);
    (void)commit(rig);
    report_into(rig, out, sizeof out, &well);
    assert_false(well);
    assert_non_null(strstr(out, "\"gaps\":3"));
    assert_int_equal(
        tw_db_exec(
            tw_centre_store_db(rig->store),
            "UPDATE message SET payload = CAST(replace(payload, '2026', '2025') AS BLOB) WHERE sequence = 1"),
        TW_OK);
    report_into(rig, out, sizeof out, &well);
    assert_non_null(strstr(out, "\"chain_ok\":false"));
}

// ---- members ----

struct seen {
    char text[200000];
    size_t pages, longest;
    char changed[64];
    uint64_t before;
};

static void on_page(void *ctx, struct tw_slice page)
{
    struct seen *seen = ctx;
    seen->pages++;
    seen->longest = page.len > seen->longest ? page.len : seen->longest;
    size_t used = strlen(seen->text);
    (void)snprintf(seen->text + used, sizeof seen->text - used, "%.*s\n", (int)page.len,
                   (const char *)page.ptr);
}

static void on_changed(void *ctx, const char *store, uint64_t before)
{
    struct seen *seen = ctx;
    (void)snprintf(seen->changed, sizeof seen->changed, "%s", store);
    seen->before = before;
}

static int load(struct rig *rig, const char *text, struct seen *seen, struct tw_error_text *err)
{
    FILE *file = fopen(rig->file, "w");
    assert_non_null(file);
    (void)fputs(text, file);
    (void)fclose(file);
    seen->changed[0] = '\0';
    return tw_roster_load(tw_centre_store_db(rig->store), rig->seal, rig->file, on_changed, seen, err);
}

static void pages(struct rig *rig, uint64_t since, struct seen *seen)
{
    seen->text[0] = '\0';
    seen->pages = seen->longest = 0;
    assert_int_equal(tw_roster_pages(tw_centre_store_db(rig->store), "0042", since, on_page, seen), TW_OK);
}

#define P1 "v1:1111111111111111111111111111111111111111111111111111111111111111"
#define P2 "v1:2222222222222222222222222222222222222222222222222222222222222222"

static void test_members_versions_and_changes(void **state)
{
    struct rig *rig = *state;
    struct seen *seen = calloc(1, sizeof *seen);
    struct tw_error_text err = {""};
    static const char *const first =
        "{\"store\":\"0042\",\"members\":[{\"pseudonym\":\"" P1
        "\",\"scheme\":\"club\",\"tier\":\"gold\",\"points\":5},"
        "{\"pseudonym\":\"" P2 "\",\"scheme\":\"club\",\"tier\":null,\"points\":null}]}";
    pages(rig, 0, seen);
    assert_string_equal(seen->text,
                        "{\"version\":0,\"base\":0,\"page\":1,\"pages\":1,\"members\":[],\"gone\":[]}\n");
    assert_int_equal(load(rig, first, seen, &err), TW_OK);
    assert_string_equal(seen->changed, "0042");
    pages(rig, 0, seen);
    assert_string_equal(seen->text,
                        "{\"version\":1,\"base\":0,\"page\":1,\"pages\":1,\"members\":[{\"pseudonym\":\"" P1
                        "\",\"scheme\":\"club\",\"tier\":\"gold\",\"points\":5},{\"pseudonym\":\"" P2
                        "\",\"scheme\":\"club\",\"tier\":null,\"points\":null}],\"gone\":[]}\n");
    assert_int_equal(load(rig, first, seen, &err), TW_OK);
    assert_string_equal(seen->changed, ""); // the same: the version stays
    assert_int_equal(
        load(rig, "\n{\"store\":\"0042\",\"pseudonym\":\"" P1 "\",\"scheme\":\"club\",\"points\":6}\n", seen,
             &err),
        TW_OK);
    assert_int_equal(seen->before, 1);
    pages(rig, 1, seen);
    assert_string_equal(seen->text,
                        "{\"version\":2,\"base\":1,\"page\":1,\"pages\":1,\"members\":[{\"pseudonym\":\"" P1
                        "\",\"scheme\":\"club\",\"tier\":null,\"points\":6}],\"gone\":[\"" P2 "\"]}\n");
    pages(rig, 2, seen);
    assert_non_null(
        strstr(seen->text, "\"version\":2,\"base\":2,\"page\":1,\"pages\":1,\"members\":[],\"gone\":[]"));
    pages(rig, 9, seen); // from another life of the centre: everything anew
    assert_non_null(strstr(seen->text, "\"version\":2,\"base\":0"));
    free(seen);
}

static void test_members_pages_stay_small(void **state)
{
    struct rig *rig = *state;
    struct seen *seen = calloc(1, sizeof *seen);
    struct tw_error_text err = {""};
    struct tw_buf text = {0};
    for (unsigned i = 0; i < 1000; i++) {
        tw_buf_printf(&text,
                      "{\"store\":\"0042\",\"scheme\":\"club\",\"tier\":\"gold\",\"points\":%u,\"pseudonym\":"
                      "\"v1:%064x\"}\n",
                      i, i);
    }
    assert_int_equal(load(rig, (const char *)text.ptr, seen, &err), TW_OK);
    pages(rig, 0, seen);
    assert_int_equal(seen->pages, 3);
    assert_in_range(seen->longest, 50 * 1024, 64 * 1024);
    tw_buf_free(&text);
    free(seen);
}

static void test_members_files_that_cannot_be_taken(void **state)
{
    struct rig *rig = *state;
    struct seen *seen = calloc(1, sizeof *seen);
    struct tw_error_text err = {""};
    static const char *const bad[][2] = {
        {"{\"members\":[]}", "no \"store\""},
        {"{\"store\":\"0042\",\"members\":[{\"pseudonym\":\"" P1 "\"}]}", "no scheme"},
        {"{\"store\":\"0042\",\"members\":[{\"scheme\":\"club\"}]}", "neither card nor pseudonym"},
        {"{\"store\":\"0042\",\"scheme\":\"club\",\"card\":\"1\"}", "--pseudonym-key"},
        {"{\"store\":\"0042\",\"scheme\":\"club\",\"pseudonym\":\"" P1 "\"}\n{nonsense\n", "line 2"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true(load(rig, bad[i][0], seen, &err) < 0);
        assert_non_null(strstr(err.text, bad[i][1]));
        assert_non_null(strstr(err.text, rig->file));
        pages(rig, 0, seen);
        assert_non_null(strstr(seen->text, "\"version\":0"));
    }
    free(seen);
}

// ---- output ----

static void test_one_line_for_a_sale(void **state)
{
    (void)state;
    struct tw_buf out = {0};
    struct tw_doc *doc = NULL;
    struct tw_judgement event = {.type = "io.tillwire.sale.returned", .time = "2026-11-22T09:15:00.123Z"};
    static const char text[] =
        "{\"data\":{\"kind\":\"return\",\"receipt_number\":\"0012\\u001b34\",\"currency\":\"EUR\","
        "\"total\":-1205,\"lines\":[{},{}],\"reconciled\":true}}";
    assert_int_equal(tw_doc_new(&doc), TW_OK);
    assert_int_equal(tw_doc_read(doc, tw_slice_of(text), &event.value, NULL), TW_OK);
    tw_show_line(&event, SOURCE, "gold", &out);
    assert_string_equal(
        (const char *)out.ptr,
        "09:15:00  0042/07  return    #0012.34      -12.05 EUR    2 lines  gold      reconciled\n");
    tw_buf_free(&out);
    tw_doc_free(doc);
}

// The data stand as they came, numbers and escapes included, but in one line.
static void test_one_line_of_json(void **state)
{
    (void)state;
    struct tw_buf out = {0};
    struct tw_doc *doc = NULL;
    struct tw_judgement event = {.epoch = EPOCH, .sequence = 7, .id = "i", .type = "t", .time = "w"};
    static const char text[] =
        "{\"subject\":\"s\\u0009\", \"data\": {\n\t\"a\" : [1.50, \"x \\\"y\\\\\", 2]\r\n } }";
    assert_int_equal(tw_doc_new(&doc), TW_OK);
    assert_int_equal(tw_doc_read(doc, tw_slice_of(text), &event.value, NULL), TW_OK);
    tw_show_json(&event, SOURCE, tw_slice_of(text), &out);
    assert_string_equal((const char *)out.ptr,
                        "{\"source\":\"" SOURCE "\",\"epoch\":\"" EPOCH
                        "\",\"sequence\":7,\"id\":\"i\",\"type\":\"t\",\"subject\":\"s\\t\",\"time\":\"w\","
                        "\"data\":{\"a\":[1.50,\"x \\\"y\\\\\",2]}}\n");
    tw_buf_free(&out);
    tw_doc_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_judges_by_contract_source_and_family),
        cmocka_unit_test(test_finds_the_place_in_what_is_not_json),
        cmocka_unit_test(test_topics),
        cmocka_unit_test_setup_teardown(test_p3_an_id_is_applied_once, rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(test_p2_uncommitted_is_gone, rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(test_report_counts_and_checks_the_chain, rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(test_members_versions_and_changes, rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(test_members_pages_stay_small, rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(test_members_files_that_cannot_be_taken, rig_begin, rig_end),
        cmocka_unit_test(test_one_line_for_a_sale),
        cmocka_unit_test(test_one_line_of_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
