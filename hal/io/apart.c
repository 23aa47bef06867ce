// SPDX-License-Identifier: Apache-2.0
#include "hal/io/apart.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    PIECE_BYTES = 8 * 1024, // as hal/core reads: what a transport gives in one piece
    ANSWER_BYTES = 1024,
    STACK_BYTES = 256 * 1024,
};

// What both sides know; the last to leave frees it.
struct job {
    atomic_int holders;
    atomic_int outcome; // of opening: TW_ERR_AGAIN until it is known
    struct tw_error_text refused;
    const char *_Atomic why; // it went: half a sentence
    int far;                 // the thread's end of the pair
    int opening;             // the thread's of the eventfd
    int alive;               // the end of a pipe that is closed when the thread is done
    tw_apart_open_fn *open;
    struct tw_io *inner;
    uint8_t out[PIECE_BYTES]; // on its way to the agent
    size_t out_at, out_len;
    uint8_t in[ANSWER_BYTES]; // for the transport
    size_t in_len;
    char path[];
};

struct tw_apart {
    tw_apart_open_fn *open;
    char *path;
    int alive;   // the other end; -1: there is no thread
    int wait_ms; // for it to end; then it is waited for no more
};

struct near {
    struct tw_io io;
    struct job *job;
    int opening; // an eventfd that is full, and so cannot be written, until `outcome` is known: io.fd till
                 // then
    int fd;      // and from then on
};

static void let_go(struct job *job)
{
    if (atomic_fetch_sub(&job->holders, 1) == 1) {
        explicit_bzero(job->out, sizeof job->out); // files may hold anything (P6)
        free(job);
    }
}

// ---- the thread

// False: the agent's side is gone.
static bool hear(struct job *job)
{
    ssize_t len = recv(job->far, job->in + job->in_len, sizeof job->in - job->in_len, 0);
    if (len <= 0) {
        return len < 0 && (errno == EAGAIN || errno == EINTR);
    }
    job->in_len += (size_t)len;
    return true;
}

static bool say(struct job *job)
{
    ssize_t len = send(job->far, job->out + job->out_at, job->out_len - job->out_at, MSG_NOSIGNAL);
    job->out_at += len > 0 ? (size_t)len : 0;
    return len > 0 || errno == EAGAIN || errno == EINTR;
}

static bool is_over(int outcome)
{
    return outcome != TW_OK && outcome != TW_ERR_AGAIN;
}

// What was answered goes to the transport. False: it is gone, as below.
static bool put_in(struct job *job)
{
    while (job->in_len > 0) {
        size_t put = 0;
        int outcome = tw_io_write(job->inner, tw_slice_make(job->in, job->in_len), &put);
        if (outcome != TW_OK) {
            return !is_over(outcome);
        }
        job->in_len -= put;
        memmove(job->in, job->in + put, job->in_len);
    }
    return true;
}

static bool take_out(struct job *job)
{
    if (job->out_at < job->out_len) {
        return true;
    }
    size_t got = 0;
    int outcome = tw_io_read(job->inner, job->out, sizeof job->out, &got);
    job->out_at = 0;
    job->out_len = outcome == TW_OK ? got : 0;
    return !is_over(outcome);
}

// Until the transport or the agent's side is gone.
static void carry(struct job *job)
{
    bool goes_on = true;
    while (goes_on) {
        bool full = job->out_at < job->out_len;
        struct pollfd waits[] = {
            {.fd = job->far,
             .events = (short)((job->in_len < sizeof job->in ? POLLIN : 0) | (full ? POLLOUT : 0))},
            {.fd = full ? -1 : job->inner->fd, .events = POLLIN},
        };
        if (poll(waits, 2, -1) < 0 && errno != EINTR) {
            return;
        }
        bool is_heard = (waits[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0;
        goes_on = !is_heard || hear(job);
        if (goes_on && !((!is_heard || put_in(job)) && take_out(job))) {
            atomic_store(&job->why, job->inner->why);
            return;
        }
        goes_on = goes_on && (job->out_at == job->out_len || say(job));
    }
}

static void *work(void *ctx)
{
    struct job *job = ctx;
    int outcome = job->open(job->path, &job->inner, &job->refused);
    atomic_store(&job->outcome, outcome);
    uint64_t count;
    (void)!read(job->opening, &count, sizeof count);
    (void)close(job->opening); // else it could go on waking a loop that had given up
    if (outcome == TW_OK) {
        carry(job);
        tw_io_close(job->inner);
    }
    int alive = job->alive;
    (void)close(job->far);
    let_go(job);
    (void)close(alive);
    return NULL;
}

// ---- the agent's side

static int outcome_of(struct near *near, ssize_t len, size_t *done)
{
    if (len > 0) {
        *done = (size_t)len;
        return TW_OK;
    }
    if (len < 0 && (errno == EAGAIN || errno == EINTR)) {
        return TW_ERR_AGAIN;
    }
    near->io.why = atomic_load(&near->job->why);
    return TW_ERR_CLOSED;
}

static int read_near(struct tw_io *io, uint8_t *out, size_t cap, size_t *got)
{
    struct near *near = (struct near *)io;
    return outcome_of(near, recv(near->fd, out, cap, 0), got);
}

static int write_near(struct tw_io *io, struct tw_slice bytes, size_t *put)
{
    struct near *near = (struct near *)io;
    return outcome_of(near, send(near->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL), put);
}

static int is_connected(struct tw_io *io, struct tw_error_text *err)
{
    struct near *near = (struct near *)io;
    int outcome = atomic_load(&near->job->outcome);
    if (outcome == TW_OK) {
        io->fd = near->fd;
    } else if (outcome != TW_ERR_AGAIN && err != NULL) {
        *err = near->job->refused;
    }
    return outcome;
}

// The thread sees the end of the pair.
static void close_near(struct tw_io *io)
{
    struct near *near = (struct near *)io;
    (void)close(near->fd);
    (void)close(near->opening);
    let_go(near->job);
    free(near);
}

static const struct tw_io_ops near_ops = {read_near, write_near, close_near, is_connected};

// ---- opening

static int no_memory(const struct tw_apart *apart, struct tw_error_text *err)
{
    return tw_fail(err, TW_ERR_NOMEM, "no memory to open %s", apart->path);
}

static struct job *new_job(const struct tw_apart *apart)
{
    struct job *job = calloc(1, sizeof *job + strlen(apart->path) + 1);
    if (job == NULL) {
        return NULL;
    }
    job->open = apart->open;
    atomic_init(&job->holders, 2);
    atomic_init(&job->outcome, TW_ERR_AGAIN);
    atomic_init(&job->why, NULL);
    (void)strcpy(job->path, apart->path);
    return job;
}

// Whether no thread is left over from what was opened before.
static bool is_free(struct tw_apart *apart)
{
    struct pollfd wait = {.fd = apart->alive};
    if (apart->alive >= 0 && poll(&wait, 1, apart->wait_ms) == 1) {
        (void)close(apart->alive);
        apart->alive = -1;
    }
    apart->wait_ms = 0;
    return apart->alive < 0;
}

// Signals are the agent's.
static int start_thread(struct job *job)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all;
    sigset_t before;
    if (pthread_attr_init(&attributes) != 0) {
        return ENOMEM;
    }
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED); // it may never end
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(&thread, &attributes, work, job);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return error;
}

static void close_all(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
}

static int start(struct tw_apart *apart, struct near *near, struct job *job, struct tw_error_text *err)
{
    const uint64_t full = UINT64_MAX - 1; // eventfd(2)
    // The agent's end of each comes first: the pair, the eventfd, the pipe.
    int fds[6] = {-1, -1, -1, -1, -1, -1};
    fds[2] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    fds[3] = fds[2] >= 0 ? fcntl(fds[2], F_DUPFD_CLOEXEC, 0) : -1;
    int error = fds[3] < 0 || write(fds[2], &full, sizeof full) != sizeof full ||
                        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0 ||
                        pipe2(fds + 4, O_CLOEXEC) != 0
                    ? errno
                    : 0;
    *near =
        (struct near){.io = {.ops = &near_ops, .fd = fds[2]}, .job = job, .opening = fds[2], .fd = fds[0]};
    job->far = fds[1];
    job->opening = fds[3];
    job->alive = fds[5];
    error = error == 0 ? start_thread(job) : error;
    if (error != 0) {
        close_all(fds, sizeof fds / sizeof fds[0]);
        return tw_fail(err, TW_ERR_IO, "opening %s: %s; see the limits of the service", apart->path,
                       strerror(error));
    }
    apart->alive = fds[4];
    apart->wait_ms = TW_APART_WAIT_MS;
    return TW_OK;
}

int tw_apart_open(void *made, struct tw_io **out, struct tw_error_text *err)
{
    struct tw_apart *apart = made;
    if (!is_free(apart)) {
        return tw_fail(
            err, TW_ERR_IO,
            "%s has not answered since it was last asked; see whether its share is mounted and its "
            "server runs, it is tried again by itself",
            apart->path);
    }
    struct near *near = calloc(1, sizeof *near);
    struct job *job = new_job(apart);
    int outcome = near != NULL && job != NULL ? start(apart, near, job, err) : no_memory(apart, err);
    if (outcome != TW_OK) {
        free(near);
        free(job);
        return outcome;
    }
    *out = &near->io;
    return TW_OK;
}

int tw_apart_new(tw_apart_open_fn *open, const char *path, struct tw_apart **out, struct tw_error_text *err)
{
    struct tw_apart *apart = calloc(1, sizeof *apart);
    char *copy = strdup(path);
    if (apart == NULL || copy == NULL) {
        free(apart);
        free(copy);
        return tw_fail(err, TW_ERR_NOMEM, "no memory to open %s", path);
    }
    *apart = (struct tw_apart){.open = open, .path = copy, .alive = -1};
    *out = apart;
    return TW_OK;
}

// A thread that still waits ends by itself, some time.
void tw_apart_free(struct tw_apart *apart)
{
    if (apart == NULL) {
        return;
    }
    if (!is_free(apart)) {
        (void)close(apart->alive);
    }
    free(apart->path);
    free(apart);
}
