// SPDX-License-Identifier: Apache-2.0
//
// The relay as a process of its own between real sockets: a till, a printer that keeps what it
// gets, and the agent's own tap driver at the third side. What is printed is compared byte by byte
// with what was sent, in both directions, and with the copy (P5, P7).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fakes/relay_world.h"

enum { MIB = 1 << 20 };

static void p5_a_mebibyte_each_way_at_once(void **state)
{
    (void)state;
    struct relay_world *world = relay_world_new_world(0);
    relay_world_attach_agent(world);
    world->till = relay_world_connect_till(world);
    relay_world_add_random(&world->to_print, MIB, 1);
    relay_world_add_random(&world->to_answer, MIB, 2);
    UNTIL(world, world->printed.len == MIB && world->answered.len == MIB && world->copied.len == MIB);
    relay_world_assert_same(&world->printed, &world->to_print);
    relay_world_assert_same(&world->answered, &world->to_answer);
    relay_world_assert_same(&world->copied, &world->to_print);
    relay_world_close_till(world);
    UNTIL(world, world->closed == 1);
    assert_int_equal(world->opened, 1);
    assert_int_equal(world->closed_at, MIB);
    assert_int_equal(world->lost, 0);
    relay_world_free_world(world);
}

static void p5_printing_goes_on_without_the_agent(void **state)
{
    (void)state;
    struct relay_world *world = relay_world_new_world(0);
    world->till = relay_world_connect_till(world);
    relay_world_add_random(&world->to_print, MIB, 3);
    UNTIL(world, world->printed.len == MIB);
    relay_world_close_till(world);
    relay_world_assert_same(&world->printed, &world->to_print);
    relay_world_attach_agent(world);
    UNTIL(world, world->copied.len == MIB && world->closed == 1);
    relay_world_assert_same(&world->copied, &world->to_print);
    relay_world_free_world(world);
}

static void p1_agent_killed_in_mid_stream_goes_on_where_it_committed(void **state)
{
    (void)state;
    struct relay_world *world = relay_world_new_world(0);
    world->till = relay_world_connect_till(world);
    relay_world_add_random(&world->to_print, MIB, 4);
    world->acknowledge = false;
    for (unsigned life = 1; life <= 20; life++) {
        relay_world_attach_agent(world);
        uint64_t received = life * (MIB / 20) - 1000;
        UNTIL(world, world->hellos == life && world->copied.len >= received);
        if (life % 3 != 0) { // else it dies with nothing committed in this life
            world->committed = received - life * 100;
        }
        if (life % 2 == 0) { // else before it could acknowledge
            tw_device_acknowledge(world->agent, world->committed, relay_world_now_ms());
        }
        relay_world_turn_for(world, 2);
        relay_world_detach_agent(world);
    }
    relay_world_attach_agent(world);
    UNTIL(world, world->copied.len == MIB && world->printed.len == MIB);
    relay_world_assert_same(&world->copied, &world->to_print);
    relay_world_assert_same(&world->printed, &world->to_print);
    assert_int_equal(world->lost, 0);
    relay_world_close_till(world);
    relay_world_free_world(world);
}

// The printer has no paper: the till is slowed down, nothing piles up, and the copy holds no byte
// the printer was not given.
static void p5_back_pressure_reaches_the_till(void **state)
{
    (void)state;
    struct relay_world *world = relay_world_new_world(0);
    relay_world_attach_agent(world);
    int size = 32 * 1024; // small kernel buffers, so that the limit is seen
    assert_int_equal(setsockopt(world->printer_listener, SOL_SOCKET, SO_RCVBUF, &size, sizeof size), 0);
    world->till = relay_world_connect_till(world);
    world->printer_stalled = true;
    relay_world_add_random(&world->to_print, 24 * MIB, 5);
    size_t before = 0;
    do {
        before = world->to_print.sent;
        relay_world_turn_for(world, 300);
    } while (world->to_print.sent != before);
    assert_true(world->to_print.sent < 16 * MIB);
    assert_true(world->copied.len < world->to_print.sent);
    world->printer_stalled = false;
    UNTIL(world, world->printed.len == 24 * MIB && world->copied.len == 24 * MIB);
    relay_world_assert_same(&world->printed, &world->to_print);
    relay_world_assert_same(&world->copied, &world->to_print);
    relay_world_close_till(world);
    relay_world_free_world(world);
}

static void tills_are_served_one_after_another(void **state)
{
    (void)state;
    struct relay_world *world = relay_world_new_world(0);
    relay_world_attach_agent(world);
    world->till = relay_world_connect_till(world);
    relay_world_add(&world->to_print, "first", 5);
    UNTIL(world, world->printed.len == 5);
    int second = relay_world_connect_till(world);
    assert_int_equal(send(second, "second", 6, 0), 6);
    assert_int_equal(shutdown(second, SHUT_WR), 0);
    relay_world_turn_for(world, 100);
    assert_int_equal(world->printed.len, 5);
    relay_world_close_till(world);
    world->till = second;
    UNTIL(world, world->printed.len == 11 && world->printer_ended);
    assert_memory_equal(world->printed.bytes, "firstsecond", 11);
    (void)close(world->printer);
    world->printer = -1;
    world->till_ended = false;
    UNTIL(world, world->till_ended);
    relay_world_add(&world->to_print, "second", 6);
    UNTIL(world, world->closed == 2);
    relay_world_assert_same(&world->copied, &world->to_print);
    assert_int_equal(world->opened, 2);
    relay_world_free_world(world);
}

// A printer that never closes does not keep the next till out for long.
static void a_lingering_printer_makes_room(void **state)
{
    (void)state;
    struct relay_world *world = relay_world_new_world(0);
    world->till = relay_world_connect_till(world);
    relay_world_add(&world->to_print, "first", 5);
    UNTIL(world, world->printed.len == 5);
    (void)close(world->till);
    world->till = relay_world_connect_till(world);
    int first_printer = world->printer;
    UNTIL(world, world->printer_ended);
    world->printer = -1; // left open on purpose
    relay_world_add(&world->to_print, "second", 6);
    UNTIL(world, world->printed.len == 11);
    (void)close(first_printer);
    relay_world_close_till(world);
    relay_world_free_world(world);
}

static void half_close_is_passed_on(void **state)
{
    (void)state;
    struct relay_world *world = relay_world_new_world(0);
    relay_world_attach_agent(world);
    world->till = relay_world_connect_till(world);
    relay_world_add(&world->to_print, "\x10\x04\x01", 3);
    UNTIL(world, world->printed.len == 3);
    assert_int_equal(shutdown(world->till, SHUT_WR), 0);
    UNTIL(world, world->printer_ended && world->closed == 1); // the page is over at once
    relay_world_turn_for(world, 50);
    assert_false(world->till_ended);
    relay_world_add(&world->to_answer, "\x16", 1);
    UNTIL(world, world->answered.len == 1);
    (void)close(world->printer);
    world->printer = -1;
    UNTIL(world, world->till_ended);
    assert_false(world->till_reset);
    relay_world_free_world(world);
}

// Nothing is copied that was not printed, and a printer that is switched on again just works.
static void a_dead_printer_resets_the_till(void **state)
{
    (void)state;
    struct relay_world *world = relay_world_new_world(0);
    relay_world_attach_agent(world);
    struct sockaddr_in address = {0};
    socklen_t len = sizeof address;
    assert_int_equal(getsockname(world->printer_listener, (struct sockaddr *)&address, &len), 0);
    (void)close(world->printer_listener);
    world->printer_listener = -1;
    world->till = relay_world_connect_till(world);
    relay_world_add(&world->to_print, "lost", 4);
    UNTIL(world, world->till_ended);
    assert_true(world->till_reset);
    (void)close(world->till);
    assert_int_equal(world->opened, 0);
    assert_int_equal(world->copied.len, 0);

    world->printer_listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int yes = 1;
    (void)setsockopt(world->printer_listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    assert_int_equal(bind(world->printer_listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(world->printer_listener, 4), 0);
    world->to_print.len = 0;
    world->to_print.sent = 0;
    relay_world_add(&world->to_print, "kept", 4);
    world->till = relay_world_connect_till(world);
    UNTIL(world, world->printed.len == 4 && world->copied.len == 4);
    relay_world_assert_same(&world->copied, &world->to_print);
    // A printer that breaks in mid-print is seen by the till as it is.
    const struct linger now = {1, 0};
    (void)setsockopt(world->printer, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    (void)close(world->printer);
    world->printer = -1;
    world->till_ended = false;
    world->till_reset = false;
    UNTIL(world, world->till_ended);
    assert_true(world->till_reset);
    UNTIL(world, world->closed == 1);
    relay_world_free_world(world);
}

static void p7_overrun_is_counted_exactly(void **state)
{
    (void)state;
    struct relay_world *world = relay_world_new_world(TW_RELAY_MIN_BUFFER_BYTES);
    world->till = relay_world_connect_till(world);
    relay_world_add_random(&world->to_print, MIB, 6);
    UNTIL(world, world->printed.len == MIB);
    relay_world_assert_same(&world->printed, &world->to_print);
    relay_world_attach_agent(world);
    UNTIL(world, world->copied.len == MIB);
    assert_int_equal(world->lost, MIB - TW_RELAY_MIN_BUFFER_BYTES);
    relay_world_assert_same(&world->copied, &world->to_print);
    relay_world_close_till(world);
    relay_world_free_world(world);
}

// More than all kernel buffers hold is under way to a printer without paper when SIGTERM comes, and
// the agent is busy elsewhere.
static void sigterm_forwards_what_was_received(void **state)
{
    (void)state;
    struct relay_world *world = relay_world_new_world(16 * MIB);
    relay_world_attach_agent(world);
    UNTIL(world, world->hellos == 1);
    world->till = relay_world_connect_till(world);
    world->printer_stalled = true;
    relay_world_add_random(&world->to_print, 24 * MIB, 7);
    size_t before = 0;
    do {
        before = world->to_print.sent;
        relay_world_turn_for(world, 200);
    } while (world->to_print.sent != before);
    world->to_print.len = world->to_print.sent; // the till says no more
    world->agent_asleep = true;
    assert_int_equal(kill(world->relay, SIGTERM), 0);
    relay_world_turn_for(world, 100);
    world->printer_stalled = false;
    UNTIL(world, world->printed.len == world->to_print.len);
    relay_world_assert_same(&world->printed, &world->to_print);
    relay_world_turn_for(world, 100);
    world->agent_asleep = false;
    assert_int_equal(relay_world_stop_relay(world), 0);
    relay_world_turn_for(world, 10);
    relay_world_assert_same(&world->copied, &world->to_print); // the agent had its second
    relay_world_free_world(world);
}

static void a_new_agent_takes_the_place_of_an_old_one(void **state)
{
    (void)state;
    struct relay_world *world = relay_world_new_world(0);
    relay_world_attach_agent(world);
    UNTIL(world, world->hellos == 1);
    struct tw_device *old = world->agent;
    relay_world_attach_agent(world);
    UNTIL(world, world->hellos == 2);
    world->till = relay_world_connect_till(world);
    relay_world_add(&world->to_print, "new", 3);
    UNTIL(world, world->copied.len == 3);
    tw_device_ready(old, POLLIN, relay_world_now_ms());
    assert_int_equal(tw_device_fd(old), -1);
    tw_device_free(old);
    relay_world_close_till(world);
    relay_world_free_world(world);
}

// An orderly end would tell the till that all is printed.
static void a_killed_relay_resets_its_till(void **state)
{
    (void)state;
    struct relay_world *world = relay_world_new_world(0);
    world->till = relay_world_connect_till(world);
    relay_world_add(&world->to_print, "half", 4);
    UNTIL(world, world->printed.len == 4);
    assert_int_equal(kill(world->relay, SIGKILL), 0);
    assert_int_equal(waitpid(world->relay, NULL, 0), world->relay);
    UNTIL(world, world->till_ended);
    assert_true(world->till_reset);
    UNTIL(world, world->printer_ended);
    (void)close(world->printer);
    world->printer = -1;
    relay_world_start_relay(world, 0);
    relay_world_free_world(world);
}

// P8: one sentence with a remedy; and what a dead relay left behind is no obstacle.
static void p8_what_is_in_the_way_is_named(void **state)
{
    (void)state;
    struct relay_world *world = relay_world_new_world(0);
    char listen_address[32];
    (void)snprintf(listen_address, sizeof listen_address, "127.0.0.1:%d", world->relay_port);
    struct tw_relay_settings settings = {
        .name = "other", .listen = listen_address, .forward = "127.0.0.1:9", .run_dir = world->folder};
    struct tw_relay *relay = NULL;
    struct tw_error_text err = {0};
    assert_int_equal(tw_relay_new(&settings, &relay, &err), TW_ERR_IO);
    assert_non_null(strstr(err.text, "stop the program that has the port"));
    settings.listen = "127.0.0.1:0";
    settings.name = "printer";
    assert_int_equal(tw_relay_new(&settings, &relay, &err), TW_ERR_EXISTS);
    assert_non_null(strstr(err.text, "runs already"));
    settings.forward = "nowhere";
    assert_int_equal(tw_relay_new(&settings, &relay, &err), TW_ERR_INVALID);
    settings.forward = "127.0.0.1:99999";
    assert_int_equal(tw_relay_new(&settings, &relay, &err), TW_ERR_INVALID);
    settings.forward = "[::1]:9100";
    settings.run_dir = "/nonexistent/run";
    assert_int_equal(tw_relay_new(&settings, &relay, &err), TW_ERR_IO);
    assert_non_null(strstr(err.text, "run_dir"));
    char run_dir[128]; // a missing last folder is made: the relay may be first
    (void)snprintf(run_dir, sizeof run_dir, "%s/run", world->folder);
    settings.run_dir = run_dir;
    assert_int_equal(tw_relay_new(&settings, &relay, &err), TW_OK);
    tw_relay_free(relay);
    assert_int_equal(rmdir(run_dir), 0);

    assert_int_equal(kill(world->relay, SIGKILL), 0);
    assert_int_equal(waitpid(world->relay, NULL, 0), world->relay);
    char path[128];
    (void)snprintf(path, sizeof path, "%s/printer.tap.sock", world->folder);
    assert_int_equal(access(path, F_OK), 0);
    relay_world_start_relay(world, 0);
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0660);
    relay_world_free_world(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p5_a_mebibyte_each_way_at_once),
        cmocka_unit_test(p5_printing_goes_on_without_the_agent),
        cmocka_unit_test(p1_agent_killed_in_mid_stream_goes_on_where_it_committed),
        cmocka_unit_test(p5_back_pressure_reaches_the_till),
        cmocka_unit_test(tills_are_served_one_after_another),
        cmocka_unit_test(a_lingering_printer_makes_room),
        cmocka_unit_test(half_close_is_passed_on),
        cmocka_unit_test(a_dead_printer_resets_the_till),
        cmocka_unit_test(p7_overrun_is_counted_exactly),
        cmocka_unit_test(sigterm_forwards_what_was_received),
        cmocka_unit_test(a_new_agent_takes_the_place_of_an_old_one),
        cmocka_unit_test(a_killed_relay_resets_its_till),
        cmocka_unit_test(p8_what_is_in_the_way_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
