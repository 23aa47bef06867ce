// SPDX-License-Identifier: Apache-2.0
//
// The centre at work without a broker: when what it heard is enough for a commit (P2), that the chain it
// follows is the agent's and nothing is taken that breaks it (P2), and in which order it says what (P7).
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
#define OTHER "0190b7f4-1c2d-4a3b-8c4d-5e6f70819204"

// ---- a broker that remembers ----

struct tw_mqtt {
    bool deaf; // it takes nothing
    char text[8192];
    unsigned rejects;     // how many, whether or not the text has room for them,
    unsigned first, last; // of which sequences,
    bool mixed_up;        // and not in their order
};

static void note_reject(struct tw_mqtt *mqtt, const char *text)
{
    const char *at = strstr(text, "\"sequence\":");
    unsigned sequence = at != NULL ? (unsigned)strtoul(at + strlen("\"sequence\":"), NULL, 10) : 0;
    mqtt->first = mqtt->rejects == 0 ? sequence : mqtt->first;
    mqtt->mixed_up = mqtt->mixed_up || (mqtt->rejects > 0 && sequence <= mqtt->last);
    mqtt->last = sequence;
    mqtt->rejects++;
}

// One line each: "ack {...}".
int tw_mqtt_publish(struct tw_mqtt *mqtt, const struct tw_mqtt_message *message, int *mid)
{
    size_t used = strlen(mqtt->text);
    char text[1024];
    *mid = 1;
    (void)snprintf(text, sizeof text, "%.*s", (int)message->payload.len, (const char *)message->payload.ptr);
    if (strcmp(strrchr(message->topic, '/'), "/reject") == 0) {
        note_reject(mqtt, text);
    }
    (void)snprintf(mqtt->text + used, sizeof mqtt->text - used, "%s %s\n", strrchr(message->topic, '/') + 1,
                   text);
    return mqtt->deaf ? TW_ERR_CLOSED : TW_OK;
}

void tw_mqtt_cork(struct tw_mqtt *mqtt, bool corked)
{
    (void)mqtt;
    (void)corked;
}

int tw_mqtt_subscribe(struct tw_mqtt *mqtt, const char *const *topics, size_t count)
{
    (void)mqtt;
    (void)topics;
    (void)count;
    return TW_OK;
}

// ---- a centre ----

struct rig {
    char folder[64], database[96];
    struct tw_central_options options;
    struct tw_schema_set *schemas;
    struct tw_centre_store *store;
    struct tw_seal *seal;
    struct tw_centre *centre;
    struct tw_mqtt mqtt;
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

// Stops the centre and starts it again with its database.
static void restart(struct rig *rig)
{
    struct tw_error_text err;
    tw_centre_free(rig->centre);
    tw_centre_store_close(rig->store);
    rig->store = NULL;
    assert_int_equal(tw_centre_store_open(rig->database, &rig->store, &err), TW_OK);
    const struct tw_centre_parts parts = {&rig->options, rig->store, rig->schemas, rig->seal};
    assert_int_equal(tw_centre_new(&parts, &rig->centre), TW_OK);
    tw_centre_use(rig->centre, &rig->mqtt);
}

struct event {
    unsigned terminal, sequence;
    const char *epoch; // NULL: EPOCH
    unsigned id;       // 0: the sequence
    bool bad;          // against its schema
    bool cut;          // no JSON
};

// Hears an event, chained to `head`.
static void hear_event(struct rig *rig, const struct event *event, uint8_t head[32])
{
    char topic[64], text[2048], prevhash[65];
    const char *epoch = event->epoch != NULL ? event->epoch : EPOCH;
    unsigned terminal = event->terminal, sequence = event->sequence;
    unsigned id = event->id != 0 ? event->id : sequence;
    tw_seal_hex(head, 32, prevhash);
    (void)snprintf(topic, sizeof topic, "tillwire/v1/acme/0042/%u/evt/capture", terminal);
    (void)snprintf(
        text, sizeof text,
        "{\"specversion\":\"1.0\",\"id\":\"0190b7f4-1c2d-7a3b-8c4d-%012x\",\"source\":\"/acme/0042/%u\","
        "\"type\":\"io.tillwire.capture.unparsed\",\"subject\":\"printer\",\"time\":\"2026-11-22T09:15:00."
        "123Z\","
        "\"datacontenttype\":\"application/json\",\"dataschema\":\"urn:tillwire:schema:capture-unparsed:1\","
        "\"sequence\":\"%020u\",\"epoch\":\"%s\",\"recordedtime\":\"2026-11-22T09:15:00.124Z\","
        "\"bootid\":\"" EPOCH "\",\"monotonicms\":\"5\",\"clock\":\"ok\",\"prevhash\":\"%s\","
        "\"data\":{\"device\":\"printer\",\"reason\":\"%s\",\"detail\":null,\"lines\":1,\"bytes\":2,"
        "\"sha256\":\"%064u\"}}",
        id, terminal, sequence, epoch, prevhash, event->bad ? "Bad" : "no_total", 0U);
    if (event->cut) {
        text[strlen(text) - 1] = '\0';
    }
    tw_seal_sha256(tw_slice_of(text), head);
    tw_centre_hooks()->on_message(rig->centre, topic, tw_slice_of(text));
}

// Event `sequence` of terminal "0" to "7".
static void hear(struct rig *rig, unsigned terminal, unsigned sequence, uint8_t head[32])
{
    hear_event(rig, &(struct event){.terminal = terminal, .sequence = sequence}, head);
}

// Hears that terminal "7" is online; `session` 0: an agent that names none.
static void hear_state(struct rig *rig, const char *epoch, unsigned through, const uint8_t head[32],
                       unsigned session)
{
    char text[512], hex[65], more[32] = "";
    tw_seal_hex(head, 32, hex);
    if (session != 0) {
        (void)snprintf(more, sizeof more, ",\"session\":%u", session);
    }
    (void)snprintf(text, sizeof text,
                   "{\"online\":true,\"epoch\":\"%s\",\"next_sequence\":1,\"through\":%u,\"head\":\"%s\"%s,"
                   "\"version\":\"1\"}",
                   epoch, through, hex, more);
    tw_centre_hooks()->on_message(rig->centre, "tillwire/v1/acme/0042/7/state", tw_slice_of(text));
}

// What was said since the last time: its kinds in order, and that `words` stand there (NULL: anything).
static void assert_said(struct rig *rig, const char *kinds, const char *words)
{
    char seen[64] = "";
    assert_int_equal(tw_centre_commit(rig->centre, NULL), TW_OK);
    if (words != NULL && strstr(rig->mqtt.text, words) == NULL) {
        fail_msg("not \"%s\" in: %s", words, rig->mqtt.text);
    }
    for (char *line = strtok(rig->mqtt.text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        (void)strncat(seen, line, 1);
    }
    assert_string_equal(seen, kinds);
    rig->mqtt.text[0] = '\0';
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

// ---- rejects before the acknowledgement that covers them ----

// P7: the acknowledgement removes the rows. Whatever the terminal has not removed yet is rejected again
// first, also by a centre that was killed in between; what it has removed is not.
static void test_p7_rejects_are_repeated_before_the_ack(void **state)
{
    struct rig *rig = *state;
    uint8_t head[32] = {0}, first[32];
    tw_centre_use(rig->centre, &rig->mqtt);
    hear_state(rig, EPOCH, 0, head, 5);
    assert_said(rig, "a", "\"through\":0,\"session\":5}");
    hear(rig, 7, 1, head);
    memcpy(first, head, sizeof first);
    for (unsigned i = 2; i <= 151; i++) {
        hear_event(rig, &(struct event){.terminal = 7, .sequence = i, .bad = true}, head);
    }
    rig->mqtt.deaf = true; // all of it goes down with the connection
    assert_int_equal(tw_centre_commit(rig->centre, NULL), TW_OK);
    restart(rig);
    rig->mqtt = (struct tw_mqtt){.deaf = false};
    hear_state(rig, EPOCH, 1, first, 6);
    assert_non_null(strstr(rig->mqtt.text, "reject {\"epoch\":\"" EPOCH "\",\"sequence\":2,"));
    assert_non_null(strstr(rig->mqtt.text, "\"sequence\":40,")); // all of them: not only the last hundred
    rig->mqtt.text[0] = '\0';
    hear_state(rig, EPOCH, 151, head, 6);
    assert_said(rig, "a", "\"through\":151");
}

// P7: a retained state may be days old, and above its `through` more may have been rejected since than is
// said at once. Those that the terminal may not have heard are the newest.
static void test_p7_the_newest_rejects_are_repeated(void **state)
{
    struct rig *rig = *state;
    uint8_t head[32] = {0}, zeros[32] = {0};
    unsigned last = TW_STORE_REJECTS + 100;
    tw_centre_use(rig->centre, &rig->mqtt);
    for (unsigned i = 1; i <= last; i++) {
        hear_event(rig, &(struct event){.terminal = 7, .sequence = i, .bad = true}, head);
    }
    assert_int_equal(tw_centre_commit(rig->centre, NULL), TW_OK);
    assert_int_equal(rig->mqtt.rejects, last);
    rig->mqtt = (struct tw_mqtt){.deaf = false};
    hear_state(rig, EPOCH, 0, zeros, 2);
    assert_int_equal(rig->mqtt.rejects, TW_STORE_REJECTS);
    assert_int_equal(rig->mqtt.first, 101);
    assert_int_equal(rig->mqtt.last, last);
    assert_false(rig->mqtt.mixed_up);
}

// P7: an acknowledgement that the terminal gets on a connection that the centre has not heard of may have
// overtaken a reject. It says whose state it follows: nobody's, until the terminal said so on this
// connection.
static void test_p7_an_ack_names_the_session_it_follows(void **state)
{
    struct rig *rig = *state;
    uint8_t head[32] = {0};
    tw_centre_use(rig->centre, &rig->mqtt);
    hear(rig, 7, 1, head);
    assert_said(rig, "a", ",\"session\":0}");
    hear_state(rig, EPOCH, 0, head, 77);
    assert_said(rig, "a", ",\"session\":77}");
    hear(rig, 7, 2, head);
    assert_said(rig, "a", ",\"session\":77}");
    hear_event(rig, &(struct event){.terminal = 7, .sequence = 3, .bad = true}, head);
    assert_said(rig, "ra", ",\"session\":77}");
    tw_centre_use(rig->centre, &rig->mqtt); // what was said on the old connection may be lost
    hear(rig, 7, 4, head);
    assert_said(rig, "a", ",\"session\":0}");
    hear_state(rig, EPOCH, 0, head, 0); // an agent of before
    assert_said(rig, "ra", "\"}\n");
    hear_state(rig, EPOCH, 0, head, 78);
    assert_said(rig, "ra", ",\"session\":78}");
    rig->mqtt.deaf = true;
    hear_event(rig, &(struct event){.terminal = 7, .sequence = 5, .bad = true}, head);
    assert_said(rig, "ra", ",\"session\":0}"); // the reject did not go out
}

// ---- the chain ----

// P2, P3: a terminal whose disk was set back goes on with other events under the numbers that are here. None
// of them is taken for one of those, nothing is counted past the break, and in a new epoch each is taken
// once.
static void test_p2_nothing_is_counted_past_a_break_of_the_chain(void **state)
{
    struct rig *rig = *state;
    uint8_t head[32] = {0}, ours[32], other[32], theirs[32] = {0};
    char words[160], hex[65];
    tw_centre_use(rig->centre, &rig->mqtt);
    hear_state(rig, EPOCH, 0, head, 1);
    hear(rig, 7, 1, head);
    memcpy(other, head, sizeof other);
    hear(rig, 7, 2, head);
    memcpy(ours, head, sizeof ours);
    assert_said(rig, "aa", "\"through\":2");
    hear_event(rig, &(struct event){.terminal = 7, .sequence = 2, .id = 12}, other); // a duplicate, it seems
    hear_event(rig, &(struct event){.terminal = 7, .sequence = 3, .id = 13}, other);
    hear_event(rig, &(struct event){.terminal = 7, .sequence = 4, .id = 14}, other);
    tw_seal_hex(ours, 32, hex);
    (void)snprintf(words, sizeof words, "\"through\":2,\"head\":\"%s\"", hex);
    assert_said(rig, "a", words);
    assert_int_equal(epoch_of(rig, "/acme/0042/7")->through, 2);
    assert_int_equal(epoch_of(rig, "/acme/0042/7")->broken, 1);
    for (unsigned i = 1; i <= 4; i++) { // event 1 came before the image
        unsigned id = i == 1 ? 1 : 10 + i;
        hear_event(rig, &(struct event){.terminal = 7, .sequence = i, .epoch = OTHER, .id = id}, theirs);
    }
    assert_said(rig, "a", "\"through\":4");
    assert_int_equal(tw_db_exec(tw_centre_store_db(rig->store),
                                "CREATE TEMP TABLE five (n INTEGER CHECK (n = 5)); "
                                "INSERT INTO five SELECT count(*) FROM event"),
                     TW_OK); // 1, 2, 12, 13, 14
}

// What cannot be read moves the chain on when it is rejected, so it has to follow like any other.
static void test_p2_what_is_unreadable_follows_the_chain_too(void **state)
{
    struct rig *rig = *state;
    uint8_t head[32] = {0}, other[32] = {1};
    hear(rig, 7, 1, head);
    hear_event(rig, &(struct event){.terminal = 7, .sequence = 2, .cut = true}, other);
    assert_int_equal(tw_centre_commit(rig->centre, NULL), TW_OK);
    assert_int_equal(epoch_of(rig, "/acme/0042/7")->through, 1);
    hear_event(rig, &(struct event){.terminal = 7, .sequence = 2, .cut = true}, head);
    hear(rig, 7, 3, head);
    assert_int_equal(tw_centre_commit(rig->centre, NULL), TW_OK);
    assert_int_equal(epoch_of(rig, "/acme/0042/7")->through, 3);
}

// P8: where both have removed all up to the same number, and it was not the same event, neither has anything
// to send that would mend it: the centre says so and goes on after what the terminal has.
static void test_p8_another_event_where_the_terminal_has_nothing_left(void **state)
{
    struct rig *rig = *state;
    uint8_t head[32] = {0}, other[32] = {9}, again[32] = {8};
    tw_centre_use(rig->centre, &rig->mqtt);
    hear(rig, 7, 1, head);
    hear_state(rig, EPOCH, 1, again, 3);
    hear_state(rig, EPOCH, 1, other, 3);
    assert_said(rig, "aaaa", "\"through\":1"); // after each commit, and each state
    hear(rig, 7, 2, other);
    assert_said(rig, "a", "\"through\":2");
    restart(rig);
    assert_memory_equal(epoch_of(rig, "/acme/0042/7")->head, other, 32);
    assert_int_equal(epoch_of(rig, "/acme/0042/7")->broken, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_p2_one_terminal_is_answered_within_its_window, rig_begin,
                                        rig_end),
        cmocka_unit_test_setup_teardown(test_p2_a_commit_takes_256_messages_of_many, rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(test_p2_other_messages_do_not_put_a_commit_off, rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(test_p7_rejects_are_repeated_before_the_ack, rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(test_p7_the_newest_rejects_are_repeated, rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(test_p7_an_ack_names_the_session_it_follows, rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(test_p2_nothing_is_counted_past_a_break_of_the_chain, rig_begin,
                                        rig_end),
        cmocka_unit_test_setup_teardown(test_p2_what_is_unreadable_follows_the_chain_too, rig_begin, rig_end),
        cmocka_unit_test_setup_teardown(test_p8_another_event_where_the_terminal_has_nothing_left, rig_begin,
                                        rig_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
