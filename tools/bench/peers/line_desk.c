// SPDX-License-Identifier: Apache-2.0
//
// Contender "tillwire": the agent itself, with a child in front of it: a line of the harness is posted to
// the agent's POST /v1/sales on its control socket, and answered once the agent has said that the sale is
// durable. What the child costs counts against the agent.
//
//   line_desk SOCKET CONTROL_SOCKET TILLWIRED CONFIG
//
// The harness' event becomes a sale: its number the receipt number, its items the lines, their sum the
// total and what was paid in cash. Its "sig", random letters that fill it up, has no place in a sale; what
// is published is longer all the same (envelope, and every field of a sale).
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tools/bench/figures.h"
#include "tools/bench/peers/lines.h"

// The agent takes 32 connections on this socket; a few are left for others.
enum { CONNECTIONS = 28, ANSWER_BYTES = 4096, RETRY_MS = 50 };

struct asking {
    int fd; // -1: not connected
    bool busy;
    int64_t again_ns; // not before; 0: it was sent
    uint64_t client, seq;
    struct tw_buf request; // kept until it is answered: it is sent again when the connection breaks
    size_t answer_len;
    char answer[ANSWER_BYTES + 1];
};

struct desk {
    struct sockaddr_un at;
    struct bench_lines *lines;
    int poll; // epoll(7): the askings by their numbers, and the lines behind them
    struct tw_buf body;
    struct asking askings[CONNECTIONS];
};

// ---- the event as a sale ----

static const char *field(const char *from, const char *name)
{
    const char *found = from != NULL ? strstr(from, name) : NULL;
    return found != NULL ? found + strlen(name) : NULL;
}

// printf takes longer than all the rest here, and what this child takes counts against the agent.
static void add_number(struct tw_buf *body, long value)
{
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    tw_buf_add(body, digits + at, sizeof digits - at);
}

// Adds the lines, gives their sum.
static long add_lines(struct tw_buf *body, const char *event)
{
    long total = 0;
    const char *item = field(event, "\"items\":[");
    for (int n = 1; (item = field(item, "{\"sku\":\"")) != NULL; n++) {
        long count = strtol(field(item, "\"qty\":"), NULL, 10);
        long price = strtol(field(item, "\"price\":"), NULL, 10);
        tw_buf_add_text(body, n > 1 ? ",{\"kind\":\"item\",\"sku\":\"" : "{\"kind\":\"item\",\"sku\":\"");
        tw_buf_add(body, item, strcspn(item, "\""));
        tw_buf_add_text(body, "\",\"quantity\":\"");
        add_number(body, count);
        tw_buf_add_text(body, "\",\"unit_price\":");
        add_number(body, price);
        tw_buf_add_text(body, ",\"amount\":");
        add_number(body, count * price);
        tw_buf_add_text(body, "}");
        total += count * price;
    }
    return total;
}

static void write_request(struct tw_buf *body, struct tw_buf *request, uint64_t seq, const char *event)
{
    const char *time = field(event, "\"ts\":\"");
    const char *cashier = field(event, "\"cashier\":\"");
    tw_buf_clear(body);
    tw_buf_printf(
        body,
        "{\"kind\":\"sale\",\"receipt_number\":\"%010lu\",\"printed_time\":\"%.24s\",\"operator\":\"%.4s\","
        "\"lines\":[",
        (unsigned long)seq, time != NULL ? time : "", cashier != NULL ? cashier : "");
    long total = add_lines(body, event);
    tw_buf_add_text(body, "],\"total\":");
    add_number(body, total);
    tw_buf_add_text(body, ",\"tenders\":[{\"type\":\"cash\",\"amount\":");
    add_number(body, total);
    tw_buf_add_text(body, "}]}");
    tw_buf_clear(request);
    tw_buf_add_text(request,
                    "POST /v1/sales HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                    "Content-Length: ");
    add_number(request, (long)body->len);
    tw_buf_add_text(request, "\r\n\r\n");
    tw_buf_add(request, body->ptr, body->len);
    bench_must("request", tw_buf_status(body));
    bench_must("request", tw_buf_status(request));
}

// ---- the agent's side ----

static void hang_up(struct asking *asking)
{
    if (asking->fd >= 0) {
        (void)close(asking->fd);
    }
    asking->fd = -1;
    asking->answer_len = 0;
    asking->again_ns = bench_now_ns() + (int64_t)RETRY_MS * 1000000;
}

static void watch(const struct desk *desk, int fd, uint32_t number)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = number};
    if (epoll_ctl(desk->poll, EPOLL_CTL_ADD, fd, &event) != 0) {
        bench_stop("epoll", strerror(errno));
    }
}

static void send_request(struct desk *desk, struct asking *asking)
{
    if (asking->fd < 0) {
        asking->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (asking->fd < 0 || connect(asking->fd, (const struct sockaddr *)&desk->at, sizeof desk->at) != 0) {
            hang_up(asking);
            return;
        }
        watch(desk, asking->fd, (uint32_t)(asking - desk->askings));
    }
    asking->again_ns = 0;
    // Two kilobytes at most, into an empty socket.
    ssize_t sent = send(asking->fd, asking->request.ptr, asking->request.len, MSG_NOSIGNAL);
    if (sent != (ssize_t)asking->request.len) {
        hang_up(asking);
    }
}

// The status of an answer that is whole, or 0.
static int whole_answer(const struct asking *asking)
{
    const char *end = strstr(asking->answer, "\r\n\r\n");
    const char *length = strcasestr(asking->answer, "\r\nContent-Length:");
    if (end == NULL || length == NULL || length > end) {
        return 0;
    }
    size_t body = strtoul(length + strlen("\r\nContent-Length:"), NULL, 10);
    size_t head = (size_t)(end - asking->answer) + 4;
    return asking->answer_len >= head + body ? (int)strtol(asking->answer + strlen("HTTP/1.1 "), NULL, 10)
                                             : 0;
}

static void on_answer(struct desk *desk, struct asking *asking, int status)
{
    asking->answer_len = 0;
    if (status == 200 || status == 201) { // 200: it was durable before the connection broke
        asking->busy = false;
        bench_lines_answer(desk->lines, asking->client, asking->seq);
    } else if (status >= 500) {
        asking->again_ns = bench_now_ns() + (int64_t)RETRY_MS * 1000000;
    } else {
        (void)fprintf(stderr, "line_desk: the agent refused a sale:\n%s\n", asking->answer);
        exit(1);
    }
}

static void hear(struct desk *desk, struct asking *asking)
{
    ssize_t got = recv(asking->fd, asking->answer + asking->answer_len, ANSWER_BYTES - asking->answer_len,
                       MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
        hang_up(asking);
        return;
    }
    asking->answer_len += got > 0 ? (size_t)got : 0;
    asking->answer[asking->answer_len] = '\0';
    int status = whole_answer(asking);
    if (status != 0) {
        on_answer(desk, asking, status);
    }
}

// ---- the harness' side ----

static bool on_line(void *ctx, uint64_t client, uint64_t seq, struct tw_slice line)
{
    struct desk *desk = ctx;
    char event[2048];
    if (line.len >= sizeof event) {
        bench_stop("line", "is too long");
    }
    for (int i = 0; i < CONNECTIONS; i++) {
        struct asking *asking = &desk->askings[i];
        if (!asking->busy) {
            memcpy(event, line.ptr, line.len);
            event[line.len] = '\0';
            asking->busy = true;
            asking->client = client;
            asking->seq = seq;
            write_request(&desk->body, &asking->request, seq, event);
            send_request(desk, asking);
            return true;
        }
    }
    return false;
}

// This process becomes the agent, so that the harness kills and traces that; its child serves the door.
static void become_agent(const char *program, const char *config)
{
    pid_t agent = getpid();
    pid_t door = fork();
    if (door < 0) {
        bench_stop("fork", strerror(errno));
    }
    if (door > 0) {
        (void)execl(program, program, "--config", config, (char *)NULL);
        bench_stop(program, strerror(errno));
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != agent) { // it was gone before it could take this one along
        _exit(1);
    }
}

static void wait_for_work(struct desk *desk)
{
    struct epoll_event events[CONNECTIONS + 1];
    bool again = false;
    for (int i = 0; i < CONNECTIONS; i++) {
        again |= desk->askings[i].busy && desk->askings[i].again_ns != 0;
    }
    int count = epoll_wait(desk->poll, events, CONNECTIONS + 1, again ? RETRY_MS : -1);
    for (int i = 0; i < count; i++) {
        if (events[i].data.u32 < CONNECTIONS) {
            hear(desk, &desk->askings[events[i].data.u32]);
        }
    }
    for (int i = 0; again && i < CONNECTIONS; i++) {
        struct asking *asking = &desk->askings[i];
        if (asking->busy && asking->again_ns != 0 && bench_now_ns() >= asking->again_ns) {
            send_request(desk, asking);
        }
    }
    bench_lines_run(desk->lines); // the last: what was answered above leaves, what waited is taken
}

int main(int argc, char **argv)
{
    struct desk desk = {.at.sun_family = AF_UNIX};
    if (argc != 5 || strlen(argv[2]) >= sizeof desk.at.sun_path) {
        (void)fprintf(stderr, "usage: line_desk SOCKET CONTROL_SOCKET TILLWIRED CONFIG\n");
        return 2;
    }
    (void)strcpy(desk.at.sun_path, argv[2]);
    for (int i = 0; i < CONNECTIONS; i++) {
        desk.askings[i].fd = -1;
    }
    become_agent(argv[3], argv[4]);
    desk.lines = bench_lines_new(argv[1], on_line, &desk);
    desk.poll = epoll_create1(EPOLL_CLOEXEC);
    watch(&desk, bench_lines_fd(desk.lines), CONNECTIONS);
    for (;;) { // until the agent ends
        wait_for_work(&desk);
    }
}
