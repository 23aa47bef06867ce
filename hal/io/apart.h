// SPDX-License-Identifier: Apache-2.0
//
// A transport that may wait, on a thread of its own: a folder on a network share whose server is gone keeps
// whoever touches it for minutes. The agent's side of it is a socket, and never waits.
//
//   agent ◀─ read, write ─▶ socket pair ◀─ thread ─▶ the transport, opened, read, written and closed there
//
// Threading: one thread, beside the one in here. Memory: owned by whoever made it; what the thread needs
// stays for as long as the thread does, which may be longer. Time: the first tw_apart_open after a close, and
// _free, wait TW_APART_WAIT_MS at most, for a thread that is about to end. Errors: as the transport's;
// TW_ERR_IO while the thread still waits for what was opened before.
#ifndef TW_HAL_APART_H
#define TW_HAL_APART_H

#include "hal/io/io.h"

#define TW_APART_WAIT_MS 100

struct tw_apart;

// How the transport is opened, on the thread. What it has in `why` must be static.
typedef int tw_apart_open_fn(const char *path, struct tw_io **out, struct tw_error_text *err);

int TW_MUST_CHECK tw_apart_new(tw_apart_open_fn *open, const char *path, struct tw_apart **out,
                               struct tw_error_text *err);

// After what it opened was closed. NULL is allowed.
void tw_apart_free(struct tw_apart *apart);

// Begins to open; tw_io_connected says how it went. One at a time. What is `made` is a struct tw_apart, so
// that this fits tw_device_config's `open`.
int TW_MUST_CHECK tw_apart_open(void *made, struct tw_io **out, struct tw_error_text *err);

#endif
