// SPDX-License-Identifier: Apache-2.0
//
// P1 when memory runs out: every allocation of an operation on the journal fails in turn, alone and with all
// after it. Nothing crashes, an error comes back, nothing that was accepted is lost, nothing is half
// there, and the same object works again once there is memory.
//
// usage: alloc_test [--every N]    every allocation, or only every Nth
#include <sqlite3.h>

#include "tests/fakes/alloc_shim.h"
#include "tests/fault/alloc_rig.h"

// ---- one operation, every allocation ----

static void begin(struct alloc_rig *rig, const struct alloc_operation *operation)
{
    rig->disk = fault_disk_new(1);
    assert_non_null(rig->disk);
    fault_disk_put_back(rig->disk, rig->image);
    rig->world = rig->old;
    if (!operation->starts_closed) {
        assert_int_equal(alloc_open_store(rig), TW_OK);
    }
    if (operation->prepare != NULL) {
        operation->prepare(rig);
    }
}

// After the failure: the same object does it now, goes on, and a restart finds all of it.
static void go_on(struct alloc_rig *rig, const struct alloc_operation *operation, int rc)
{
    if (rig->store != NULL) {
        alloc_check(rig, "after the failure", false);
    }
    if (rc != TW_OK) {
        assert_int_equal(operation->run(rig), TW_OK);
    }
    bool closed = rig->store == NULL;
    if (closed) {
        assert_int_equal(alloc_begin_life(rig), TW_OK);
    }
    alloc_check(rig, "done again", closed);
    alloc_free_batches(rig);
    alloc_write_one(rig, alloc_sale_batch(rig, "after", "{\"total\":3}"));
    alloc_check_file(rig);
    alloc_close_store(rig);
    assert_int_equal(alloc_open_store(rig), TW_OK);
    alloc_check(rig, "after a restart", true);
}

static void end(struct alloc_rig *rig)
{
    alloc_free_batches(rig);
    alloc_close_store(rig);
    fault_disk_free(rig->disk);
}

static bool fails_at(struct alloc_rig *rig, const struct alloc_operation *operation, unsigned long at,
                     bool lasting)
{
    (void)snprintf(rig->where, sizeof rig->where, "%s, allocation %lu%s", operation->name, at,
                   lasting ? " and all after it" : "");
    begin(rig, operation);
    alloc_shim_fail(at, lasting);
    int rc = operation->run(rig);
    bool failed = alloc_shim_stop() > 0;
    assert_true(failed || rc == TW_OK);
    go_on(rig, operation, rc);
    end(rig);
    return failed;
}

static void try_all(struct alloc_rig *rig, const struct alloc_operation *operation)
{
    unsigned long counts[2] = {0, 0};
    for (int lasting = 0; lasting < 2; lasting++) {
        unsigned long at = 1;
        while (fails_at(rig, operation, at, lasting != 0)) {
            at += at < 20 ? 1 : rig->every;
        }
        counts[lasting] = at - 1;
    }
    print_message("%s: %lu allocations failed alone, %lu with all after them\n", operation->name, counts[0],
                  counts[1]);
    assert_true(counts[0] > 0);
}

static void P1_any_allocation_may_fail(void **state)
{
    struct alloc_rig *rig = *state;
    sqlite3_int64 used = sqlite3_memory_used();
    for (size_t i = 0; i < alloc_operation_count; i++) {
        try_all(rig, &alloc_operations[i]);
        assert_int_equal(sqlite3_memory_used(), used);
    }
    rig->where[0] = 0;
}

int main(int argc, char **argv)
{
    alloc_shim_install();
    static struct alloc_rig rig = {.every = 1};
    if (argc == 3 && strcmp(argv[1], "--every") == 0) {
        rig.every = strtoul(argv[2], NULL, 10);
    }
    void *state = &rig;
    const struct CMUnitTest tests[] = {
        {"P1_any_allocation_may_fail", P1_any_allocation_may_fail, alloc_set_up, alloc_tear_down, state},
    };
    return cmocka_run_group_tests_name("alloc", tests, NULL, NULL);
}
