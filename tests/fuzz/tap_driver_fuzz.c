// SPDX-License-Identifier: Apache-2.0
//
// The agent's end of the tap link. The input is a list of frames (type, length, payload), which get good
// checks and the sequence that is due; a type from 0xC0 on sends the payload as it is, noise; from 0x80 on
// time passes; the types 0x7E and 0x7F are none: new firmware is to be sent, a good file and the payload.
// What is handed on is contiguous from where a HELLO or STARTED put it, scans come with growing numbers, and
// what is sent are good frames.
#include "hal/drivers/drivers.h"
#include "tests/fuzz/target.h"
#include "tillwire/tap_image.h"
#include "tillwire/tap_link.h"

struct world {
    struct tw_driver *driver;
    bool begun;    // something was handed on since the last HELLO or STARTED
    uint64_t at;   // then: what comes next
    uint64_t scan; // handed on since the last HELLO
};

enum { GOOD_FILE = 0x7E, THIS_FILE = 0x7F, IMAGE_BYTES = 1300 };

static void expect(struct world *world, uint64_t offset, uint64_t next)
{
    fuzz_require(!world->begun || world->at == offset);
    world->begun = true;
    world->at = next;
}

static uint64_t on_hello(void *ctx, const char *device, const uint8_t boot[16], uint64_t first, uint64_t next)
{
    (void)device;
    (void)boot;
    ((struct world *)ctx)->scan = 0;
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

static void on_scan(void *ctx, const char *device, const struct tw_tap_scan *scan)
{
    struct world *world = ctx;
    (void)device;
    fuzz_require(scan->number > world->scan && scan->code.len <= 3 + TW_LINK_MAX_SCAN && scan->age_ms >= 0);
    world->scan = scan->number;
    world->driver->ops->acknowledge_scans(world->driver, scan->number / 2 + 1, 0);
}

static void on_scans_lost(void *ctx, const char *device, uint64_t from, uint64_t to)
{
    struct world *world = ctx;
    (void)device;
    fuzz_require(from < to && to > world->scan);
    world->scan = to - 1;
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

// For the one board there is, both slots.
static struct tw_slice good_file(uint8_t file[16 + 4 + 2 * (4 + IMAGE_BYTES)])
{
    uint8_t *at = file;
    memcpy(at, TW_IMAGE_FILE_MAGIC, 16);
    tw_link_put(at + 16, 2, 4);
    at += 20;
    for (uint32_t slot = TW_IMAGE_SLOT_A; slot <= TW_IMAGE_SLOT_B; slot++) {
        memset(at, 0x5a, 4 + IMAGE_BYTES);
        tw_link_put(at, IMAGE_BYTES, 4);
        memcpy(at + 4, TW_IMAGE_MAGIC, 8);
        tw_link_put(at + 12, TW_LINK_BOARD_STM32F405, 4);
        tw_link_put(at + 20, slot, 4);
        tw_link_put(at + 24, IMAGE_BYTES, 4);
        at += 4 + IMAGE_BYTES;
    }
    return tw_slice_make(file, (size_t)(at - file));
}

static void update(const struct world *world, struct tw_slice file, int64_t now_ms)
{
    struct tw_error_text err = {""};
    int rc = world->driver->ops->update(world->driver, file, now_ms, &err);
    fuzz_require((rc == TW_OK) == (err.text[0] == '\0'));
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
        uint8_t file[16 + 4 + 2 * (4 + IMAGE_BYTES)];
        uint8_t kind = data[0] < 0xC0 ? data[0] & 0x7F : 0;
        if (kind == GOOD_FILE || kind == THIS_FILE) {
            update(world, kind == GOOD_FILE ? good_file(file) : tw_slice_make(data + 2, len), now_ms);
        } else if (data[0] >= 0xC0) {
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
    const struct tw_device_config config = {
        .name = "t", .code_id = "honeywell", .suffix = "#\n", .till = {.baud = 9600, .bits = 8, .stop = 1}};
    const struct tw_device_sink sink = {.ctx = &world,
                                        .tap_hello = on_hello,
                                        .tap_bytes = on_bytes,
                                        .tap_mark = on_mark,
                                        .tap_lost = on_lost,
                                        .tap_scan = on_scan,
                                        .tap_scans_lost = on_scans_lost};
    const struct tw_driver_host host = {&config, &sink, &world, on_send};
    fuzz_require(tw_tap_driver_new(&host, &world.driver, NULL) == TW_OK);
    fuzz_require(world.driver->ops->opened(world.driver, NULL, 0, NULL) == TW_OK);
    talk(&world, data, size);
    world.driver->ops->free(world.driver);
    return 0;
}
