// SPDX-License-Identifier: Apache-2.0
//
// A device of class poslog on a real folder, and an agent that writes down what it is told and answers as it
// is set to.
//
// Threading: one thread. Memory: folder_teardown frees all. Time: the world's own. Errors: cmocka assertions.
#ifndef TW_FAKE_FOLDER_WORLD_H
#define TW_FAKE_FOLDER_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "tillwire/device.h"

struct folder_world {
    char folder[64];
    struct tw_device *device;
    int64_t now_ms;
    enum tw_file_answer answer;      // to a file that ended
    enum tw_file_answer open_answer; // to one that may be written on
    bool open;                       // the one that was begun last
    bool hold;                       // no more bytes come by themselves
    uint32_t *hold_by_chance;        // likewise one time in three; a turn gives leave
    bool held;
    bool apart; // the folder is read by a thread of its own
    struct tw_buf read;
    unsigned begun, ended, ups, downs, turns;
    uint32_t waiting;
    size_t bytes;
    char why[512], down_why[512]; // as it was told last; as it went last
};

int folder_setup(void **state);
int folder_teardown(void **state);
void folder_make(const struct folder_world *world);
void folder_remove(const struct folder_world *world);
// The device is made and opened.
void folder_open(struct folder_world *world);
// Writes and closes a file; its time is `at_s`, 0: now.
void folder_put(const struct folder_world *world, const char *name, const char *text, int64_t at_s);
void folder_get(const struct folder_world *world, const char *name, char *out, size_t size);
bool folder_has(const struct folder_world *world, const char *name);
const char *folder_path(const struct folder_world *world, const char *name, char out[256]);
// Files in a subfolder ("."), without folders.
unsigned folder_count(const struct folder_world *world, const char *name);
// How many are named as the pattern says (glob(7)).
size_t folder_count_like(const struct folder_world *world, const char *pattern);
// One turn of the loop; false: nothing was to be done.
bool folder_turn(struct folder_world *world);
// Turns until nothing is to be done.
void folder_run(struct folder_world *world);
void folder_pass(struct folder_world *world, int64_t ms);
// Opens the device if it is not, and lets the folder be looked at often enough to find files settled.
void folder_look_twice(struct folder_world *world);
uint32_t folder_random(uint32_t *state);
uint32_t folder_seed(void);
size_t folder_count_fds(void);
// Root may do everything: gives that up for a while. False: could not.
bool folder_become_nobody(const struct folder_world *world);
void folder_be_again(void);
// Every write fails.
void folder_fill_disk(bool full);

#endif
