// SPDX-License-Identifier: Apache-2.0
//
// The centre at work without a connection: when what it heard is enough for a commit (P2), and that the
// chain it follows is the agent's.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tools/central/centre.h"

#define EPOCH "0190b7f4-1c2d-4a3b-8c4d-5e6f70819203"

struct rig {
    char folder[64], database[96];
    struct tw_central_options options;
    struct tw_schema_set *schemas;
    struct tw_centre_store *store;
    struct tw_seal *seal;
    struct tw_centre *centre;
};

static int rig_begin(void **state)
{
    struct rig *rig = calloc(1, sizeof *rig);
    struct tw_error_text err;
    assert_non_null(rig);
    (void)snprintf(rig->folder, sizeof rig->folder, "/tmp/tw-centre-XXXXXX");
    assert_non_null(mkdtemp(rig->folder));
    (void)snprintf(rig->database, sizeof rig->database, "%s/central.db", rig->folder);
    rig->options = (struct tw_central_options){.tenant = "acme", .database = rig->database, .quiet = true};
    assert_int_equal(tw_seal_new(&rig->seal, &err), TW_OK);
    assert_int_equal(tw_schema_load_dir(TW_SCHEMA_DIR, &rig->schemas, &err), TW_OK);
    assert_int_equal(tw_centre_store_open(rig->database, &rig->store, &err), TW_OK);
    const struct tw_centre_parts parts = {&rig->options, rig->store, rig->schemas, rig->seal};
    assert_int_equal(tw_centre_new(&parts, &rig->centre), TW_OK);
    *state = rig;
    return 0;
}

static int rig_end(void **state)
{
    struct rig *rig = *state;
    char command[128];
    tw_centre_free(rig->centre);
    tw_centre_store_close(rig->store);
    tw_schema_free(rig->schemas);
    tw_seal_free(rig->seal);
    (void)snprintf(command, sizeof command, "rm -rf %s", rig->folder);
    assert_int_equal(system(command), 0);
    free(rig);
    return 0;
}

// Hears event `sequence` of terminal "0" to "7", chained to `head`.
static void hear(struct rig *rig, unsigned terminal, unsigned sequence, uint8_t head[32])
{
    char topic[64], text[2048], prevhash[65];
    tw_seal_hex(head, 32, prevhash);
    (void)snprintf(topic, sizeof topic, "tillwire/v1/acme/0042/%u/evt/capture", terminal);
    (void)snprintf(
        text, sizeof text,
        "{\"specversion\":\"1.0\",\"id\":\"0190b7f4-1c2d-7a3b-8c4d-%012x\",\"source\":\"/acme/0042/%u\","
        "\"type\":\"io.tillwire.capture.unparsed\",\"subject\":\"printer\",\"time\":\"2026-11-22T09:15:00."
        "123Z\","
        "\"datacontenttype\":\"application/json\",\"dataschema\":\"urn:tillwire:schema:capture-unparsed:1\","
        "\"sequence\":\"%020u\",\"epoch\":\"" EPOCH "\",\"recordedtime\":\"2026-11-22T09:15:00.124Z\","
        "\"bootid\":\"" EPOCH "\",\"monotonicms\":\"5\",\"clock\":\"ok\",\"prevhash\":\"%s\","
        "\"data\":{\"device\":\"printer\",\"reason\":\"no_total\",\"detail\":null,\"lines\":1,\"bytes\":2,"
        "\"sha256\":\"%064u\"}}",
        sequence, terminal, sequence, prevhash, 0U);
    tw_seal_sha256(tw_slice_of(text), head);
    tw_centre_hooks()->on_message(rig->centre, topic, tw_slice_of(text));
}

static const struct tw_epoch *epoch_of(struct rig *rig, const char *source)
{
    struct tw_epoch *epoch = NULL;
    assert_int_equal(tw_centre_store_epoch(rig->store, source, EPOCH, false, &epoch), TW_OK);
    return epoch;
}

// P2: a terminal has at most 100 open. One that alone fills the line is answered before that.
static void test_p2_one_terminal_is_answered_within_its_window(void **state)
{
    struct rig *rig = *state;
    uint8_t head[32] = {0};
    for (unsigned i = 1; i <= 128; i++) {
        assert_int_equal(tw_centre_is_due(rig->centre), i == 65);
        if (i == 65) {
            assert_int_equal(tw_centre_commit(rig->centre, NULL), TW_OK);
        }
        hear(rig, 7, i, head);
    }
    assert_true(tw_centre_is_due(rig->centre));
    assert_int_equal(tw_centre_commit(rig->centre, NULL), TW_OK);
    assert_int_equal(epoch_of(rig, "/acme/0042/7")->through, 128);
    assert_int_equal(epoch_of(rig, "/acme/0042/7")->broken, 0); // by the agent's own SHA-256
    assert_memory_equal(epoch_of(rig, "/acme/0042/7")->head, head, 32);
}

// P2: many terminals share a commit.
static void test_p2_a_commit_takes_256_messages_of_many(void **state)
{
    struct rig *rig = *state;
    uint8_t heads[8][32] = {{0}};
    for (unsigned i = 0; i < 256; i++) {
        assert_false(tw_centre_is_due(rig->centre));
        hear(rig, i % 7, 1 + i / 7, heads[i % 7]);
    }
    assert_true(tw_centre_is_due(rig->centre));
    assert_int_equal(tw_centre_commit(rig->centre, NULL), TW_OK);
    assert_false(tw_centre_is_due(rig->centre));
    assert_int_equal(epoch_of(rig, "/acme/0042/0")->through, 37);
    assert_int_equal(epoch_of(rig, "/acme/0042/6")->through, 36);
}

// What is no message of a terminal counts, too: it must not keep the others from their commit.
static void test_p2_other_messages_do_not_put_a_commit_off(void **state)
{
    struct rig *rig = *state;
    for (unsigned i = 0; i < 256; i++) {
        assert_false(tw_centre_is_due(rig->centre));
        tw_centre_hooks()->on_message(rig->centre, "tillwire/v1/ac-me/1/2/state", tw_slice_of("{}"));
    }
    assert_true(tw_centre_is_due(rig->centre));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_p2_one_terminal_is_answered_within_its_window, rig_begin,
                                        rig_end),
        cmocka_unit_test_setup_teardown(test_p2_a_commit_takes_256_messages_of_many, rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(test_p2_other_messages_do_not_put_a_commit_off, rig_begin, rig_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
