// SPDX-License-Identifier: Apache-2.0
//
// The real program against a real desk (the rest of the agent made up): what it prints, its exit codes,
// and that a card is found in no output (P6).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/fakes/cli_rig.h"
#include "tools/cli/text.h"

#define NAME "Erika Mustermann"

static void texts(void **state)
{
    (void)state;
    char out[TW_TEXT_MAX];
    static const struct {
        int64_t seconds;
        const char *text;
    } ages[] = {{-1, "never"}, {0, "0 s"},          {119, "119 s"},    {120, "2 min"},
                {7200, "2 h"}, {47 * 3600, "47 h"}, {172800, "2 days"}};
    for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++) {
        tw_text_age(ages[i].seconds, out);
        assert_string_equal(out, ages[i].text);
    }
    tw_text_bytes(512, out);
    assert_string_equal(out, "512 B");
    tw_text_bytes(1536, out);
    assert_string_equal(out, "1.5 KiB");
    tw_text_count(1234567, out);
    assert_string_equal(out, "1 234 567");
    tw_text_count(-123456, out);
    assert_string_equal(out, "-123 456");
    struct tw_buf plain = {0};
    tw_text_plain(tw_slice_of("a\x1b[31mb\tc\xc2\x9b\xc3\xa9"), &plain);
    assert_string_equal((const char *)plain.ptr, "a?[31mb?c?\xc3\xa9");
    tw_buf_free(&plain);
}

static void helps(void **state)
{
    static const char *const commands[] = {"", "status", "devices", "queue", "events", "lookup", "receipt"};
    struct cli *f = *state;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        char args[64];
        (void)snprintf(args, sizeof args, "%s --help", commands[i]);
        assert_int_equal(cli_run(f, args, ""), 0);
        cli_expect_text(f->out, "Usage: tillwire");
        cli_expect_text(f->out, "Examples:");
        cli_expect_text(f->out, "Exit codes:");
        assert_string_equal(f->err, "");
        if (i > 0) {
            cli_expect_text(f->out, "--json");
            assert_int_equal(cli_run(f, "--help", ""), 0);
            cli_expect_text(f->out, commands[i]); // the list names it
        }
    }
    assert_int_equal(cli_run(f, "--version", ""), 0);
    assert_string_equal(f->out, "tillwire " TW_VERSION "\n");
}

static void usage_errors(void **state)
{
    struct cli *f = *state;
    assert_int_equal(cli_run(f, "statsu", ""), 2);
    cli_expect_text(f->err, "did you mean `status`?");
    assert_int_equal(cli_run(f, "frobnicate", ""), 2);
    assert_null(strstr(f->err, "did you mean"));
    assert_int_equal(cli_run(f, "", ""), 2);
    assert_int_equal(cli_run(f, "status extra", ""), 2);
    assert_int_equal(cli_run(f, "status --nonsense", ""), 2);
    assert_int_equal(cli_run(f, "events --recent many", ""), 2);
    assert_int_equal(cli_run(f, "receipt read", ""), 2);
    assert_int_equal(cli_run(f, "queue burn", ""), 2);
    assert_int_equal(cli_run(f, "queue show 0", ""), 2);
    assert_int_equal(cli_run(f, "queue show 1 2", ""), 2);
    assert_int_equal(cli_run(f, "queue retry", ""), 2);
    assert_int_equal(cli_run(f, "queue retry 1 --all", ""), 2);
    assert_int_equal(cli_run(f, "queue resync", ""), 2);
    assert_int_equal(cli_run(f, "queue --data", ""), 2);
    assert_int_equal(cli_run(f, "queue show --all", ""), 2);
    assert_int_equal(cli_run(f, "devices burn", ""), 2);
    assert_int_equal(cli_run(f, "devices test", ""), 2);
    assert_int_equal(cli_run(f, "devices test a b", ""), 2);
    assert_int_equal(cli_run(f, "devices record", ""), 2);
    assert_int_equal(cli_run(f, "devices record a b c", ""), 2);
    assert_int_equal(cli_run(f, "devices record 'a b' --socket nowhere.sock", ""), 2);
    assert_int_equal(cli_run(f, "devices record a --json", ""), 2);
    assert_int_equal(cli_run(f, "devices record a --speed 2", ""), 2);
    assert_int_equal(cli_run(f, "devices discover a", ""), 2);
    assert_int_equal(cli_run(f, "devices --seconds 5", ""), 2);
    assert_int_equal(cli_run(f, "devices test a --seconds 0", ""), 2);
    assert_int_equal(cli_run(f, "devices replay nowhere.rec", ""), 2);
    cli_expect_text(f->err, "nowhere.rec");
    assert_int_equal(cli_run(f, "devices replay in --speed nan", ""), 2);
    assert_int_equal(cli_run(f, "devices replay in", "class tap\ntransport serial\n0 up\n"), 2);
    cli_expect_text(f->err, "only recordings of scanners");
    assert_int_equal(cli_run(f, "receipt burn x", ""), 2);
    assert_int_equal(cli_run(f, "receipt read nowhere.bin", ""), 2);
    cli_expect_text(f->err, "nowhere.bin");
    assert_int_equal(cli_run(f, "status --config nowhere.yaml", ""), 2);
    cli_expect_text(f->err, "nowhere.yaml");
}

static void says_when_nobody_answers(void **state)
{
    static const char *const commands[] = {"status", "devices", "devices test x", "devices record x",
                                           "queue",  "events",  "lookup"};
    struct cli *f = *state;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        char args[64];
        (void)snprintf(args, sizeof args, "%s --socket nowhere.sock", commands[i]);
        assert_int_equal(cli_run(f, args, CARD "\n"), 3);
        cli_expect_text(f->err, "nowhere.sock");
        cli_expect_text(f->err, "Is tillwired running?");
    }
}

static void shows_status(void **state)
{
    struct cli *f = *state;
    f->world->lane.devices = "[{\"name\":\"printer\",\"class\":\"tap\",\"state\":\"ready\",\"up\":true}]";
    assert_int_equal(cli_run_with_desk(f, "status", ""), 0);
    cli_expect_text(f->out, "acme/0042/07");
    cli_expect_text(f->out, "connected for 3 min");
    cli_expect_text(f->out, "printer          ready");
    cli_expect_text(f->out, "All is well.");
    f->world->uplink.status.connected = false;
    (void)strcpy(f->world->uplink.status.why, "the broker refused the certificate");
    f->world->journal.stats.queued_events = 1234;
    f->world->journal.stats.oldest_ms = WALL - 7200000;
    assert_int_equal(cli_run_with_desk(f, "status", ""), 1);
    cli_expect_text(f->out, "NOT CONNECTED for 3 min");
    cli_expect_text(f->out, "1 234 events");
    cli_expect_text(f->out, "the oldest 2 h old");
    cli_expect_text(f->out, "* Not connected to the broker for 200 s: the broker refused the certificate");
    assert_int_equal(cli_run_with_desk(f, "status --json", ""), 1);
    tw_json *json = NULL;
    struct tw_error_text why;
    assert_int_equal(tw_json_parse(tw_slice_of(f->out), &json, &why), TW_OK);
    assert_int_equal(tw_json_size(tw_json_get(json, "problems")), 1);
    tw_json_free(json);
}

static void shows_queue(void **state)
{
    struct cli *f = *state;
    f->world->journal.stats.queued_events = 3;
    f->world->journal.stats.queued_bytes = 2048;
    f->world->journal.stats.oldest_ms = WALL - 60000;
    assert_int_equal(cli_run_with_desk(f, "queue", ""), 0);
    assert_string_equal(f->out,
                        "events        3\nbytes         2.0 KiB\noldest        60 s\ndead letters  0\n");
    f->world->journal.stats.dead_letters = 1;
    assert_int_equal(cli_run_with_desk(f, "queue --json", ""), 1);
    cli_expect_text(f->out,
                    "{\"events\":3,\"bytes\":2048,\"oldest_s\":60,\"dead_letters\":1,\"full\":false,");
    assert_int_equal(cli_run_with_desk(f, "queue", ""), 1);
    cli_expect_text(f->out, "`tillwire queue show`");
    f->world->journal.stats.dead_letters = 0;
    f->world->journal.stats.full = true;
    f->world->journal.stats.dropped = 4;
    assert_int_equal(cli_run_with_desk(f, "queue", ""), 1);
    cli_expect_text(f->out, "given up      4 ");
    cli_expect_text(f->out, "The journal is FULL");
    assert_int_equal(cli_run_with_desk(f, "status", ""), 1);
    cli_expect_text(f->out, "the journal is FULL");
}

static void fill_letters(struct cli *f)
{
    for (size_t i = 0; i < 3; i++) {
        f->world->journal.letters[i] =
            (struct tw_dead_letter){.number = 2 * i + 3,
                                    .source = "/acme/0042/06",
                                    .epoch = "018f0000-0000-7000-8000-00000000000e",
                                    .sequence = 100 + i,
                                    .type = TW_EVENT_SALE_COMPLETED,
                                    .id = "018f0000-0000-7000-8000-000000000001",
                                    .time_ms = WALL - 60000,
                                    .rejected_ms = WALL,
                                    .reason = "no total\x1b[2J",
                                    .data = tw_slice_of("{\"who\":\"" NAME "\"}")};
    }
    f->world->journal.letter_count = 3;
}

// What is in an event may be personal: it is shown to who asks for it, and to nobody else.
static void shows_dead_letters(void **state)
{
    struct cli *f = *state;
    assert_int_equal(cli_run_with_desk(f, "queue show", ""), 0);
    assert_string_equal(f->out, "There are no dead letters.\n");
    assert_int_equal(cli_run_with_desk(f, "queue show --json", ""), 0);
    assert_string_equal(f->out, "{\"letters\":[]}\n");
    fill_letters(f);
    assert_int_equal(cli_run_with_desk(f, "queue show", ""), 1);
    cli_expect_text(f->out, "       5  11-22 ");
    cli_expect_text(f->out, "  sale.completed      no total?[2J\n");
    assert_null(strstr(f->out, NAME));
    assert_int_equal(cli_run_with_desk(f, "queue show 5", ""), 1);
    cli_expect_text(f->out, "number    5\ntype      sale.completed\n");
    cli_expect_text(f->out, "source    /acme/0042/06\n");
    cli_expect_text(f->out, "stood at  sequence 101 of epoch 018f0000-0000-7000-8000-00000000000e\n");
    assert_null(strstr(f->out, NAME));
    assert_int_equal(cli_run_with_desk(f, "queue show 5 --data", ""), 1);
    cli_expect_text(f->out, "data      {\"who\":\"" NAME "\"}\n");
    assert_int_equal(cli_run_with_desk(f, "queue show 4", ""), 1);
    assert_string_equal(f->out, "");
    cli_expect_text(f->err, "there is no dead letter 4");
    assert_int_equal(cli_run_with_desk(f, "queue show --json", ""), 1);
    assert_null(strstr(f->out, NAME));
    tw_json *json = NULL;
    struct tw_error_text why;
    assert_int_equal(tw_json_parse(tw_slice_of(f->out), &json, &why), TW_OK);
    assert_int_equal(tw_json_size(tw_json_get(json, "letters")), 3);
    tw_json_free(json);
}

static void mends_the_queue(void **state)
{
    struct cli *f = *state;
    f->world->journal.queued = 1;
    assert_int_equal(cli_run_with_desk(f, "queue retry 5", ""), 0);
    cli_expect_text(f->out, "1 event is queued again");
    assert_int_equal(f->world->journal.retried, 5);
    f->world->journal.queued = 3;
    assert_int_equal(cli_run_with_desk(f, "queue retry --all --json", ""), 0);
    assert_string_equal(f->out, "{\"queued\":3}\n");
    assert_int_equal(f->world->journal.retried, 0);
    f->world->journal.error = TW_ERR_NOT_FOUND;
    assert_int_equal(cli_run_with_desk(f, "queue retry 5", ""), 1);
    cli_expect_text(f->err, "there is no dead letter of this number");
    assert_int_equal(cli_run_with_desk(f, "queue retry --all", ""), 0);
    cli_expect_text(f->out, "There are no dead letters.");
    f->world->journal.error = TW_OK;
    f->world->journal.retry_error = TW_ERR_MISMATCH;
    fill_letters(f);
    assert_int_equal(cli_run_with_desk(f, "queue retry 5", ""), 1);
    cli_expect_text(f->err,
                    "it is of /acme/0042/06, which this terminal was before: set tenant, store and terminal");
    f->world->journal.error = TW_ERR_FULL;
    assert_int_equal(cli_run_with_desk(f, "queue retry 5", ""), 1);
    cli_expect_text(f->err, "no room");
    f->world->journal.error = TW_OK;
    assert_int_equal(cli_run_with_desk(f, "queue resync 7", ""), 0);
    cli_expect_text(f->out, "Everything from 7 on is sent again.");
    assert_int_equal(f->world->journal.from, 7);
    f->world->journal.resync = TW_RESYNC_RENEWED;
    assert_int_equal(cli_run_with_desk(f, "queue resync 1", ""), 0);
    cli_expect_text(f->out, "new epoch");
}

static void shows_events(void **state)
{
    struct cli *f = *state;
    struct tw_event_row row = {
        .type = TW_EVENT_SALE_COMPLETED,
        .subject = tw_slice_of("0042/07/2026-11-22/1\x1b[2J"),
        .data = tw_slice_of("{\"total\":214}"),
        .time_ms = WALL,
    };
    for (row.sequence = 1; row.sequence <= 30; row.sequence++) {
        tw_desk_committed(f->world->desk, &row);
    }
    assert_int_equal(cli_run_with_desk(f, "events", ""), 0);
    cli_expect_text(f->out, "      11  ");
    cli_expect_text(f->out, "  sale.completed      0042/07/2026-11-22/1?[2J\n");
    assert_null(strstr(f->out, "      10  "));
    assert_int_equal(cli_run_with_desk(f, "events --json --recent 2", ""), 0);
    unsigned lines = 0;
    for (char *rest = NULL, *line = strtok_r(f->out, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        tw_json *json = NULL;
        struct tw_error_text why;
        assert_int_equal(tw_json_parse(tw_slice_of(line), &json, &why), TW_OK);
        assert_string_equal(tw_json_text(tw_json_get(json, "type")), "io.tillwire.sale.completed");
        tw_json_free(json);
        lines++;
    }
    assert_int_equal(lines, 2);
    // Following goes on after the recent ones, until whoever reads them has gone: also when all of them were
    // written by then.
    for (int lines_read = 25; lines_read <= 30; lines_read += 5) {
        char follow[192];
        (void)snprintf(follow, sizeof follow, "events --follow --recent 30 --socket %s | head -n %d",
                       f->world->socket, lines_read);
        assert_int_equal(cli_run(f, follow, ""), 0);
    }
}

static void looks_up(void **state)
{
    struct cli *f = *state;
    f->world->lane.member = (struct tw_member){.found = true,
                                               .scheme = "club",
                                               .tier = "gold",
                                               .has_points = true,
                                               .points = 1240,
                                               .as_of_ms = WALL};
    f->world->lane.age_s = 180;
    assert_int_equal(cli_run_with_desk(f, "lookup", CARD "\n"), 0);
    assert_string_equal(f->out, "tier    gold\npoints  1 240\nas of   3 min ago\n");
    assert_string_equal(f->world->lane.via, "cli");
    assert_int_equal(cli_run_with_desk(f, "lookup --json --operator 17", CARD), 0);
    cli_expect_text(f->out, "\"points\":1240");
    assert_string_equal(f->world->lane.by, "17");
    f->world->lane.member.found = false;
    assert_int_equal(cli_run_with_desk(f, "lookup", CARD "\n"), 1);
    cli_expect_text(f->out, "no member");
    f->world->lane.error = TW_ERR_REFUSED;
    assert_int_equal(cli_run_with_desk(f, "lookup", CARD "\n"), 1);
    cli_expect_text(f->err, "Payment card data is refused");
    assert_null(strstr(f->err, CARD));
    assert_int_equal(cli_run(f, "lookup " CARD, ""), 2);
    cli_expect_text(f->err, "never given on the command line");
    assert_null(strstr(f->err, CARD));
    assert_null(strstr(f->out, CARD));
    assert_int_equal(cli_run(f, "lookup", ""), 2);
}

#define RECEIPT                                                                                              \
    "\x1b@CORNER SHOP\n\n2 x 1.29\nPENCIL          2.58\nERASER          1.00\n\nTOTAL           3.58\n"     \
    "CASH            5.00\nCHANGE          1.42\n\nReceipt No 001234\n22.11.2026 10:15\n\x1dV"

static void reads_receipts(void **state)
{
    struct cli *f = *state;
    int code = cli_run(f, "receipt read -", RECEIPT "A");
    cli_expect_text(f->out, "=> sale");
    cli_expect_text(f->out, "358  TOTAL");
    code = cli_run(f, "receipt read in --json", RECEIPT "A");
    assert_true(code == 0 || code == 1);
    tw_json *json = NULL;
    struct tw_error_text why;
    assert_int_equal(tw_json_parse(tw_slice_of(f->out), &json, &why), TW_OK);
    assert_true(tw_json_size(tw_json_get(json, "lines")) >= 8);
    const tw_json *sale = tw_json_at(tw_json_get(json, "receipts"), 0);
    int64_t total = 0;
    assert_int_equal(tw_json_int(tw_json_get(sale, "total"), &total), TW_OK);
    assert_int_equal(total, 358);
    tw_json_free(json);
    // What is no sale is said to be none, and is not well; a card number in it is masked (P6).
    assert_int_equal(
        cli_run(f, "receipt read in", "Dear guest\n4111 1111 1111 1111\nwe are closed tomorrow\n\x1dVA"), 1);
    cli_expect_text(f->out, "not a sale");
    assert_null(strstr(f->out, "4111 1111"));
    assert_int_equal(cli_run(f, "receipt read in --profile nowhere.yaml", ""), 2);
    cli_expect_text(f->err, "nowhere");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, cli_set_up, cli_tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts), TEST(helps),       TEST(usage_errors),       TEST(says_when_nobody_answers),
        TEST(shows_status),      TEST(shows_queue), TEST(shows_dead_letters), TEST(mends_the_queue),
        TEST(shows_events),      TEST(looks_up),    TEST(reads_receipts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
