// SPDX-License-Identifier: Apache-2.0
//
// A tap's board as a program, for tests of the real agent: firmware/core between three sockets of a folder.
// What comes over `till` is printed, what comes over `scanner` is read, and `agent` is the line. An update is
// confirmed after two seconds.
//
//   fake_board FOLDER                    runs until it is ended
//   fake_board --file BOARD VERSION      writes an update file to standard output; numbers
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "tests/fakes/tap_board.h"

enum { TURN_MS = 5, HEALTHY_US = 2000000 };

// A socket of the folder, and the one who is connected to it.
struct port {
    int listener, line;
};

static int open_port(const char *folder, const char *name, struct port *port)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%.80s/%s", folder, name);
    (void)unlink(address.sun_path);
    port->line = -1;
    port->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return bind(port->listener, (const struct sockaddr *)&address, sizeof address) == 0 &&
                   listen(port->listener, 4) == 0
               ? 0
               : -1;
}

// Whether somebody new is there.
static bool take_caller(struct port *port)
{
    int line = accept4(port->listener, NULL, NULL, SOCK_CLOEXEC);
    if (line < 0) {
        return false;
    }
    if (port->line >= 0) {
        (void)close(port->line);
    }
    port->line = line;
    return true;
}

// 0: nothing came; the line is closed when the other side did.
static size_t read_port(struct port *port, uint8_t *bytes, size_t room)
{
    ssize_t got = port->line >= 0 ? recv(port->line, bytes, room, MSG_DONTWAIT) : -1;
    if (got == 0) {
        (void)close(port->line);
        port->line = -1;
    }
    return got > 0 ? (size_t)got : 0;
}

static uint64_t now_us(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void carry(struct far_end *far, struct port *agent, uint64_t now)
{
    uint8_t bytes[2000];
    if (take_caller(agent)) {
        tw_tap_attach(&far->tap, now);
    }
    size_t got = read_port(agent, bytes, sizeof bytes);
    tw_tap_receive(&far->tap, bytes, got);
    if (agent->line < 0 && far->line >= 0) {
        tw_tap_detach(&far->tap);
    }
    far->line = agent->line;
    tw_tap_tick(&far->tap, now);
    size_t len = agent->line >= 0 ? tw_tap_transmit(&far->tap, bytes, sizeof bytes) : 0;
    if (len > 0) {
        (void)!send(agent->line, bytes, len, MSG_NOSIGNAL);
    }
}

static void turn(struct tap_board *board, struct port ports[3])
{
    uint8_t bytes[1000];
    struct far_end *far = board->far;
    uint64_t now = now_us();
    (void)take_caller(&ports[1]);
    (void)take_caller(&ports[2]);
    size_t got = read_port(&ports[1], bytes, sizeof bytes);
    if (got > 0) {
        tw_tap_print(&far->tap, bytes, got, now);
    }
    got = read_port(&ports[2], bytes, sizeof bytes);
    for (size_t i = 0; i < got; i++) {
        tw_scans_put(&far->scans, &far->tap, bytes[i], now);
    }
    tw_scans_tick(&far->scans, &far->tap, now);
    carry(far, &ports[0], now);
    tap_board_turn(board, now);
}

static int write_file(char **numbers)
{
    struct tw_buf file = {0};
    tap_board_file((uint32_t)strtoul(numbers[0], NULL, 0), (uint32_t)strtoul(numbers[1], NULL, 0), &file);
    bool good = fwrite(file.ptr, 1, file.len, stdout) == file.len;
    tw_buf_free(&file);
    return good ? 0 : 1;
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"agent", "till", "scanner"};
    struct port ports[3];
    if (argc == 4 && strcmp(argv[1], "--file") == 0) {
        return write_file(argv + 2);
    }
    for (size_t i = 0; argc == 2 && i < 3; i++) {
        if (open_port(argv[1], names[i], &ports[i]) != 0) {
            return 1;
        }
    }
    struct far_end *far = argc == 2 ? calloc(1, sizeof *far) : NULL;
    if (far == NULL) {
        return 2;
    }
    far->line = -1;
    struct tap_board *board = tap_board_new(far);
    board->healthy_us = HEALTHY_US;
    tap_board_restart(board, now_us());
    for (;;) {
        struct pollfd lines[3] = {
            {ports[0].line, POLLIN, 0}, {ports[1].line, POLLIN, 0}, {ports[2].line, POLLIN, 0}};
        (void)poll(lines, 3, TURN_MS);
        turn(board, ports);
    }
}
