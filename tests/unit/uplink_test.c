// SPDX-License-Identifier: Apache-2.0
//
// The uplink's smaller parts: addresses, files, reaching a host, the sentences of a failure, what lies
// between journal and broker. The whole of it against a real broker is tests/system/uplink_delivery.py.
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/uplink/flow.h"
#include "agent/uplink/inbox.h"
#include "agent/uplink/mqtt.h"
#include "agent/uplink/shelf.h"
#include "agent/uplink/why.h"

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host;
        int port;
    } good[] = {{"mqtts://broker.example", "broker.example", 8883},
                {"mqtts://127.0.0.1:1", "127.0.0.1", 1},
                {"mqtts://[::1]:65535", "::1", 65535},
                {"mqtts://[fe80::1]", "fe80::1", 8883}};
    static const char *const bad[] = {"mqtt://broker",   "broker:8883",
                                      "mqtts://",        "mqtts://:8883",
                                      "mqtts://a:0",     "mqtts://a:65536",
                                      "mqtts://a:",      "mqtts://a:88x",
                                      "mqtts://[::1",    "mqtts://a/b",
                                      "mqtts://[::1]x",  "mqtts://a:+1",
                                      "mqtts://[]:8883", ""};
    struct tw_address address;
    struct tw_error_text err;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(tw_address_parse(good[i].url, &address, &err), TW_OK);
        assert_string_equal(address.host, good[i].host);
        assert_int_equal(address.port, good[i].port);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        address.port = -1;
        assert_int_equal(tw_address_parse(bad[i], &address, &err), TW_ERR_INVALID);
        assert_int_equal(address.port, -1);
        assert_non_null(strstr(err.text, "mqtts://HOST"));
    }
    char longest[400] = "mqtts://";
    memset(longest + 8, 'a', 300);
    assert_int_equal(tw_address_parse(longest, &address, &err), TW_ERR_INVALID);
}

static void test_pem_files(void **state)
{
    (void)state;
    struct tw_error_text err;
    char path[] = "/tmp/tw-uplink-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(tw_pem_check("uplink.ca", path, &err), TW_ERR_INVALID);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(write(fd, "text\n-----BEGIN CERTIFICATE-----\n", 33), 33);
    assert_int_equal(tw_pem_check("uplink.ca", path, &err), TW_OK);
    (void)close(fd);
    (void)unlink(path);
    assert_int_equal(tw_pem_check("uplink.ca", path, &err), TW_ERR_IO);
    assert_non_null(strstr(err.text, "uplink.ca"));
    assert_int_equal(tw_pem_check("uplink.ca", NULL, &err), TW_ERR_IO);
}

static int listen_on_free_port(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

static void test_reach(void **state)
{
    (void)state;
    struct tw_address address = {.host = "127.0.0.1"};
    struct tw_error_text err = {""};
    const char *any = NULL;
    int fd = listen_on_free_port(&address.port);
    assert_int_equal(tw_reach(&address, 1000, -1, &any, &err), TW_OK);
    assert_string_equal(any, "0.0.0.0");
    (void)close(fd);
    assert_int_equal(tw_reach(&address, 1000, -1, &any, &err), TW_ERR_IO);
    assert_non_null(strstr(err.text, "nothing listens there"));
    (void)snprintf(address.host, sizeof address.host, "no.such.host.invalid");
    assert_int_equal(tw_reach(&address, 1000, -1, &any, &err), TW_ERR_IO);
    assert_non_null(strstr(err.text, "no.such.host.invalid"));
}

// A full backlog drops further SYNs: what a firewall does.
static void test_reach_is_bounded_and_can_be_called_off(void **state)
{
    (void)state;
    struct tw_address address = {.host = "127.0.0.1"};
    struct tw_error_text err = {""};
    const char *any = NULL;
    int crowd[4];
    int fd = listen_on_free_port(&address.port);
    assert_int_equal(listen(fd, 0), 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)address.port)};
    for (size_t i = 0; i < 4; i++) {
        crowd[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(crowd[i], (struct sockaddr *)&to, sizeof to);
    }
    assert_int_equal(tw_reach(&address, 50, -1, &any, &err), TW_ERR_IO);
    assert_non_null(strstr(err.text, "no answer"));
    int cancel = eventfd(1, 0);
    assert_int_equal(tw_reach(&address, 60000, cancel, &any, &err), TW_ERR_CLOSED);
    (void)close(cancel);
    (void)close(fd);
    for (size_t i = 0; i < 4; i++) {
        (void)close(crowd[i]);
    }
}

static void assert_why(const struct tw_why *why, const char *words)
{
    static const struct tw_mqtt_options options = {
        .address = {.host = "broker.example", .port = 8883}, .ca = "ca.pem", .cert = "t.pem", .key = "t.key"};
    struct tw_error_text err = {""};
    tw_why_say(why, &options, NULL, "the rest", &err);
    assert_non_null(strstr(err.text, "broker.example port 8883"));
    if (strstr(err.text, words) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", words, err.text);
    }
}

static void test_sentences(void **state)
{
    (void)state;
    static const struct {
        const char *lines[2];
        const char *words;
    } table[] = {
        {{"OpenSSL Error[0]: error:0A000086:SSL routines::certificate verify failed"},
         "not signed by the CA in ca.pem"},
        {{"OpenSSL Error[0]: error:0A000418:SSL routines::tlsv1 alert unknown ca"}, "signed t.pem"},
        {{"OpenSSL Error[0]: error:0A000415:SSL routines::sslv3 alert certificate expired"},
         "t.pem has expired"},
        {{"OpenSSL Error[0]: error:0A00045C:SSL routines::tlsv13 alert certificate required"},
         "client certificate"},
        {{"OpenSSL Error[0]: error:0A00042E:SSL routines::tlsv1 alert protocol version"},
         "does not speak TLS 1.3"},
        {{"OpenSSL Error[0]: error:0A000460:SSL routines::tlsv1 alert no application protocol"},
         "check uplink.alpn"},
        {{"OpenSSL Error[0]: error:0A00010B:SSL routines::wrong version number"}, "does not speak TLS"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct tw_why why = {.answered = false};
        for (size_t j = 0; j < 2 && table[i].lines[j] != NULL; j++) {
            tw_why_note(&why, table[i].lines[j]);
        }
        assert_why(&why, table[i].words);
    }
    assert_why(&(struct tw_why){.answered = true, .reason = 0x87}, "access list");
    assert_why(&(struct tw_why){.answered = true, .reason = 0x8e}, "same id");
    assert_why(&(struct tw_why){.answered = true, .reason = 0x83}, "0x83");
    assert_why(&(struct tw_why){.answered = true, .reason = 0xf3}, "reason code 0xf3");
    assert_why(&(struct tw_why){.answered = true, .reason = 0x9c}, "another broker for a while");
    struct tw_why moved = {.answered = true, .reason = 0x9d};
    tw_why_server(&moved, "b2.example:8883\n\x1b[31m");
    assert_why(&moved, "to b2.example:8883??[31m; change uplink.url");
    assert_why(&(struct tw_why){.answered = true}, "lost (the rest)");
    assert_why(&(struct tw_why){.answered = false}, "before it answered (the rest)");
}

static void test_alarms_name_event_reason_and_remedy(void **state)
{
    (void)state;
    static const struct {
        struct tw_flow_action action;
        const char *words[3];
    } rows[] = {
        {{.alarm = TW_FLOW_NO_SUBSCRIBER},
         {"nobody at the broker", "acme/evt/#", "start the central service"}},
        {{.alarm = TW_FLOW_REFUSED, .reason = 0x87}, {"0x87", "access list", "kept and tried again"}},
        {{.alarm = TW_FLOW_REFUSED, .reason = 0xf3}, {"0xf3", "see its log", "kept and tried again"}},
        {{.alarm = TW_FLOW_ROW_REFUSED, .from = 12, .reason = 0x95},
         {"event 12 ", "too large", "goes to the dead letters"}},
        {{.alarm = TW_FLOW_NO_ACK}, {"did not acknowledge for 5 s", "check that it runs", ""}},
        {{.alarm = TW_FLOW_TWIN}, {"this terminal's id", "no two terminals share", ""}},
        {{.alarm = TW_FLOW_SHORT_LIVED}, {"3 connections in a row", "two terminals share", ""}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tw_error_text err = {""};
        tw_why_alarm(&rows[i].action, "acme/", &err);
        for (size_t j = 0; j < 3; j++) {
            assert_non_null(strstr(err.text, rows[i].words[j]));
        }
        assert_true(strlen(err.text) < sizeof((struct tw_uplink_status *)NULL)->why); // not cut
    }
}

static void test_proxies(void **state)
{
    (void)state;
    static const struct {
        const char *url, *host, *user, *password;
        int port;
    } good[] = {{"socks5://proxy.example", "proxy.example", "", "", 1080},
                {"socks5://[::1]:9", "::1", "", "", 9},
                {"socks5://store@proxy:3", "proxy", "store", "", 3},
                {"socks5://store:p%40s%3as%25@proxy:3", "proxy", "store", "p@s:s%", 3},
                {"socks5://a:b@c@proxy:3", "proxy", "a", "b@c", 3}};
    static const char *const bad[] = {
        "socks5://",          "http://s3cret@proxy",    "socks5://:s3cret@proxy",
        "socks5://@proxy",    "socks5://a:s3cret@",     "socks5://a:s3cret%4@proxy",
        "socks5://a:s3cret%", "socks5://a:s3cret%zz@p", "socks5://a:s3cret%00@p",
        "socks5://p:0",       "socks5://a:s3cret@p:x",  "socks5://a:s3cret@p/x"};
    struct tw_proxy proxy;
    struct tw_error_text err = {""};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(tw_proxy_parse(good[i].url, &proxy, &err), TW_OK);
        assert_string_equal(proxy.address.host, good[i].host);
        assert_string_equal(proxy.user, good[i].user);
        assert_string_equal(proxy.password, good[i].password);
        assert_int_equal(proxy.address.port, good[i].port);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(tw_proxy_parse(bad[i], &proxy, &err), TW_ERR_INVALID);
        assert_null(strstr(err.text, "s3cret")); // P6 holds for passwords as well
        assert_non_null(strstr(err.text, "uplink.proxy"));
    }
    char longest[700] = "socks5://";
    memset(longest + 9, 'a', 300);
    (void)snprintf(longest + 309, sizeof longest - 309, "@proxy");
    assert_int_equal(tw_proxy_parse(longest, &proxy, &err), TW_ERR_INVALID);
}

// As the journal makes them: freed by tw_rows_free, which belongs to the journal.
static struct tw_rows *rows_from(uint64_t first, size_t count, uint64_t without)
{
    struct tw_rows *rows = calloc(1, sizeof *rows);
    rows->rows = calloc(count, sizeof *rows->rows);
    for (uint64_t sequence = first; sequence < first + count; sequence++) {
        if (sequence != without) {
            rows->rows[rows->count++].sequence = sequence;
        }
    }
    return rows;
}

static void free_rows(struct tw_rows *rows)
{
    free(rows->rows);
    free(rows);
}

static void test_shelf_hands_out_rows_in_order(void **state)
{
    (void)state;
    struct tw_rows *first = rows_from(5, 3, 6), *second = rows_from(8, 2, 0);
    struct tw_shelf shelf = {.sets = {first, second}, .count = 2};
    const struct tw_journal_payload *row = NULL;
    assert_int_equal(tw_shelf_find(&shelf, 5, &row), TW_SHELF_ROW);
    assert_int_equal(row->sequence, 5);
    assert_int_equal(tw_shelf_find(&shelf, 6, &row), TW_SHELF_DEAD);
    assert_int_equal(tw_shelf_find(&shelf, 7, &row), TW_SHELF_ROW);
    assert_int_equal(row->sequence, 7);
    assert_int_equal(tw_shelf_find(&shelf, 6, &row), TW_SHELF_ABSENT); // it went by: nobody knows
    assert_int_equal(shelf.count, 2);
    struct tw_shelf empty = {.count = 0};
    assert_int_equal(tw_shelf_find(&empty, 1, &row), TW_SHELF_ABSENT);
    free_rows(first);
    free_rows(second);
}

static void test_shelf_maps_packet_ids(void **state)
{
    (void)state;
    struct tw_shelf shelf = {.count = 0};
    struct tw_open_publish open;
    for (int mid = 1; mid <= TW_FLOW_WINDOW; mid++) {
        tw_shelf_opened(&shelf, mid, (uint64_t)mid + 1000, 3);
    }
    assert_false(tw_shelf_closed(&shelf, TW_FLOW_WINDOW + 1, &open));
    assert_true(tw_shelf_closed(&shelf, 50, &open));
    assert_int_equal(open.sequence, 1050);
    assert_int_equal(open.pass, 3);
    assert_false(tw_shelf_closed(&shelf, 50, &open));
    assert_true(tw_shelf_closed(&shelf, 1, &open));
    assert_true(tw_shelf_closed(&shelf, TW_FLOW_WINDOW, &open));
    assert_int_equal(shelf.open_count, TW_FLOW_WINDOW - 3);
}

static bool has_mail(const struct tw_inbox *inbox)
{
    struct pollfd fd = {.fd = tw_inbox_fd(inbox), .events = POLLIN};
    return poll(&fd, 1, 0) == 1;
}

static void test_inbox_keeps_the_newest(void **state)
{
    (void)state;
    struct tw_inbox *inbox = NULL;
    struct tw_letters letters;
    assert_int_equal(tw_inbox_new(&inbox), TW_OK);
    assert_false(has_mail(inbox));
    tw_inbox_members(inbox, 3, true);
    tw_inbox_members(inbox, 4, false);
    tw_inbox_on_settled(inbox);
    assert_true(has_mail(inbox));
    tw_inbox_take(inbox, &letters);
    assert_true(letters.members && letters.settled && !letters.members_wanted && letters.rows == NULL);
    assert_int_equal(letters.members_version, 4);
    assert_false(has_mail(inbox));
    tw_inbox_take(inbox, &letters);
    assert_false(letters.members || letters.settled || letters.resync != 0);
    tw_inbox_resync(inbox, 30);
    tw_inbox_resync(inbox, 40); // the lowest holds
    tw_inbox_take(inbox, &letters);
    assert_int_equal(letters.resync, 30);
    struct tw_rows *rows = rows_from(1, 1, 0);
    tw_inbox_on_rows(tw_inbox_question(inbox, 9), rows);
    tw_inbox_take(inbox, &letters);
    assert_ptr_equal(letters.rows, rows);
    assert_int_equal(letters.question, 9);
    free_rows(rows);
    assert_false(tw_inbox_stopped(inbox));
    tw_inbox_stop(inbox);
    assert_true(tw_inbox_stopped(inbox));
    tw_inbox_free(inbox);
}

static void test_start_refuses_what_cannot_work(void **state)
{
    (void)state;
    struct tw_uplink *uplink = NULL;
    struct tw_error_text err = {""};
    struct tw_uplink_options options = {.url = "mqtts://localhost",
                                        .ca = "/nonexistent/ca.pem",
                                        .cert = "/nonexistent/t.pem",
                                        .key = "/nonexistent/t.key",
                                        .tenant = "acme",
                                        .store = "00/42",
                                        .terminal = "07"};
    assert_int_equal(tw_uplink_start(&options, &uplink, &err), TW_ERR_INVALID);
    assert_non_null(strstr(err.text, "store \"00/42\""));
    options.store = "0042";
    assert_int_equal(tw_uplink_start(&options, &uplink, &err), TW_ERR_IO);
    assert_non_null(strstr(err.text, "uplink.ca file /nonexistent/ca.pem"));
    assert_null(uplink);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_pem_files),
        cmocka_unit_test(test_reach),
        cmocka_unit_test(test_reach_is_bounded_and_can_be_called_off),
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_alarms_name_event_reason_and_remedy),
        cmocka_unit_test(test_proxies),
        cmocka_unit_test(test_shelf_hands_out_rows_in_order),
        cmocka_unit_test(test_shelf_maps_packet_ids),
        cmocka_unit_test(test_inbox_keeps_the_newest),
        cmocka_unit_test(test_start_refuses_what_cannot_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
