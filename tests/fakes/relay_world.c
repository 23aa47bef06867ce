// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/relay_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tillwire/tap_link.h"

int64_t relay_world_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void relay_world_add(struct relay_world_queue *queue, const void *bytes, size_t len)
{
    if (queue->len + len > queue->cap) {
        queue->cap = (queue->len + len) * 2;
        queue->bytes = realloc(queue->bytes, queue->cap);
        assert_non_null(queue->bytes);
    }
    memcpy(queue->bytes + queue->len, bytes, len);
    queue->len += len;
}

void relay_world_add_random(struct relay_world_queue *queue, size_t len, uint32_t seed)
{
    uint32_t random = seed | 1u;
    for (size_t i = 0; i < len; i++) {
        random = random * 1664525u + 1013904223u;
        uint8_t byte = (uint8_t)(random >> 24);
        relay_world_add(queue, &byte, 1);
    }
}

// ---- the agent

static uint64_t on_hello(void *ctx, const char *device, const uint8_t boot[16], uint64_t first, uint64_t next)
{
    struct relay_world *world = ctx;
    (void)device;
    (void)boot;
    assert_true(first <= next);
    world->hellos++;
    world->copied.len = (size_t)world->committed;
    return world->committed;
}

static void on_bytes(void *ctx, const char *device, uint64_t offset, uint64_t time_us, struct tw_slice bytes)
{
    struct relay_world *world = ctx;
    (void)device;
    assert_true((int64_t)(time_us / 1000) <= relay_world_now_ms());
    assert_int_equal(offset, world->copied.len);
    relay_world_add(&world->copied, bytes.ptr, bytes.len);
    if (world->acknowledge) {
        world->committed = offset + bytes.len;
        tw_device_acknowledge(world->agent, world->committed, relay_world_now_ms());
    }
}

static void on_mark(void *ctx, const char *device, uint64_t offset, int mark)
{
    struct relay_world *world = ctx;
    (void)device;
    assert_int_equal(offset, world->copied.len);
    world->opened += mark == TW_LINK_OPENED;
    world->closed += mark == TW_LINK_CLOSED;
    world->closed_at = offset;
}

static void on_lost(void *ctx, const char *device, uint64_t from, uint64_t to)
{
    struct relay_world *world = ctx;
    (void)device;
    assert_int_equal(from, world->copied.len);
    world->lost += to - from;
    relay_world_add(&world->copied, world->to_print.bytes + from, (size_t)(to - from));
}

static void on_state(void *ctx, const char *device, bool up, const char *why)
{
    (void)ctx;
    (void)device;
    (void)up;
    (void)why;
}

void relay_world_attach_agent(struct relay_world *world)
{
    char path[128];
    (void)snprintf(path, sizeof path, "%s/printer.tap.sock", world->folder);
    struct tw_device_config config = {
        .name = "printer", .class_name = "tap", .transport = "tcp", .path = path};
    struct tw_device_sink sink = {.ctx = world,
                                  .tap_hello = on_hello,
                                  .tap_bytes = on_bytes,
                                  .tap_mark = on_mark,
                                  .tap_lost = on_lost,
                                  .state = on_state};
    struct tw_error_text err = {0};
    assert_int_equal(tw_device_new(&config, &sink, 1, &world->agent, &err), 0);
}

void relay_world_detach_agent(struct relay_world *world)
{
    tw_device_free(world->agent);
    world->agent = NULL;
}

// ---- sockets

static int listen_loopback(char address[32])
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof any;
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&any, &len), 0);
    (void)snprintf(address, 32, "127.0.0.1:%u", (unsigned)ntohs(any.sin_port));
    return fd;
}

int relay_world_connect_till(const struct relay_world *world)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in relay = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)world->relay_port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(connect(fd, (struct sockaddr *)&relay, sizeof relay), 0);
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    return fd;
}

static void send_some(int fd, struct relay_world_queue *queue)
{
    if (fd >= 0 && queue->sent < queue->len) {
        ssize_t put = send(fd, queue->bytes + queue->sent, queue->len - queue->sent, MSG_NOSIGNAL);
        queue->sent += put > 0 ? (size_t)put : 0;
    }
}

// Returns whether the other side ended or reset.
static bool receive_some(int fd, struct relay_world_queue *queue, bool *reset)
{
    uint8_t bytes[65536];
    ssize_t got = fd >= 0 ? recv(fd, bytes, sizeof bytes, 0) : -1;
    if (got > 0) {
        relay_world_add(queue, bytes, (size_t)got);
    }
    *reset = fd >= 0 && got < 0 && errno != EAGAIN;
    return got == 0 || *reset;
}

static void turn_agent(struct relay_world *world)
{
    if (world->agent == NULL || world->agent_asleep) {
        return;
    }
    if (relay_world_now_ms() >= tw_device_deadline(world->agent)) {
        tw_device_tick(world->agent, relay_world_now_ms());
    }
    struct pollfd entry = {.fd = tw_device_fd(world->agent), .events = tw_device_events(world->agent)};
    if (entry.fd >= 0 && poll(&entry, 1, 0) > 0) {
        tw_device_ready(world->agent, entry.revents, relay_world_now_ms());
    }
}

void relay_world_turn(struct relay_world *world)
{
    struct pollfd entries[3] = {{.fd = world->till, .events = POLLIN},
                                {.fd = world->printer, .events = POLLIN},
                                {.fd = world->printer_listener, .events = POLLIN}};
    (void)poll(entries, 3, 1);
    if (world->printer < 0) {
        world->printer = accept4(world->printer_listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        world->printer_ended = false;
    }
    bool reset = false;
    send_some(world->till, &world->to_print);
    send_some(world->printer, &world->to_answer);
    if (!world->printer_stalled) {
        world->printer_ended = receive_some(world->printer, &world->printed, &reset) || world->printer_ended;
    }
    world->till_ended = receive_some(world->till, &world->answered, &reset) || world->till_ended;
    world->till_reset = world->till_reset || reset;
    turn_agent(world);
}

void relay_world_turn_for(struct relay_world *world, int64_t ms)
{
    int64_t end_ms = relay_world_now_ms() + ms;
    while (relay_world_now_ms() < end_ms) {
        relay_world_turn(world);
    }
}

void relay_world_assert_same(const struct relay_world_queue *a, const struct relay_world_queue *b)
{
    assert_int_equal(a->len, b->len);
    assert_memory_equal(a->bytes, b->bytes, a->len);
}

// ---- the relay

static void run_relay(const struct tw_relay_settings *settings, int report)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    int signals = signalfd(-1, &set, SFD_NONBLOCK);
    struct tw_relay *relay = NULL;
    struct tw_error_text err = {0};
    if (tw_relay_new(settings, &relay, &err) != 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        _exit(1);
    }
    const char *address = tw_relay_address(relay);
    (void)!write(report, address, strlen(address) + 1);
    tw_relay_run(relay, signals);
    tw_relay_free(relay);
    _exit(0);
}

void relay_world_start_relay(struct relay_world *world, uint32_t buffer_bytes)
{
    int report[2];
    assert_int_equal(pipe(report), 0);
    (void)fflush(NULL);
    world->relay = fork();
    assert_true(world->relay >= 0);
    if (world->relay == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); // a failed test leaves nothing running
        (void)close(report[0]);
        (void)close(world->printer_listener); // else the printer could never be away
        struct tw_relay_settings settings = {.name = "printer",
                                             .listen = "127.0.0.1:0",
                                             .forward = world->printer_address,
                                             .run_dir = world->folder,
                                             .buffer_bytes = buffer_bytes};
        run_relay(&settings, report[1]);
    }
    (void)close(report[1]);
    char address[64] = "";
    assert_true(read(report[0], address, sizeof address - 1) > 0);
    (void)close(report[0]);
    world->relay_port = atoi(strrchr(address, ':') + 1);
    assert_true(world->relay_port > 0);
}

int relay_world_stop_relay(struct relay_world *world)
{
    int status = 0;
    assert_int_equal(kill(world->relay, SIGTERM), 0);
    int64_t end_ms = relay_world_now_ms() + RELAY_WORLD_PATIENCE_MS;
    while (waitpid(world->relay, &status, WNOHANG) == 0) {
        assert_true(relay_world_now_ms() < end_ms);
        relay_world_turn(world);
    }
    world->relay = 0;
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

struct relay_world *relay_world_new_world(uint32_t buffer_bytes)
{
    struct relay_world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    strcpy(world->folder, "/tmp/tillwire-relay-XXXXXX");
    assert_non_null(mkdtemp(world->folder));
    world->printer_listener = listen_loopback(world->printer_address);
    world->printer = -1;
    world->till = -1;
    world->acknowledge = true;
    relay_world_start_relay(world, buffer_bytes);
    return world;
}

void relay_world_close_till(struct relay_world *world)
{
    (void)close(world->till);
    world->till = -1;
    UNTIL(world, world->printer_ended);
    (void)close(world->printer);
    world->printer = -1;
}

void relay_world_free_world(struct relay_world *world)
{
    if (world->relay > 0) {
        assert_int_equal(relay_world_stop_relay(world), 0);
    }
    tw_device_free(world->agent);
    int fds[] = {world->till, world->printer, world->printer_listener};
    for (size_t i = 0; i < 3; i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    struct relay_world_queue *queues[] = {&world->to_print, &world->to_answer, &world->printed,
                                          &world->answered, &world->copied};
    for (size_t i = 0; i < 5; i++) {
        free(queues[i]->bytes);
    }
    assert_int_equal(rmdir(world->folder), 0); // the socket file is gone
    free(world);
}
