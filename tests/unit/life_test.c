// SPDX-License-Identifier: Apache-2.0
//
// The life of a device (hal/core/life.h): the table, the page that shows it, the delays; and silence, on a
// real socket.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hal/core/life.h"
#include "tests/fakes/lane.h"

// ---- the table

static const char *event_word(unsigned event)
{
    static const char *const words[] = {
#define X(symbol, word) word,
        TW_LIFE_EVENTS(X)
#undef X
    };
    return words[event];
}

static const char *action_word(unsigned action)
{
    static const char *const words[] = {
#define X(symbol, word) word,
        TW_LIFE_ACTIONS(X)
#undef X
    };
    return words[action];
}

// One cell as hal/README.md writes it: "open -> `lost`", or "-" where nothing is done and nothing changes.
static void cell_of(unsigned state, unsigned event, char out[64])
{
    const struct tw_life_step *step = tw_life_step(state, event);
    if (step->action == TW_LIFE_DO_NOTHING) {
        assert_int_equal(step->next, state);
        (void)snprintf(out, 64, "-");
    } else {
        (void)snprintf(out, 64, "%s -> `%s`", action_word(step->action), tw_device_state_word(step->next));
    }
}

static void the_page_shows_the_table(void **state)
{
    (void)state;
    FILE *file = fopen(TW_SOURCE_DIR "/hal/README.md", "re");
    assert_non_null(file);
    static char page[64 * 1024];
    page[fread(page, 1, sizeof page - 1, file)] = '\0';
    (void)fclose(file);
    for (unsigned event = 0; event < TW_LIFE_EVENT_COUNT; event++) {
        char row[512];
        size_t len = (size_t)snprintf(row, sizeof row, "| %s |", event_word(event));
        for (unsigned at = 0; at < TW_DEVICE_STATE_COUNT; at++) {
            char cell[64];
            cell_of(at, event, cell);
            len += (size_t)snprintf(row + len, sizeof row - len, " %s |", cell);
        }
        if (strstr(page, row) == NULL) {
            fail_msg("hal/README.md lacks the row: %s", row);
        }
    }
}

// Whatever happened, a device that is not there is looked for again, and one that fails is not lost for good.
static void no_state_is_a_dead_end(void **state)
{
    (void)state;
    assert_int_equal(tw_life_step(TW_DEVICE_PROBE, TW_LIFE_DUE)->next, TW_DEVICE_OPEN);
    assert_int_equal(tw_life_step(TW_DEVICE_LOST, TW_LIFE_DUE)->next, TW_DEVICE_OPEN);
    assert_int_equal(tw_life_step(TW_DEVICE_OPEN, TW_LIFE_DUE)->next, TW_DEVICE_LOST);
    for (unsigned at = TW_DEVICE_OPEN; at < TW_DEVICE_LOST; at++) {
        assert_int_equal(tw_life_step(at, TW_LIFE_FAULT)->next, TW_DEVICE_LOST);
    }
}

static void a_delay_is_never_long(void **state)
{
    (void)state;
    struct tw_life_delay delay;
    for (uint32_t seed = 0; seed < 500; seed++) {
        tw_life_delay_init(&delay, seed * 2654435761u);
        int64_t longest_ms = TW_LIFE_FIRST_DELAY_MS;
        for (int i = 0; i < 20; i++) {
            int64_t wait_ms = tw_life_delay_take(&delay);
            assert_in_range(wait_ms, longest_ms / 2, longest_ms);
            longest_ms = longest_ms < TW_LIFE_LONGEST_DELAY_MS ? longest_ms * 2 : longest_ms;
        }
        tw_life_delay_start_over(&delay);
        assert_in_range(tw_life_delay_take(&delay), 50, 100);
    }
    assert_true(TW_LIFE_LONGEST_DELAY_MS < 2000); // reopened within 2 s of its return
}

// ---- silence

struct rig {
    struct lane lane;
    int listener, peer;
    struct tw_device *device;
};

static void open_rig(struct rig *rig, uint32_t silence_s)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    char text[32];
    *rig = (struct rig){.peer = -1};
    rig->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(rig->listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(rig->listener, (struct sockaddr *)&address, &len), 0);
    assert_int_equal(listen(rig->listener, 16), 0);
    (void)snprintf(text, sizeof text, "127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    struct tw_device_sink sink = lane_sink_of(&rig->lane);
    struct tw_device_config config = {.name = "scale",
                                      .class_name = "scanner",
                                      .transport = "tcp",
                                      .connect = text,
                                      .silence_s = silence_s};
    struct tw_error_text err = {0};
    assert_int_equal(tw_device_new(&config, &sink, 1, &rig->device, &err), 0);
}

static struct tw_device_status status_of(const struct rig *rig)
{
    struct tw_device_status status;
    tw_device_status(rig->device, &status);
    return status;
}

// Takes the connection that the device makes.
static void connect_peer(struct rig *rig, int64_t now_ms)
{
    if (rig->peer >= 0) {
        (void)close(rig->peer);
    }
    struct pollfd entry = {.fd = tw_device_fd(rig->device), .events = POLLOUT};
    while (status_of(rig).state == TW_DEVICE_OPEN) {
        assert_int_equal(poll(&entry, 1, 5000), 1);
        tw_device_ready(rig->device, entry.revents, now_ms);
    }
    rig->peer = accept(rig->listener, NULL, NULL);
    assert_true(rig->peer >= 0);
}

static void say(struct rig *rig, int64_t now_ms)
{
    struct pollfd entry = {.fd = tw_device_fd(rig->device), .events = POLLIN};
    assert_int_equal(send(rig->peer, "1\r", 2, 0), 2);
    assert_int_equal(poll(&entry, 1, 5000), 1);
    tw_device_ready(rig->device, entry.revents, now_ms);
}

static void close_rig(struct rig *rig)
{
    tw_device_free(rig->device);
    (void)close(rig->peer);
    (void)close(rig->listener);
}

static void a_device_that_falls_silent_is_stale_until_it_speaks(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, 60);
    tw_device_tick(rig.device, 1000);
    connect_peer(&rig, 1000);
    say(&rig, 5000);
    assert_int_equal(tw_device_deadline(rig.device), 65000);
    say(&rig, 60000);
    tw_device_tick(rig.device, 65000); // it spoke meanwhile
    assert_int_equal(status_of(&rig).state, TW_DEVICE_READY);
    assert_int_equal(tw_device_deadline(rig.device), 120000);
    tw_device_tick(rig.device, 120000);
    connect_peer(&rig, 120000);
    assert_int_equal(status_of(&rig).state, TW_DEVICE_STALE);
    assert_int_equal(status_of(&rig).reason, TW_DEVICE_REASON_SILENT);
    assert_true(status_of(&rig).up);
    assert_non_null(strstr(status_of(&rig).why, "said nothing for 60 s"));
    assert_non_null(strstr(status_of(&rig).why, "`silence_s`"));
    assert_int_equal(rig.lane.ups, 2); // ready, and open but stale
    say(&rig, 130000);
    assert_int_equal(status_of(&rig).state, TW_DEVICE_READY);
    assert_int_equal(status_of(&rig).reason, TW_DEVICE_REASON_NONE);
    assert_null(status_of(&rig).why);
    assert_int_equal(rig.lane.scans, 3);
    close_rig(&rig);
}

// A night of silence: opened anew once a period, told once.
static void silence_is_no_spin(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, 60);
    tw_device_tick(rig.device, 0);
    connect_peer(&rig, 0);
    int64_t now_ms = 0;
    for (unsigned round = 1; round <= 480; round++) {
        assert_int_equal(tw_device_deadline(rig.device), now_ms + 60000);
        now_ms += 60000;
        tw_device_tick(rig.device, now_ms);
        connect_peer(&rig, now_ms);
        assert_int_equal(status_of(&rig).reopens, round);
        assert_int_equal(status_of(&rig).state, TW_DEVICE_STALE);
    }
    assert_int_equal(rig.lane.ups, 2);
    assert_int_equal(rig.lane.downs, 0);
    close_rig(&rig);
}

// What waits on the line is read before it is called silent.
static void a_late_loop_is_no_silence(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, 60);
    tw_device_tick(rig.device, 0);
    connect_peer(&rig, 0);
    assert_int_equal(send(rig.peer, "1\r", 2, 0), 2);
    struct pollfd entry = {.fd = tw_device_fd(rig.device), .events = POLLIN};
    assert_int_equal(poll(&entry, 1, 5000), 1);
    tw_device_tick(rig.device, 500000);
    assert_int_equal(status_of(&rig).state, TW_DEVICE_READY);
    assert_int_equal(rig.lane.scans, 1);
    close_rig(&rig);
}

static void a_stale_device_that_goes_is_lost(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, 60);
    tw_device_tick(rig.device, 0);
    connect_peer(&rig, 0);
    tw_device_tick(rig.device, 60000);
    connect_peer(&rig, 60000);
    (void)close(rig.peer);
    struct pollfd entry = {.fd = tw_device_fd(rig.device), .events = POLLIN};
    assert_int_equal(poll(&entry, 1, 5000), 1);
    tw_device_ready(rig.device, entry.revents, 61000);
    assert_int_equal(status_of(&rig).state, TW_DEVICE_LOST);
    assert_int_equal(status_of(&rig).reason, TW_DEVICE_REASON_CLOSED);
    assert_int_equal(rig.lane.downs, 1);
    tw_device_tick(rig.device, tw_device_deadline(rig.device)); // it is there again, and has a new period
    rig.peer = -1;
    connect_peer(&rig, 62000);
    assert_int_equal(status_of(&rig).state, TW_DEVICE_READY);
    close_rig(&rig);
}

static void nothing_configured_is_never_stale(void **state)
{
    (void)state;
    struct rig rig;
    open_rig(&rig, 0);
    tw_device_tick(rig.device, 0);
    connect_peer(&rig, 0);
    assert_int_equal(tw_device_deadline(rig.device), INT64_MAX);
    close_rig(&rig);
}

// A tap says HELLO once a second until it is answered: one that does not is stale without any key. Once it
// streams it may rest.
static void a_tap_that_does_not_begin_is_stale(void **state)
{
    (void)state;
    struct lane lane = {0};
    struct far_end *far = lane_new_far_end();
    struct tw_device *device = lane_new_tap(&lane, far);
    struct tw_device_status status;
    tw_device_tick(device, 0); // taken by the backlog; nobody says HELLO
    assert_int_equal(tw_device_deadline(device), 10000);
    tw_device_tick(device, 10000);
    tw_device_status(device, &status);
    assert_int_equal(status.state, TW_DEVICE_STALE);
    assert_null(strstr(status.why, "silence_s"));
    (void)close(accept(far->listener, NULL, NULL)); // the line that was given up
    lane.now_ms = 11000;
    lane_run(&lane, far, 5);
    tw_device_status(device, &status);
    assert_int_equal(status.state, TW_DEVICE_READY);
    assert_int_equal(tw_device_deadline(device), INT64_MAX);
    tw_device_free(device);
    lane_free_far_end(far);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_shows_the_table),
        cmocka_unit_test(no_state_is_a_dead_end),
        cmocka_unit_test(a_delay_is_never_long),
        cmocka_unit_test(a_device_that_falls_silent_is_stale_until_it_speaks),
        cmocka_unit_test(silence_is_no_spin),
        cmocka_unit_test(a_late_loop_is_no_silence),
        cmocka_unit_test(a_stale_device_that_goes_is_lost),
        cmocka_unit_test(nothing_configured_is_never_stale),
        cmocka_unit_test(a_tap_that_does_not_begin_is_stale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
