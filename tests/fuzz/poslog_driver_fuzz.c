// SPDX-License-Identifier: Apache-2.0
//
// The driver of POSLog folders: any records of the directory transport, in pieces, with time, answers and
// losses in between. A file is begun before it has bytes or an end, never two at a time, and what is sent are
// whole answers. The first byte of the input is the length of the pieces.
#include "hal/drivers/drivers.h"
#include "tests/fuzz/target.h"

struct world {
    struct tw_driver *driver;
    bool open; // a file
    unsigned turn;
};

static void on_begin(void *ctx, const char *device, const struct tw_device_file *file)
{
    struct world *world = ctx;
    (void)device;
    fuzz_require(file->name[0] == '\0' || strlen(file->name) <= 255);
    world->open = true;
}

static bool on_bytes(void *ctx, const char *device, struct tw_slice bytes)
{
    struct world *world = ctx;
    (void)device;
    fuzz_require(world->open && bytes.len > 0);
    if (++world->turn % 5 == 0) {
        world->open = false;
        world->driver->ops->answer(world->driver, TW_FILE_REFUSED, "because");
        return false;
    }
    return world->turn % 2 == 0;
}

static void on_end(void *ctx, const char *device, bool whole)
{
    struct world *world = ctx;
    (void)device;
    fuzz_require(world->open);
    world->open = false;
    if (whole) {
        world->driver->ops->answer(world->driver, TW_FILE_ACCEPTED, NULL);
    }
}

static void on_send(void *ctx, struct tw_slice bytes)
{
    (void)ctx;
    fuzz_require(bytes.len >= TW_IO_DIRECTORY_ANSWER_BYTES);
    size_t len = (size_t)bytes.ptr[1] | (size_t)bytes.ptr[2] << 8;
    fuzz_require(bytes.len == TW_IO_DIRECTORY_ANSWER_BYTES + len);
    fuzz_require(memchr("MARLSU", bytes.ptr[0], 6) != NULL);
}

static void run(struct world *world, const uint8_t *data, size_t size)
{
    size_t piece = data[0] > 0 ? data[0] : 1;
    int64_t now_ms = 0;
    for (size_t at = 1; at < size; at += piece) {
        size_t len = size - at < piece ? size - at : piece;
        fuzz_require(world->driver->ops->feed(world->driver, tw_slice_make(data + at, len), now_ms, NULL) ==
                     0);
        if (data[at] == 0xfe) {
            world->driver->ops->lost(world->driver);
            world->open = false;
            fuzz_require(world->driver->ops->opened(world->driver, NULL, now_ms, NULL) == 0);
        }
        now_ms += 900;
        fuzz_require(world->driver->ops->tick(world->driver, now_ms, NULL) == 0);
        fuzz_require(world->driver->ops->deadline(world->driver) > now_ms);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct world world = {.open = false};
    const struct tw_device_config config = {.name = "x"};
    const struct tw_device_sink sink = {
        .ctx = &world, .file_begin = on_begin, .file_bytes = on_bytes, .file_end = on_end};
    const struct tw_driver_host host = {&config, &sink, NULL, on_send};
    if (size == 0) {
        return 0;
    }
    fuzz_require(tw_poslog_driver_new(&host, &world.driver, NULL) == 0);
    fuzz_require(world.driver->ops->opened(world.driver, NULL, 0, NULL) == 0);
    run(&world, data, size);
    world.driver->ops->free(world.driver);
    return 0;
}
