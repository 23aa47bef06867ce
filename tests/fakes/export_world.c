// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/export_world.h"

#include <stdio.h>
#include <time.h>

#define SUBMISSIONS  4 // at most of a transaction: its own, apart from another, as too large, and one to spare
#define ENOUGH_TURNS 100 // more than any of these files takes

struct tw_lane_poslog *export_folder(const struct world *world, const char *name)
{
    struct tw_lane_poslog *poslog = tw_lane_poslog_named(world->lane, name);
    assert_non_null(poslog);
    return poslog;
}

int64_t export_files(const struct world *world, const char *name, const char *what)
{
    int64_t count = -1;
    tw_json *counts = tw_lane_poslog_files(export_folder(world, name));
    assert_int_equal(tw_json_int(tw_json_get(counts, what), &count), TW_OK);
    tw_json_free(counts);
    return count;
}

int64_t export_put_away(struct world *world)
{
    return export_files(world, "export", "done") + export_files(world, "export", "failed") +
           export_files(world, "till-8", "done");
}

void export_let_be(struct world *world)
{
    for (int turn = 0; turn < SUBMISSIONS; turn++) {
        world_settle(world);
        tw_loop_drain(world->loop);
    }
}

void export_wait_for_answer(struct world *world, int64_t before)
{
    for (int turn = 0; export_put_away(world) == before; turn++) {
        assert_true(turn < ENOUGH_TURNS);
        export_let_be(world);
    }
}

void export_begin(struct world *world, const char *name)
{
    const struct tw_device_file file = {.name = "x.xml", .bytes = 1, .waiting = 3};
    tw_lane_poslog_begin(export_folder(world, name), &file);
}

void export_feed(struct world *world, const char *name, struct tw_slice text)
{
    bool held = false;
    while (text.len > 0) {
        size_t len = text.len < 100 ? text.len : 100;
        bool was_held = held;
        held = !tw_lane_poslog_bytes(export_folder(world, name), tw_slice_make(text.ptr, len));
        if (held && was_held) {
            return; // with nothing on its way: no more is wanted of it
        }
        if (held) {
            export_let_be(world);
        }
        text.ptr += len;
        text.len -= len;
    }
}

void export_drop_text(struct world *world, const char *name, struct tw_slice text)
{
    int64_t before = export_put_away(world);
    export_begin(world, name);
    export_feed(world, name, text);
    tw_lane_poslog_end(export_folder(world, name), true);
    export_wait_for_answer(world, before);
}

void export_drop(struct world *world, const char *transactions)
{
    struct tw_buf text = {0};
    tw_buf_printf(&text, "<POSLog>%s</POSLog>", transactions);
    export_drop_text(world, "export", tw_buf_slice(&text));
    tw_buf_free(&text);
}

void export_expect_data(struct world *world, uint64_t sequence, const char *key, const char *expected)
{
    tw_json *event = world_event(world, sequence);
    const char *text = tw_json_text(tw_json_get(tw_json_get(event, "data"), key));
    assert_string_equal(text != NULL ? text : "", expected);
    tw_json_free(event);
}

size_t export_witnesses(struct world *world, uint64_t sequence)
{
    tw_json *event = world_event(world, sequence);
    size_t count = tw_json_size(tw_json_get(tw_json_get(event, "data"), "witnesses"));
    tw_json_free(event);
    return count;
}

void export_local_time(time_t at, char out[20])
{
    struct tm tm;
    (void)localtime_r(&at, &tm);
    assert_int_equal(strftime(out, 20, "%Y-%m-%dT%H:%M:%S", &tm), 19);
}

void export_drop_at(struct world *world, const char *number, time_t at)
{
    char printed[20];
    char text[1024];
    export_local_time(at, printed);
    (void)snprintf(text, sizeof text, HEAD("7", "%s", "%s") TEA("2.50"), number, printed);
    export_drop(world, text);
}
