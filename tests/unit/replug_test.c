// SPDX-License-Identifier: Apache-2.0
//
// Serial and network devices, unplugged at random moments (tests/fakes/replug_rig.h): through the real
// transports, on ptys and sockets. `--replugs N` plays more or fewer.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/fakes/lane.h"
#include "tests/fakes/pty.h"
#include "tests/fakes/replug_rig.h"

static unsigned replugs;

// ---- a scanner, and a reader of stripes, on a serial port

static void plug_pty(void *ctx)
{
    fake_pty_plug(ctx);
}

static void unplug_pty(void *ctx)
{
    fake_pty_unplug(ctx);
}

static void scan_pty(void *ctx, const char *digits, int64_t now_ms)
{
    (void)now_ms;
    fake_pty_send(ctx, digits, strlen(digits));
    fake_pty_send(ctx, "\r", 1);
}

static void half_pty(void *ctx, int64_t now_ms)
{
    (void)now_ms;
    fake_pty_send(ctx, "1000", 4);
}

static void swipe_pty(void *ctx, const char *digits, int64_t now_ms)
{
    (void)now_ms;
    fake_pty_send(ctx, ";", 1);
    fake_pty_send(ctx, digits, strlen(digits));
    fake_pty_send(ctx, "?\r", 2);
}

static void half_swipe_pty(void *ctx, int64_t now_ms)
{
    (void)now_ms;
    fake_pty_send(ctx, ";1000", 5);
}

static void play_pty(bool stripe)
{
    struct fake_pty pty = {.far = -1};
    fake_pty_plug(&pty); // names its link
    fake_pty_unplug(&pty);
    const struct replug_kind kind = {.config = {.name = "reader",
                                                .class_name = stripe ? "stripe" : "scanner",
                                                .transport = "serial",
                                                .port = pty.link},
                                     .ctx = &pty,
                                     .plug = plug_pty,
                                     .unplug = unplug_pty,
                                     .scan = stripe ? swipe_pty : scan_pty,
                                     .half = stripe ? half_swipe_pty : half_pty,
                                     .silence_ends = stripe,
                                     .hotplug = true};
    replug_play(&kind, replugs);
    fake_pty_remove(&pty);
}

static void a_serial_scanner(void **state)
{
    (void)state;
    play_pty(false);
}

static void a_serial_reader_of_stripes(void **state)
{
    (void)state;
    play_pty(true);
}

// ---- a scanner on the network

struct net {
    struct sockaddr_in address;
    int listener, peer;
};

static void plug_net(void *ctx)
{
    struct net *net = ctx;
    const int on = 1;
    socklen_t len = sizeof net->address;
    net->peer = -1;
    net->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(setsockopt(net->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(bind(net->listener, (struct sockaddr *)&net->address, sizeof net->address), 0);
    assert_int_equal(getsockname(net->listener, (struct sockaddr *)&net->address, &len), 0);
    assert_int_equal(listen(net->listener, 4), 0);
}

static void unplug_net(void *ctx)
{
    struct net *net = ctx;
    (void)close(net->listener);
    if (net->peer >= 0) {
        (void)close(net->peer);
    }
}

static bool turn_net(void *ctx, int64_t now_ms)
{
    struct net *net = ctx;
    (void)now_ms;
    if (net->peer >= 0) {
        return false;
    }
    net->peer = accept(net->listener, NULL, NULL);
    return net->peer >= 0;
}

static void send_net(struct net *net, const char *text)
{
    while (net->peer < 0) {
        (void)turn_net(net, 0);
    }
    assert_int_equal(send(net->peer, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void scan_net(void *ctx, const char *digits, int64_t now_ms)
{
    (void)now_ms;
    send_net(ctx, digits);
    send_net(ctx, "\r");
}

static void half_net(void *ctx, int64_t now_ms)
{
    (void)now_ms;
    send_net(ctx, "1000");
}

static void a_network_scanner(void **state)
{
    (void)state;
    struct net net = {.address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}};
    char text[32];
    plug_net(&net); // takes its port
    unplug_net(&net);
    (void)snprintf(text, sizeof text, "127.0.0.1:%u", (unsigned)ntohs(net.address.sin_port));
    const struct replug_kind kind = {
        .config = {.name = "scanner", .class_name = "scanner", .transport = "tcp", .connect = text},
        .ctx = &net,
        .plug = plug_net,
        .unplug = unplug_net,
        .scan = scan_net,
        .half = half_net,
        .turn = turn_net,
        .keeps = true};
    replug_play(&kind, replugs);
}

// ---- taps: what was printed while nobody listened comes later, once

static void print(struct tw_tap *tap, const char *digits, int64_t now_ms)
{
    tw_tap_print(tap, (const uint8_t *)digits, strlen(digits), (uint64_t)now_ms * 1000);
    tw_tap_print(tap, (const uint8_t *)"\r", 1, (uint64_t)now_ms * 1000);
}

static void print_nothing(void *ctx, int64_t now_ms)
{
    (void)ctx;
    (void)now_ms;
}

static void plug_relay(void *ctx)
{
    struct far_end *far = ctx;
    far->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(far->listener, (struct sockaddr *)&far->address, sizeof far->address), 0);
    assert_int_equal(listen(far->listener, 4), 0);
}

static void unplug_relay(void *ctx)
{
    struct far_end *far = ctx;
    lane_hang_up(far);
    (void)close(far->listener);
    (void)unlink(far->address.sun_path);
}

static void scan_relay(void *ctx, const char *digits, int64_t now_ms)
{
    print(&((struct far_end *)ctx)->tap, digits, now_ms);
}

static bool turn_relay(void *ctx, int64_t now_ms)
{
    return lane_turn_far(ctx, (uint64_t)now_ms * 1000);
}

static void play_relay(const char *transport)
{
    struct far_end *far = lane_new_far_end();
    unplug_relay(far);
    const struct replug_kind kind = {
        .config = {.name = "tap", .class_name = "tap", .transport = transport, .path = far->address.sun_path},
        .ctx = far,
        .plug = plug_relay,
        .unplug = unplug_relay,
        .scan = scan_relay,
        .half = print_nothing,
        .turn = turn_relay,
        .keeps = true};
    replug_play(&kind, replugs);
    far->listener = -1;
    lane_free_far_end(far);
}

static void a_tap_at_its_relay(void **state)
{
    (void)state;
    play_relay("tcp");
    play_relay("unix");
}

struct board {
    struct fake_pty pty;
    struct tw_tap tap;
    uint8_t ring[LANE_RING_BYTES];
    struct tw_tap_record records[64];
};

static void plug_board(void *ctx)
{
    struct board *board = ctx;
    fake_pty_plug(&board->pty);
    assert_int_equal(fcntl(board->pty.far, F_SETFL, O_NONBLOCK), 0);
    tw_tap_attach(&board->tap, 0);
}

static void unplug_board(void *ctx)
{
    struct board *board = ctx;
    fake_pty_unplug(&board->pty);
    tw_tap_detach(&board->tap);
}

static void scan_board(void *ctx, const char *digits, int64_t now_ms)
{
    print(&((struct board *)ctx)->tap, digits, now_ms);
}

static bool turn_board(void *ctx, int64_t now_ms)
{
    struct board *board = ctx;
    uint8_t bytes[2000];
    if (board->pty.far < 0) {
        return false;
    }
    tw_tap_tick(&board->tap, (uint64_t)now_ms * 1000);
    ssize_t got = read(board->pty.far, bytes, sizeof bytes);
    if (got > 0) {
        tw_tap_receive(&board->tap, bytes, (size_t)got);
    }
    size_t len = tw_tap_transmit(&board->tap, bytes, sizeof bytes);
    assert_true(len == 0 || write(board->pty.far, bytes, len) == (ssize_t)len);
    return got > 0 || len > 0;
}

static void a_tap_on_a_serial_line(void **state)
{
    (void)state;
    struct board *board = calloc(1, sizeof *board);
    assert_non_null(board);
    const struct tw_tap_memory memory = {board->ring, sizeof board->ring, board->records, 64};
    const uint8_t boot[16] = {7};
    tw_tap_init(&board->tap, &memory, boot);
    plug_board(board); // names its link
    unplug_board(board);
    const struct replug_kind kind = {
        .config = {.name = "tap", .class_name = "tap", .transport = "serial", .port = board->pty.link},
        .ctx = board,
        .plug = plug_board,
        .unplug = unplug_board,
        .scan = scan_board,
        .half = print_nothing,
        .turn = turn_board,
        .keeps = true,
        .hotplug = true};
    replug_play(&kind, replugs);
    fake_pty_remove(&board->pty);
    free(board);
}

int main(int argc, char **argv)
{
    replugs = replug_count(argc, argv, 500);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_serial_scanner),       cmocka_unit_test(a_serial_reader_of_stripes),
        cmocka_unit_test(a_network_scanner),      cmocka_unit_test(a_tap_at_its_relay),
        cmocka_unit_test(a_tap_on_a_serial_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
