// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/alloc_shim.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

// The linker's names (ld(1), --wrap): ours stand for the C library's, which are reached under __real_.
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);

// The allocator is one for the whole process, and so is this.
static struct {
    bool armed, lasting;
    unsigned long at, count, failed;
    sqlite3_mem_methods sqlite;
} shim;

static bool fails(void)
{
    if (!shim.armed) {
        return false;
    }
    shim.count++;
    bool fail = shim.count == shim.at || (shim.lasting && shim.count > shim.at);
    shim.failed += fail;
    return fail;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return fails() ? NULL : __real_strdup(text);
}

static void *sqlite_malloc(int size)
{
    return fails() ? NULL : shim.sqlite.xMalloc(size);
}

static void *sqlite_realloc(void *old, int size)
{
    return fails() ? NULL : shim.sqlite.xRealloc(old, size);
}

void alloc_shim_install(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_GETMALLOC, &shim.sqlite);
    sqlite3_mem_methods methods = shim.sqlite;
    methods.xMalloc = sqlite_malloc;
    methods.xRealloc = sqlite_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK) {
        (void)fprintf(stderr, "SQLite was used before its memory was\n");
        abort();
    }
}

void alloc_shim_fail(unsigned long at, bool lasting)
{
    shim.armed = true;
    shim.lasting = lasting;
    shim.at = at;
    shim.count = 0;
    shim.failed = 0;
}

unsigned long alloc_shim_stop(void)
{
    shim.armed = false;
    return shim.failed;
}
