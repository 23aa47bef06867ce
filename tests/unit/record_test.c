// SPDX-License-Identifier: Apache-2.0
//
// An event as it lies on the disk: it comes back whole, and anything that was changed, moved or taken from
// elsewhere does not come back at all (P9).
#include "agent/journal/record.h"
#include "tests/fakes/journal_rig.h"

#define EPOCH "7b0f1c2d-3e4f-4a5b-8c6d-7e8f90a1b2c3"
#define DATA  "{\"total\":199,\"who\":\"Frau Sandelholz\"}"

struct world {
    struct rig rig;
    struct tw_recorder writer, reader;
    struct tw_buf sealed;
    struct tw_stored stored;
    struct tw_record record;
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    rig_start(&world->rig);
    assert_int_equal(tw_recorder_init(&world->writer, world->rig.vault), TW_OK);
    assert_int_equal(tw_recorder_init(&world->reader, world->rig.vault), TW_OK);
    world->stored = (struct tw_stored){
        .n = 42, .life = 3, .type = TW_EVENT_SALE_COMPLETED, .time_ms = RIG_START_MS, .key = 1};
    world->record = (struct tw_record){
        .row = {.type = TW_EVENT_SALE_COMPLETED,
                .time_ms = RIG_START_MS,
                .recorded_ms = RIG_START_MS + 17,
                .monotonic_ms = 12345,
                .clock = TW_CLOCK_SUSPECT,
                .subject = tw_slice_of("subject"),
                .data = tw_slice_of(DATA),
                .id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}},
        .boot = 7,
        .sale_key = tw_slice_of("key"),
    };
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    tw_buf_free(&world->sealed);
    tw_recorder_free(&world->writer);
    tw_recorder_free(&world->reader);
    rig_stop(&world->rig);
    free(world);
    return 0;
}

static void seal(struct world *world)
{
    assert_int_equal(
        tw_record_seal(&world->writer, EPOCH, 40, &world->stored, &world->record, &world->sealed), TW_OK);
    world->stored.sealed = tw_buf_slice(&world->sealed);
}

static void assert_slice(struct tw_slice got, struct tw_slice expected)
{
    assert_int_equal(got.len, expected.len);
    assert_true(got.len == 0 || memcmp(got.ptr, expected.ptr, got.len) == 0);
}

static void expect_same(struct world *world)
{
    struct tw_record out;
    assert_int_equal(tw_record_open(&world->reader, EPOCH, 40, &world->stored, &out), TW_OK);
    const struct tw_event_row *row = &world->record.row;
    assert_int_equal(out.row.sequence, 40);
    assert_int_equal(out.row.type, world->stored.type);
    assert_true(out.row.time_ms == row->time_ms && out.row.recorded_ms == row->recorded_ms);
    assert_true(out.row.monotonic_ms == row->monotonic_ms && out.row.clock == row->clock);
    assert_true(out.boot == world->record.boot);
    assert_memory_equal(out.row.id, row->id, sizeof row->id);
    assert_slice(out.row.subject, row->subject);
    assert_slice(out.row.data, row->data);
    assert_slice(out.sale_key, world->record.sale_key);
}

static void an_event_comes_back_as_it_was(void **state)
{
    struct world *world = *state;
    static const int64_t times[] = {0, 1, -1, RIG_START_MS, INT64_MAX, INT64_MIN};
    seal(world);
    expect_same(world);
    for (size_t i = 0; i < 6; i++) {
        for (size_t k = 0; k < 6; k++) { // clocks that were anywhere
            world->stored.time_ms = world->record.row.time_ms = times[i];
            world->record.row.recorded_ms = times[k];
            world->record.row.monotonic_ms = times[(i + k) % 6];
            world->record.boot = times[k];
            seal(world);
            expect_same(world);
        }
    }
    world->record.row.subject = world->record.row.data = world->record.sale_key = tw_slice_make(NULL, 0);
    seal(world);
    expect_same(world);
}

static void an_event_of_any_size_comes_back(void **state)
{
    struct world *world = *state;
    uint8_t *noise = malloc(TW_RECORD_MAX_BYTES + 1);
    assert_non_null(noise);
    for (size_t len = 1; len <= TW_RECORD_MAX_BYTES; len = len * 7 + 1) {
        assert_int_equal(tw_seal_random(world->rig.seal, noise, len), TW_OK);
        world->record.row.data = tw_slice_make(noise, len);
        seal(world);
        expect_same(world);
    }
    memset(noise, 'a', TW_RECORD_MAX_BYTES + 1);
    world->record.row.data = tw_slice_make(noise, TW_RECORD_MAX_BYTES + 1 - 10);
    world->record.sale_key = tw_slice_of("key");
    assert_int_equal(
        tw_record_seal(&world->writer, EPOCH, 40, &world->stored, &world->record, &world->sealed),
        TW_ERR_TOO_LARGE);
    free(noise);
}

static void P9_every_flipped_bit_is_refused(void **state)
{
    struct world *world = *state;
    seal(world);
    for (size_t bit = 0; bit < world->sealed.len * 8; bit++) {
        struct tw_record out = {.boot = 99};
        world->sealed.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(tw_record_open(&world->reader, EPOCH, 40, &world->stored, &out), TW_ERR_DAMAGED);
        assert_int_equal(out.boot, 99);
        world->sealed.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < world->sealed.len; len++) { // or cut
        struct tw_record out;
        world->stored.sealed.len = len;
        assert_int_equal(tw_record_open(&world->reader, EPOCH, 40, &world->stored, &out), TW_ERR_DAMAGED);
    }
    world->stored.sealed.len = world->sealed.len;
    expect_same(world);
}

static void P9_another_place_epoch_or_column_is_refused(void **state)
{
    struct world *world = *state;
    struct tw_record out;
    seal(world);
    struct tw_stored changed[6];
    for (size_t i = 0; i < 6; i++) {
        changed[i] = world->stored;
    }
    changed[0].n++;
    changed[1].life--;
    changed[2].type = TW_EVENT_SALE_CORRECTED;
    changed[3].time_ms += 1000;
    changed[4].state = TW_RECORD_DEAD;
    changed[5].key = 2;
    for (size_t i = 0; i < 6; i++) {
        int code = i == 5 ? TW_ERR_NOT_FOUND : TW_ERR_DAMAGED;
        assert_int_equal(tw_record_open(&world->reader, EPOCH, 40, &changed[i], &out), code);
    }
    assert_int_equal(tw_record_open(&world->reader, EPOCH, 41, &world->stored, &out), TW_ERR_DAMAGED);
    assert_int_equal(
        tw_record_open(&world->reader, "7b0f1c2d-3e4f-4a5b-8c6d-7e8f90a1b2c4", 40, &world->stored, &out),
        TW_ERR_DAMAGED);
    expect_same(world);
}

static void what_is_sealed_shows_nothing_and_never_twice_the_same(void **state)
{
    struct world *world = *state;
    seal(world);
    assert_false(rig_contains(world->stored.sealed, "Sandelholz"));
    struct tw_buf first = {0};
    tw_buf_add(&first, world->sealed.ptr, world->sealed.len);
    seal(world);
    assert_memory_not_equal(first.ptr, world->sealed.ptr, 12);
    tw_buf_free(&first);
}

static void P9_a_mark_opens_only_under_its_name_and_whole(void **state)
{
    struct world *world = *state;
    struct tw_slice name = tw_slice_of("tap:printer");
    struct tw_slice out = {0};
    assert_int_equal(tw_record_seal_mark(&world->writer, 1, name, tw_slice_of("position"), &world->sealed),
                     TW_OK);
    struct tw_slice stored = tw_buf_slice(&world->sealed);
    assert_int_equal(tw_record_open_mark(&world->reader, name, stored, &out), TW_OK);
    assert_slice(out, tw_slice_of("position"));
    assert_int_equal(tw_record_open_mark(&world->reader, tw_slice_of("tap:other"), stored, &out),
                     TW_ERR_DAMAGED);
    for (size_t bit = 0; bit < world->sealed.len * 8; bit++) {
        world->sealed.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
        int rc = tw_record_open_mark(&world->reader, name, stored, &out);
        assert_int_equal(rc, bit < 16 ? TW_ERR_NOT_FOUND : TW_ERR_DAMAGED);
        world->sealed.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (stored.len = 0; stored.len < world->sealed.len; stored.len++) {
        assert_int_equal(tw_record_open_mark(&world->reader, name, stored, &out), TW_ERR_DAMAGED);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(an_event_comes_back_as_it_was),
        T(an_event_of_any_size_comes_back),
        T(P9_every_flipped_bit_is_refused),
        T(P9_another_place_epoch_or_column_is_refused),
        T(what_is_sealed_shows_nothing_and_never_twice_the_same),
        T(P9_a_mark_opens_only_under_its_name_and_whole),
    };
    return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
