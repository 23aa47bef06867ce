// SPDX-License-Identifier: Apache-2.0
//
// The agent's end of the tap link. The input is a list of frames (type, length, payload), which get good
// checks and the sequence that is due; a type from 0xC0 on sends the payload as it is, noise; from 0x80 on
// time passes. What is handed on is contiguous from where a HELLO or STARTED put it, and what is sent are
// good frames.
#include "hal/drivers/drivers.h"
#include "tests/fuzz/target.h"
#include "tillwire/tap_link.h"

struct world {
    struct tw_driver *driver;
    bool begun;  // something was handed on since the last HELLO or STARTED
    uint64_t at; // then: what comes next
};

static void expect(struct world *world, uint64_t offset, uint64_t next)
{
    fuzz_require(!world->begun || world->at == offset);
    world->begun = true;
    world->at = next;
}

static uint64_t on_hello(void *ctx, const char *device, const uint8_t boot[16], uint64_t first, uint64_t next)
{
    (void)ctx;
    (void)device;
    (void)boot;
    return first / 2 + next / 2;
}

static void on_bytes(void *ctx, const char *device, uint64_t offset, uint64_t time_us, struct tw_slice bytes)
{
    struct world *world = ctx;
    (void)device;
    (void)time_us;
    fuzz_require(bytes.len > 0);
    expect(world, offset, offset + bytes.len);
    world->driver->ops->acknowledge(world->driver, offset, 0);
}

static void on_mark(void *ctx, const char *device, uint64_t offset, int mark)
{
    (void)device;
    (void)mark;
    expect(ctx, offset, offset);
}

static void on_lost(void *ctx, const char *device, uint64_t from, uint64_t to)
{
    (void)device;
    fuzz_require(from < to);
    expect(ctx, from, to);
}

static void on_send(void *ctx, struct tw_slice bytes)
{
    struct tw_link_decoder decoder = {.len = 0};
    struct tw_link_frame frame;
    int good = 0;
    (void)ctx;
    for (size_t i = 0; i < bytes.len; i++) {
        good += tw_link_decode(&decoder, bytes.ptr[i], &frame) > 0;
    }
    fuzz_require(good == 1);
}

static void feed(struct world *world, struct tw_slice bytes, int64_t now_ms)
{
    struct tw_error_text err = {""};
    if (world->driver->ops->feed(world->driver, bytes, now_ms, &err) != 0) {
        fuzz_require(err.text[0] != '\0'); // as hal/core does with a device that cannot go on
        world->driver->ops->lost(world->driver);
        fuzz_require(world->driver->ops->opened(world->driver, NULL, now_ms, NULL) == 0);
    }
}

static void talk(struct world *world, const uint8_t *data, size_t size)
{
    int64_t now_ms = 0;
    uint8_t sequence = 0;
    while (size >= 2) {
        uint8_t frame[TW_LINK_MAX_FRAME];
        size_t len = data[1] < size - 2 ? data[1] : size - 2;
        if (data[0] >= 0x80) {
            now_ms += 700;
            (void)world->driver->ops->tick(world->driver, now_ms, NULL);
        }
        if (data[0] >= 0xC0) {
            world->begun = false; // a frame in the noise may be a HELLO
            feed(world, tw_slice_make(data + 2, len), now_ms);
        } else {
            uint8_t type = data[0] & 0x7F;
            world->begun = world->begun && type != TW_LINK_HELLO && type != TW_LINK_STARTED;
            feed(world, tw_slice_make(frame, tw_link_encode(type, sequence++, data + 2, len, frame)), now_ms);
        }
        data += 2 + len;
        size -= 2 + len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world world = {.begun = false};
    const struct tw_device_config config = {.name = "t"};
    const struct tw_device_sink sink = {.ctx = &world,
                                        .tap_hello = on_hello,
                                        .tap_bytes = on_bytes,
                                        .tap_mark = on_mark,
                                        .tap_lost = on_lost};
    const struct tw_driver_host host = {&config, &sink, &world, on_send};
    fuzz_require(tw_tap_driver_new(&host, &world.driver, NULL) == TW_OK);
    fuzz_require(world.driver->ops->opened(world.driver, NULL, 0, NULL) == TW_OK);
    talk(&world, data, size);
    world.driver->ops->free(world.driver);
    return 0;
}
