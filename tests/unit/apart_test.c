// SPDX-License-Identifier: Apache-2.0
//
// Nobody waits for a transport that waits (P5): a made one that answers, ends, or keeps whoever touches it,
// and a real folder under a device of its own.
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "hal/io/apart.h"
#include "tests/fakes/folder_world.h"

enum { PATIENCE_MS = 20000 };

// ---- a transport that echoes, and can be stopped at any door

enum door { AT_OPEN, AT_READ, AT_WRITE, AT_CLOSE, DOORS };

static struct stage {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool shut[DOORS]; // whoever comes to it waits
    unsigned waiting; // there
    int refusal;      // of opening
    atomic_uint open; // transports that are open
    atomic_bool ends; // after the next reading
} stage = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

struct echo {
    struct tw_io io;
    uint8_t held[100000];
    size_t len;
};

static void pass(enum door door)
{
    pthread_mutex_lock(&stage.lock);
    stage.waiting++;
    pthread_cond_broadcast(&stage.changed);
    while (stage.shut[door]) {
        pthread_cond_wait(&stage.changed, &stage.lock);
    }
    stage.waiting--;
    pthread_mutex_unlock(&stage.lock);
}

static void set_shut(enum door door, bool shut)
{
    pthread_mutex_lock(&stage.lock);
    stage.shut[door] = shut;
    pthread_cond_broadcast(&stage.changed);
    pthread_mutex_unlock(&stage.lock);
}

static void await_somebody(void)
{
    pthread_mutex_lock(&stage.lock);
    while (stage.waiting == 0) {
        pthread_cond_wait(&stage.changed, &stage.lock);
    }
    pthread_mutex_unlock(&stage.lock);
}

static int echo_read(struct tw_io *io, uint8_t *out, size_t cap, size_t *got)
{
    struct echo *echo = (struct echo *)io;
    uint64_t count;
    pass(AT_READ);
    (void)!read(io->fd, &count, sizeof count);
    if (atomic_load(&stage.ends)) {
        io->why = "it was taken away";
        return TW_ERR_CLOSED;
    }
    size_t len = echo->len < cap ? echo->len : cap;
    if (len == 0) {
        return TW_ERR_AGAIN;
    }
    memcpy(out, echo->held, len);
    echo->len -= len;
    memmove(echo->held, echo->held + len, echo->len);
    *got = len;
    return TW_OK;
}

// Takes whole groups of three bytes, as a folder takes whole answers.
static int echo_write(struct tw_io *io, struct tw_slice bytes, size_t *put)
{
    struct echo *echo = (struct echo *)io;
    const uint64_t one = 1;
    pass(AT_WRITE);
    (void)!write(io->fd, &one, sizeof one);
    size_t len = bytes.len - bytes.len % 3;
    len = len < sizeof echo->held - echo->len ? len : 0;
    memcpy(echo->held + echo->len, bytes.ptr, len);
    echo->len += len;
    *put = len;
    return len > 0 ? TW_OK : TW_ERR_AGAIN;
}

static void echo_close(struct tw_io *io)
{
    pass(AT_CLOSE);
    (void)close(io->fd);
    free(io);
    atomic_fetch_sub(&stage.open, 1);
}

static const struct tw_io_ops echo_ops = {echo_read, echo_write, echo_close, NULL};

static int echo_open(const char *path, struct tw_io **out, struct tw_error_text *err)
{
    pass(AT_OPEN);
    if (stage.refusal != 0) {
        return tw_fail(err, stage.refusal, "%s is not there", path);
    }
    struct echo *echo = calloc(1, sizeof *echo);
    echo->io = (struct tw_io){.ops = &echo_ops, .fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    atomic_fetch_add(&stage.open, 1);
    *out = &echo->io;
    return TW_OK;
}

// ---- the agent's side of it

static int setup(void **state)
{
    struct tw_error_text err = {0};
    stage.refusal = 0;
    atomic_store(&stage.ends, false);
    return tw_apart_new(echo_open, "somewhere", (struct tw_apart **)state, &err);
}

static int teardown(void **state)
{
    for (int door = 0; door < DOORS; door++) {
        set_shut((enum door)door, false);
    }
    tw_apart_free(*state);
    while (atomic_load(&stage.open) > 0) { // a thread that was let go ends now
        (void)usleep(1000);
    }
    return 0;
}

static void wait_for(const struct tw_io *io, short what)
{
    struct pollfd wait = {.fd = io->fd, .events = what};
    assert_int_equal(poll(&wait, 1, PATIENCE_MS), 1);
}

static struct tw_io *begin(struct tw_apart *apart)
{
    struct tw_error_text err = {0};
    struct tw_io *io = NULL;
    int outcome = tw_apart_open(apart, &io, &err);
    for (int wait = 0; outcome == TW_ERR_IO && wait < PATIENCE_MS; wait += TW_APART_WAIT_MS) {
        (void)usleep(1000 * TW_APART_WAIT_MS); // the thread of the one before is still about to end
        outcome = tw_apart_open(apart, &io, &err);
    }
    if (outcome != TW_OK) {
        fail_msg("%s", err.text);
    }
    return io;
}

static struct tw_io *begin_and_connect(struct tw_apart *apart)
{
    struct tw_error_text err = {0};
    struct tw_io *io = begin(apart);
    wait_for(io, POLLOUT);
    assert_int_equal(tw_io_connected(io, &err), TW_OK);
    return io;
}

static void is_not_writable(const struct tw_io *io)
{
    struct pollfd wait = {.fd = io->fd, .events = POLLOUT};
    assert_int_equal(poll(&wait, 1, 20), 0); // else the loop would spin
}

// ---- tests

static void what_is_written_reaches_it_and_what_it_says_comes_back(void **state)
{
    struct tw_io *io = begin_and_connect(*state);
    uint8_t sent[30000];
    uint8_t back[30000];
    size_t out = 0;
    size_t in = 0;
    for (size_t i = 0; i < sizeof sent; i++) {
        sent[i] = (uint8_t)(i * 31 + i / 256);
    }
    while (in < sizeof back) {
        size_t len = 0;
        if (out < sizeof sent) {
            size_t part = sizeof sent - out < 7 + out % 997 ? sizeof sent - out : 7 + out % 997;
            int outcome = tw_io_write(io, tw_slice_make(sent + out, part), &len);
            out += outcome == TW_OK ? len : 0;
        } else {
            wait_for(io, POLLIN);
        }
        int outcome = tw_io_read(io, back + in, sizeof back - in, &len);
        in += outcome == TW_OK ? len : 0;
    }
    assert_memory_equal(sent, back, sizeof back);
    tw_io_close(io);
}

static void while_it_opens_nobody_waits(void **state)
{
    struct tw_error_text err = {0};
    set_shut(AT_OPEN, true);
    struct tw_io *io = begin(*state);
    await_somebody();
    is_not_writable(io);
    assert_int_equal(tw_io_connected(io, &err), TW_ERR_AGAIN);
    set_shut(AT_OPEN, false);
    wait_for(io, POLLOUT);
    assert_int_equal(tw_io_connected(io, &err), TW_OK);
    tw_io_close(io);
}

static void a_refusal_is_told(void **state)
{
    struct tw_error_text err = {0};
    stage.refusal = TW_ERR_NOT_FOUND;
    struct tw_io *io = begin(*state);
    wait_for(io, POLLOUT);
    assert_int_equal(tw_io_connected(io, &err), TW_ERR_NOT_FOUND);
    assert_string_equal(err.text, "somewhere is not there");
    tw_io_close(io);
}

static void its_end_is_told_with_the_reason(void **state)
{
    struct tw_io *io = begin_and_connect(*state);
    uint8_t byte;
    size_t len = 0;
    atomic_store(&stage.ends, true);
    assert_int_equal(tw_io_write(io, tw_slice_of("abc"), &len), TW_OK);
    wait_for(io, POLLIN);
    assert_int_equal(tw_io_read(io, &byte, 1, &len), TW_ERR_CLOSED);
    assert_string_equal(io->why, "it was taken away");
    tw_io_close(io);
}

// Whatever it hangs at, each call returns, there is one thread at most, and it comes back when it can.
static void one_that_hangs_keeps_nobody(void **state)
{
    for (enum door door = AT_OPEN; door < DOORS; door++) {
        struct tw_error_text err = {0};
        struct tw_io *io = NULL;
        struct tw_io *second = NULL;
        size_t len = 0;
        set_shut(AT_OPEN, door == AT_OPEN);
        io = door == AT_OPEN ? begin(*state) : begin_and_connect(*state);
        set_shut(door, true);
        if (door == AT_READ || door == AT_WRITE) {
            assert_int_equal(tw_io_write(io, tw_slice_of("abc"), &len), TW_OK);
        }
        if (door == AT_CLOSE) {
            tw_io_close(io);
            io = NULL;
        }
        await_somebody();
        tw_io_close(io);
        for (int attempt = 0; attempt < 3; attempt++) {
            assert_int_equal(tw_apart_open(*state, &second, &err), TW_ERR_IO);
            assert_non_null(strstr(err.text, "has not answered"));
        }
        set_shut(door, false);
        tw_io_close(begin_and_connect(*state));
    }
}

static void one_that_hangs_for_good_is_let_go(void **state)
{
    struct tw_error_text err = {0};
    set_shut(AT_WRITE, true);
    struct tw_io *io = begin_and_connect(*state);
    size_t len = 0;
    assert_int_equal(tw_io_write(io, tw_slice_of("abc"), &len), TW_OK);
    await_somebody();
    tw_io_close(io);
    tw_apart_free(*state);
    assert_int_equal(tw_apart_new(echo_open, "somewhere", (struct tw_apart **)state, &err), TW_OK);
}

static void descriptors_come_back(void **state)
{
    tw_io_close(begin_and_connect(*state));
    tw_io_close(begin_and_connect(*state)); // the first has ended now
    size_t before = folder_count_fds();
    for (int turn = 0; turn < 200; turn++) {
        tw_io_close(turn % 2 == 0 ? begin(*state) : begin_and_connect(*state));
    }
    tw_io_close(begin_and_connect(*state));
    assert_in_range(folder_count_fds(), before > 4 ? before - 4 : 0, before + 4); // of one that is ending
}

// ---- a folder, as the agent has it

static void a_device_reads_a_folder_apart(void **state)
{
    (void)state;
    void *made = NULL;
    assert_int_equal(folder_setup(&made), 0);
    struct folder_world *world = made;
    world->apart = true;
    folder_put(world, "one.xml", "<first/>", 1000);
    folder_open(world);
    for (int turn = 0; turn < PATIENCE_MS && !folder_has(world, "done/one.xml"); turn++) {
        folder_pass(world, 1000);
        (void)usleep(1000);
    }
    assert_true(folder_has(world, "done/one.xml"));
    assert_int_equal(world->ups, 1);
    assert_int_equal(folder_teardown(&made), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_reaches_it_and_what_it_says_comes_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(while_it_opens_nobody_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(a_refusal_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(its_end_is_told_with_the_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_hangs_keeps_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_hangs_for_good_is_let_go, setup, teardown),
        cmocka_unit_test_setup_teardown(descriptors_come_back, setup, teardown),
        cmocka_unit_test(a_device_reads_a_folder_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
