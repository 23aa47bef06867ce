// SPDX-License-Identifier: Apache-2.0
#include "tools/bench/peers/lines.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/bench/figures.h"

enum { CLIENTS = 16, LINE_BYTES = 64 * 1024, ANSWER_BYTES = 64 * 1024 };

struct client {
    int fd;          // -1: free
    uint64_t number; // never given twice
    size_t len;
    char in[LINE_BYTES];
    // under the mutex
    size_t out_len;
    char out[ANSWER_BYTES];
};

struct bench_lines {
    int poll, door, bell;
    bench_line_fn *on_line;
    void *ctx;
    uint64_t numbers;
    pthread_mutex_t mutex;
    bool rung; // the bell was rung and not heard yet
    struct client clients[CLIENTS];
};

static void watch(const struct bench_lines *lines, int fd, uint64_t what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = what};
    if (epoll_ctl(lines->poll, EPOLL_CTL_ADD, fd, &event) != 0) {
        bench_stop("epoll", strerror(errno));
    }
}

struct bench_lines *bench_lines_new(const char *path, bench_line_fn *on_line, void *ctx)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    struct bench_lines *lines = calloc(1, sizeof *lines);
    if (lines == NULL || strlen(path) >= sizeof at.sun_path) {
        bench_stop(path, "is too long for a socket");
        return NULL;
    }
    (void)strcpy(at.sun_path, path);
    (void)unlink(path);
    *lines = (struct bench_lines){.poll = epoll_create1(EPOLL_CLOEXEC),
                                  .door = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0),
                                  .bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                                  .on_line = on_line,
                                  .ctx = ctx,
                                  .mutex = PTHREAD_MUTEX_INITIALIZER};
    for (int i = 0; i < CLIENTS; i++) {
        lines->clients[i].fd = -1;
    }
    if (bind(lines->door, (const struct sockaddr *)&at, sizeof at) != 0 ||
        listen(lines->door, CLIENTS) != 0) {
        bench_stop(path, strerror(errno));
    }
    watch(lines, lines->door, CLIENTS);
    watch(lines, lines->bell, CLIENTS + 1);
    return lines;
}

int bench_lines_fd(const struct bench_lines *lines)
{
    return lines->poll;
}

static void hang_up(struct bench_lines *lines, struct client *client)
{
    (void)pthread_mutex_lock(&lines->mutex);
    (void)close(client->fd);
    client->fd = -1;
    client->len = client->out_len = 0;
    (void)pthread_mutex_unlock(&lines->mutex);
}

static void let_in(struct bench_lines *lines)
{
    int fd = accept4(lines->door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    for (int i = 0; fd >= 0 && i < CLIENTS; i++) {
        if (lines->clients[i].fd < 0) {
            (void)pthread_mutex_lock(&lines->mutex);
            lines->clients[i].fd = fd;
            lines->clients[i].number = ++lines->numbers;
            (void)pthread_mutex_unlock(&lines->mutex);
            watch(lines, fd, (uint64_t)i);
            return;
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

// The whole lines that are there, as many as are taken.
static void take_lines(struct bench_lines *lines, struct client *client)
{
    static const char begin[] = "{\"seq\":";
    size_t at = 0;
    for (;;) {
        const char *line = client->in + at;
        const char *end = memchr(line, '\n', client->len - at);
        if (end == NULL) {
            break;
        }
        if (strncmp(line, begin, sizeof begin - 1) != 0) {
            hang_up(lines, client);
            return;
        }
        uint64_t seq = strtoull(line + sizeof begin - 1, NULL, 10);
        if (!lines->on_line(lines->ctx, client->number, seq, tw_slice_make(line, (size_t)(end - line)))) {
            break;
        }
        at = (size_t)(end - client->in) + 1;
    }
    memmove(client->in, client->in + at, client->len - at);
    client->len -= at;
}

static void listen_to(struct bench_lines *lines, struct client *client)
{
    if (client->len < sizeof client->in) { // else it waits, and the kernel holds it back
        ssize_t got = read(client->fd, client->in + client->len, sizeof client->in - client->len);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            hang_up(lines, client);
            return;
        }
        client->len += got > 0 ? (size_t)got : 0;
    }
    take_lines(lines, client);
}

static void send_answers(struct bench_lines *lines, struct client *client)
{
    (void)pthread_mutex_lock(&lines->mutex);
    ssize_t sent = client->out_len > 0 ? send(client->fd, client->out, client->out_len, MSG_NOSIGNAL) : 0;
    if (sent > 0) {
        client->out_len -= (size_t)sent;
        memmove(client->out, client->out + sent, client->out_len);
    }
    (void)pthread_mutex_unlock(&lines->mutex);
}

static void hear_bell(struct bench_lines *lines)
{
    uint64_t times;
    (void)!read(lines->bell, &times, sizeof times);
    (void)pthread_mutex_lock(&lines->mutex);
    lines->rung = false;
    (void)pthread_mutex_unlock(&lines->mutex);
}

void bench_lines_run(struct bench_lines *lines)
{
    struct epoll_event events[CLIENTS + 2];
    int count = epoll_wait(lines->poll, events, CLIENTS + 2, 0);
    for (int i = 0; i < count; i++) {
        uint64_t what = events[i].data.u64;
        if (what == CLIENTS) {
            let_in(lines);
        } else if (what == CLIENTS + 1) {
            hear_bell(lines);
        } else if (lines->clients[what].fd >= 0) {
            listen_to(lines, &lines->clients[what]);
        }
    }
    for (int i = 0; i < CLIENTS; i++) { // answered, or not taken before
        if (lines->clients[i].fd >= 0) {
            send_answers(lines, &lines->clients[i]);
            take_lines(lines, &lines->clients[i]);
        }
    }
}

void bench_lines_answer(struct bench_lines *lines, uint64_t client, uint64_t seq)
{
    static const uint64_t once = 1;
    char text[24];
    int len = snprintf(text, sizeof text, "%" PRIu64 "\n", seq);
    (void)pthread_mutex_lock(&lines->mutex);
    for (int i = 0; i < CLIENTS; i++) {
        struct client *to = &lines->clients[i];
        if (to->fd >= 0 && to->number == client && to->out_len + (size_t)len <= sizeof to->out) {
            memcpy(to->out + to->out_len, text, (size_t)len);
            to->out_len += (size_t)len;
        }
    }
    bool ring = !lines->rung;
    lines->rung = true;
    (void)pthread_mutex_unlock(&lines->mutex);
    if (ring) {
        (void)!write(lines->bell, &once, sizeof once);
    }
}
