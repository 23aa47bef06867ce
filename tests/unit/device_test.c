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
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hal/drivers/drivers.h"
#include "tests/fakes/hid_scanner.h"
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
static void check_contract(tw_driver_create *create, const struct tw_io_facts *facts)
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
        assert_int_equal(driver->ops->opened(driver, facts, 0, &err), 0);
        for (size_t at = 0; at < sizeof noise;) {
            size_t len = cut == 0 ? 1 : 1 + lane_next_random(&random) % 700;
            len = len < sizeof noise - at ? len : sizeof noise - at;
            assert_int_equal(driver->ops->feed(driver, tw_slice_make(noise + at, len), 5, &err), 0);
            at += len;
        }
        calls[cut] = lane.calls;
        driver->ops->lost(driver);
        assert_int_equal(driver->ops->opened(driver, facts, 10000, &err), 0);
        lane.calls = 0;
        assert_int_equal(driver->ops->tick(driver, 20000, &err), 0);
        assert_int_equal(lane.calls, 0);
        driver->ops->acknowledge(driver, 1, 20000);
        assert_true(driver->ops->deadline(driver) > 20000);
        driver->ops->free(driver);
    }
    assert_int_equal(calls[0], calls[1]);
}

// What a driver is told at `opened` it reads there and then, or refuses in one sentence that names the
// device; after that it can be tried again with other facts.
static void check_facts(tw_driver_create *create, const struct tw_io_facts *facts, bool may_refuse)
{
    struct lane lane = {0};
    struct tw_device_sink sink = lane_sink_of(&lane);
    struct tw_device_config config = {.name = "the-device", .class_name = "c", .transport = "t"};
    size_t sent = 0;
    struct tw_driver_host host = {&config, &sink, &sent, collect};
    struct tw_driver *driver = NULL;
    struct tw_error_text err = {0};
    assert_int_equal(create(&host, &driver, &err), 0);
    for (int64_t now_ms = 0; now_ms < 3000; now_ms += 1000) {
        int outcome = driver->ops->opened(driver, facts, now_ms, &err);
        assert_true(outcome == 0 || (may_refuse && outcome < 0 && strstr(err.text, "the-device") != NULL));
        driver->ops->lost(driver);
        assert_true(driver->ops->deadline(driver) > now_ms);
    }
    uint8_t descriptor[sizeof hid_scanner_descriptor];
    memcpy(descriptor, hid_scanner_descriptor, sizeof descriptor);
    struct tw_io_facts passing = {.descriptor = tw_slice_make(descriptor, sizeof descriptor)};
    assert_int_equal(driver->ops->opened(driver, &passing, 3000, &err), 0);
    memset(descriptor, 0xff, sizeof descriptor); // borrowed for the call, no longer
    static const uint8_t report[] = {5, 0, 2, 1, ']', 'E', '0'};
    assert_int_equal(driver->ops->feed(driver, tw_slice_make(report, sizeof report), 3000, &err), 0);
    assert_int_equal(lane.calls, 0);
    driver->ops->free(driver);
}

// What is to be shown is sent while the device is open, in the same bytes after each opening, and never
// while it is not. Most drivers show nothing.
static void check_show(tw_driver_create *create, const struct tw_io_facts *facts)
{
    struct lane lane = {0};
    struct tw_device_sink sink = lane_sink_of(&lane);
    struct tw_device_config config = {.name = "d", .class_name = "c", .transport = "t"};
    size_t sent = 0;
    struct tw_driver_host host = {&config, &sink, &sent, collect};
    struct tw_driver *driver = NULL;
    assert_int_equal(create(&host, &driver, NULL), 0);
    if (driver->ops->show != NULL) {
        size_t first = 0;
        driver->ops->show(driver, "upper", "lower");
        assert_int_equal(sent, 0);
        for (int round = 0; round < 3; round++, sent = 0) {
            assert_int_equal(driver->ops->opened(driver, facts, 0, NULL), 0);
            assert_true(sent > 0 && (round == 0 || sent == first));
            first = sent;
            driver->ops->lost(driver);
            driver->ops->show(driver, "upper", "lower");
            assert_int_equal(sent, first);
        }
    }
    driver->ops->free(driver);
}

// ---- the contract: instances, pieces and time

enum { STREAM_BYTES = 4400, RECORD_BYTES = 22 + 2 };

// What a device might send: noise, lines, HID reports, keys.
static void make_stream(unsigned kind, uint32_t *random, uint8_t out[STREAM_BYTES])
{
    for (size_t at = 0; at < STREAM_BYTES; at++) {
        uint8_t noise = (uint8_t)lane_next_random(random);
        uint8_t digit = (uint8_t)('0' + noise % 10);
        static const uint8_t report[RECORD_BYTES] = {22, 0, 2, 8, ']', 'E', '0'};
        size_t in_record = at % RECORD_BYTES;
        size_t in_key = at % TW_IO_KEY_BYTES;
        const uint8_t bytes[] = {
            noise, at % 9 == 8 ? '\r' : digit, in_record >= 7 && in_record < 15 ? digit : report[in_record],
            (uint8_t)(in_key == 8 || in_key == 12 ? 1
                      : in_key == 10              ? at / TW_IO_KEY_BYTES % 9 == 8 ? 28 : 2 + noise % 10
                                                  : 0)};
        out[at] = bytes[kind];
    }
}

struct told {
    struct lane lane; // first, so that its sink is ours
    uint64_t hash;    // FNV-1a over all codes
};

static void note_scan(void *ctx, const char *device, struct tw_slice code)
{
    struct told *told = ctx;
    (void)device;
    told->lane.scans++;
    for (size_t i = 0; i < code.len; i++) {
        told->hash = (told->hash ^ code.ptr[i]) * UINT64_C(0x100000001b3);
    }
}

struct instance {
    struct told told;
    struct tw_device_sink sink;
    struct tw_device_config config;
    struct tw_driver_host host;
    size_t sent;
    struct tw_driver *driver;
};

static void make_instance(struct instance *instance, tw_driver_create *create,
                          const struct tw_io_facts *facts)
{
    *instance = (struct instance){.config = {.name = "d", .class_name = "c", .transport = "t"}};
    instance->sink = lane_sink_of(&instance->told.lane);
    instance->sink.scan = note_scan;
    instance->host = (struct tw_driver_host){&instance->config, &instance->sink, &instance->sent, collect};
    assert_int_equal(create(&instance->host, &instance->driver, NULL), 0);
    assert_int_equal(instance->driver->ops->opened(instance->driver, facts, 0, NULL), 0);
}

static void feed(struct instance *instance, const uint8_t *bytes, size_t len)
{
    struct tw_driver *driver = instance->driver;
    assert_int_equal(driver->ops->feed(driver, tw_slice_make(bytes, len), 5, NULL), 0);
}

// Two of one model, fed in turns and ticked too early, tell what each tells alone. Returns how many codes.
static unsigned check_two_of_a_model(tw_driver_create *create, const struct tw_io_facts *facts, unsigned kind)
{
    uint32_t random = lane_seed() + kind;
    uint8_t streams[2][STREAM_BYTES];
    struct instance alone[2];
    struct instance twins[2];
    for (int i = 0; i < 2; i++) {
        make_stream(kind, &random, streams[i]);
        make_instance(&alone[i], create, facts);
        make_instance(&twins[i], create, facts);
        feed(&alone[i], streams[i], STREAM_BYTES);
    }
    for (size_t at = 0; at < STREAM_BYTES; at += 11) {
        for (int i = 0; i < 2; i++) {
            struct tw_driver *driver = twins[i].driver;
            feed(&twins[i], streams[i] + at, 11);
            if (driver->ops->deadline(driver) > 5) {
                assert_int_equal(driver->ops->tick(driver, 5, NULL), 0);
            }
        }
    }
    unsigned scans = 0;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(alone[i].told.lane.scans, twins[i].told.lane.scans);
        assert_true(alone[i].told.hash == twins[i].told.hash);
        assert_int_equal(alone[i].driver->errors, twins[i].driver->errors);
        scans += alone[i].told.lane.scans;
        alone[i].driver->ops->free(alone[i].driver);
        twins[i].driver->ops->free(twins[i].driver);
    }
    return scans;
}

static unsigned scans_of_all_drivers;

static void check_driver(tw_driver_create *create)
{
    const struct tw_io_facts scanner = {
        .vendor = 0x1234,
        .product = 0x0a0b,
        .serial = "S1",
        .name = "scanner",
        .descriptor = tw_slice_make(hid_scanner_descriptor, sizeof hid_scanner_descriptor)};
    const struct tw_io_facts nothing = {0};
    const struct tw_io_facts damaged = {.descriptor = tw_slice_make("\x05\x8c\x09\x02\xa1", 5)};
    check_contract(create, &scanner);
    check_show(create, &scanner);
    for (unsigned kind = 0; kind < 4; kind++) {
        scans_of_all_drivers += check_two_of_a_model(create, &scanner, kind);
    }
    check_facts(create, &scanner, false);
    check_facts(create, &nothing, true);
    check_facts(create, &damaged, true);
}

static void contract_of_every_driver(void **state)
{
    (void)state;
    check_driver(tw_skel_new);
#define TW_DRIVER(class_name, transport, create) check_driver(create);
#include "hal/drivers/registry.def"
#undef TW_DRIVER
    assert_true(scans_of_all_drivers > 1000); // or the streams are none that anybody reads
}

// A scanner in the wrong mode, or no scanner, is down with a reason, and not tried in a spin.
static void a_device_of_another_kind_is_down(void **state)
{
    (void)state;
    struct lane lane = {0};
    struct tw_device_sink sink = lane_sink_of(&lane);
    struct tw_device_config config = {
        .name = "scanner", .class_name = "scanner", .transport = "tcp", .connect = "not-numbers:4001"};
    struct tw_error_text err = {0};
    struct tw_device *device = NULL;
    assert_int_equal(tw_device_new(&config, &sink, 1, &device, &err), 0);
    for (int64_t now_ms = 0; now_ms < 100000; now_ms = tw_device_deadline(device)) {
        tw_device_tick(device, now_ms);
        assert_int_equal(tw_device_fd(device), -1);
        assert_true(tw_device_deadline(device) > now_ms);
    }
    assert_int_equal(lane.downs, 1);
    assert_non_null(strstr(lane.why, "in numbers"));
    tw_device_free(device);
}

// ---- connecting

static int listen_on(struct sockaddr_in *address, char text[32])
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof *address;
    *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)address, sizeof *address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)address, &len), 0);
    (void)snprintf(text, 32, "127.0.0.1:%u", (unsigned)ntohs(address->sin_port));
    return fd;
}

static struct tw_device *new_network_scanner(struct lane *lane, const char *connect_to)
{
    struct tw_device_sink sink = lane_sink_of(lane);
    struct tw_device_config config = {
        .name = "scanner", .class_name = "scanner", .transport = "tcp", .connect = connect_to};
    struct tw_error_text err = {0};
    struct tw_device *device = NULL;
    assert_int_equal(tw_device_new(&config, &sink, 1, &device, &err), 0);
    return device;
}

static void wait_for(struct tw_device *device, int64_t now_ms)
{
    struct pollfd entry = {.fd = tw_device_fd(device), .events = tw_device_events(device)};
    assert_int_equal(poll(&entry, 1, 5000), 1);
    tw_device_ready(device, entry.revents, now_ms);
}

static void a_network_scanner_connects_and_comes_back(void **state)
{
    (void)state;
    struct sockaddr_in address;
    char text[32];
    struct lane lane = {0};
    int listener = listen_on(&address, text);
    struct tw_device *device = new_network_scanner(&lane, text);
    tw_device_tick(device, 0); // nobody listens yet
    while (tw_device_fd(device) >= 0) {
        wait_for(device, 0);
    }
    assert_int_equal(lane.downs, 1);
    assert_int_equal(listen(listener, 4), 0);
    int64_t now_ms = tw_device_deadline(device);
    for (unsigned round = 1; round <= 3; round++) {
        tw_device_tick(device, now_ms);
        while (lane.ups < round) {
            assert_int_equal(tw_device_events(device), POLLOUT);
            wait_for(device, now_ms);
        }
        int peer = accept(listener, NULL, NULL);
        assert_int_equal(send(peer, "4006381333931\r42\r", 17, 0), 17);
        while (lane.scans < 2 * round) {
            wait_for(device, now_ms);
        }
        (void)close(peer);
        wait_for(device, now_ms);
        assert_int_equal(tw_device_fd(device), -1);
        now_ms = tw_device_deadline(device);
    }
    tw_device_free(device);
    (void)close(listener);
}

// A backlog that is full leaves a connection undecided, like a box that is switched off.
static void a_connection_that_is_not_answered_is_given_up(void **state)
{
    (void)state;
    struct sockaddr_in address;
    char text[32];
    struct lane lane = {0};
    int fillers[8];
    int listener = listen_on(&address, text);
    assert_int_equal(listen(listener, 0), 0);
    for (size_t i = 0; i < 8; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fillers[i], (struct sockaddr *)&address, sizeof address);
    }
    struct tw_device *device = new_network_scanner(&lane, text);
    tw_device_tick(device, 1000); // returns at once
    assert_true(tw_device_fd(device) >= 0);
    assert_int_equal(lane.ups, 0);
    assert_int_equal(tw_device_deadline(device), 6000);
    tw_device_tick(device, 6000);
    assert_int_equal(tw_device_fd(device), -1);
    assert_int_equal(lane.downs, 1);
    assert_non_null(strstr(lane.why, "does not answer"));
    assert_true(tw_device_deadline(device) > 6000);
    tw_device_free(device);
    for (size_t i = 0; i < 8; i++) {
        (void)close(fillers[i]);
    }
    (void)close(listener);
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
        delay_ms = delay_ms * 2 < 1600 ? delay_ms * 2 : 1600;
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
        assert_in_range(wait_ms, steady ? 50 : 800, steady ? 100 : 1600);
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
        cmocka_unit_test(a_device_of_another_kind_is_down),
        cmocka_unit_test(a_network_scanner_connects_and_comes_back),
        cmocka_unit_test(a_connection_that_is_not_answered_is_given_up),
        cmocka_unit_test(back_off_doubles_with_jitter_and_starts_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
