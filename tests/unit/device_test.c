// SPDX-License-Identifier: Apache-2.0
//
// The life of a device, and the contract every driver keeps (hal/README.md).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hal/drivers/drivers.h"
#include "tests/fakes/lane.h"

// ---- the registry

static void p8_what_is_missing_is_named(void **state)
{
    (void)state;
    struct lane lane = {0};
    struct tw_device_sink sink = lane_sink_of(&lane);
    struct tw_error_text err = {0};
    struct tw_device *device = NULL;
    struct tw_device_config config = {.name = "x", .class_name = "kettle", .transport = "serial"};
    assert_int_equal(tw_device_new(&config, &sink, 1, &device, &err), TW_ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "scanner over serial"));
    config.class_name = "scanner";
    assert_int_equal(tw_device_new(&config, &sink, 1, &device, &err), TW_ERR_INVALID);
    assert_non_null(strstr(err.text, "`port`"));
    config.transport = NULL;
    assert_int_equal(tw_device_new(&config, &sink, 1, &device, &err), TW_ERR_INVALID);
    assert_null(device);
}

// ---- the contract

static void collect(void *ctx, struct tw_slice bytes)
{
    size_t *sent = ctx;
    assert_true(bytes.len > 0);
    *sent += bytes.len;
}

// Noise in any pieces never fails, never needs more than its bytes, and counts the same however it
// is cut; after `lost` nothing of the old line is left; a tick is always allowed.
static void check_contract(tw_driver_create *create)
{
    uint32_t random = lane_seed();
    uint8_t noise[6000];
    for (size_t i = 0; i < sizeof noise; i++) {
        noise[i] = (uint8_t)lane_next_random(&random);
    }
    unsigned calls[2] = {0, 0};
    for (int cut = 0; cut < 2; cut++) {
        struct lane lane = {0};
        struct tw_device_sink sink = lane_sink_of(&lane);
        struct tw_device_config config = {.name = "d", .class_name = "c", .transport = "t"};
        size_t sent = 0;
        struct tw_driver_host host = {&config, &sink, &sent, collect};
        struct tw_driver *driver = NULL;
        struct tw_error_text err = {0};
        assert_int_equal(create(&host, &driver, &err), 0);
        driver->ops->opened(driver, 0);
        for (size_t at = 0; at < sizeof noise;) {
            size_t len = cut == 0 ? 1 : 1 + lane_next_random(&random) % 700;
            len = len < sizeof noise - at ? len : sizeof noise - at;
            assert_int_equal(driver->ops->feed(driver, tw_slice_make(noise + at, len), 5, &err), 0);
            at += len;
        }
        calls[cut] = lane.calls;
        driver->ops->lost(driver);
        driver->ops->opened(driver, 10000);
        lane.calls = 0;
        assert_int_equal(driver->ops->tick(driver, 20000, &err), 0);
        assert_int_equal(lane.calls, 0);
        driver->ops->acknowledge(driver, 1, 20000);
        assert_true(driver->ops->deadline(driver) > 20000);
        driver->ops->free(driver);
    }
    assert_int_equal(calls[0], calls[1]);
}

static void contract_of_every_driver(void **state)
{
    (void)state;
    check_contract(tw_skel_new);
#define TW_DRIVER(class_name, transport, create) check_contract(create);
#include "hal/drivers/registry.def"
#undef TW_DRIVER
}

// ---- back-off

static void back_off_doubles_with_jitter_and_starts_over(void **state)
{
    (void)state;
    struct far_end *far = lane_new_far_end();
    struct lane lane = {0};
    struct tw_device *device = lane_new_tap(&lane, far);
    (void)unlink(far->address.sun_path);
    int64_t now_ms = 0;
    int64_t delay_ms = 100;
    for (int i = 0; i < 12; i++) {
        tw_device_tick(device, now_ms);
        int64_t wait_ms = tw_device_deadline(device) - now_ms;
        assert_in_range(wait_ms, delay_ms / 2, delay_ms);
        tw_device_tick(device, now_ms + wait_ms - 1); // early: nothing happens
        assert_int_equal(tw_device_deadline(device), now_ms + wait_ms);
        now_ms += wait_ms;
        delay_ms = delay_ms * 2 < 5000 ? delay_ms * 2 : 5000;
    }
    assert_int_equal(lane.downs, 1); // told once
    int again = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(again, (struct sockaddr *)&far->address, sizeof far->address), 0);
    assert_int_equal(listen(again, 4), 0);
    for (int steady = 0; steady < 2; steady++) {
        tw_device_tick(device, now_ms);
        assert_true(tw_device_fd(device) >= 0);
        now_ms += steady ? 60000 : 59999;
        (void)close(accept(again, NULL, NULL));
        tw_device_ready(device, POLLIN | POLLHUP, now_ms);
        int64_t wait_ms = tw_device_deadline(device) - now_ms;
        assert_in_range(wait_ms, steady ? 50 : 2500, steady ? 100 : 5000);
        now_ms += wait_ms;
    }
    (void)close(again);
    tw_device_free(device);
    lane_free_far_end(far);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p8_what_is_missing_is_named),
        cmocka_unit_test(contract_of_every_driver),
        cmocka_unit_test(back_off_doubles_with_jitter_and_starts_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
