// SPDX-License-Identifier: Apache-2.0
//
// The terminal's certificate files over time: loaded before each connection, looked at while it lasts. New
// ones are taken up when they are whole and good; until then, and while they are not, the pair in use goes
// on being used.
//
// Threading: one thread. Memory: copies the paths; holds one TLS context. Time: wall clock in milliseconds,
// for which certificates must be valid, from the caller. Errors: a sentence that names the file.
#ifndef TW_CREDS_H
#define TW_CREDS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "agent/uplink/tls.h"

#define TW_CREDS_FILES 3

// What tells that a file is another one than before.
struct tw_creds_stamp {
    struct {
        struct timespec changed;
        off_t bytes;
        ino_t inode;
    } file[TW_CREDS_FILES];
};

struct tw_creds {
    char ca[512], cert[512], key[512], host[256], alpn[256];
    struct tw_tls *tls;                        // of the last good pair; NULL: there was none
    struct tw_creds_stamp used, seen;          // of that pair; at the last look
    bool pending;                              // RENEWED was given for `seen`
    char notice[sizeof(struct tw_error_text)]; // what is wrong with the files; "": nothing
};

// `alpn` may be NULL.
void tw_creds_init(struct tw_creds *creds, const char *ca, const char *cert, const char *key,
                   const char *host, const char *alpn);
void tw_creds_free(struct tw_creds *creds);

// For which time certificates have to be valid (P12). The wall clock where the kernel vouches for it and it
// is not before this release was made; else never before the release or `latest_ms`, the newest time the
// journal has seen (0: that does not count): a terminal whose battery is empty starts in 1970.
int64_t tw_creds_time(int64_t wall_ms, bool vouched, int64_t latest_ms);

// Loads the files. Where they are bad, or out of their dates, and there is an older pair that is not, that
// one is used and the notice says so.
int TW_MUST_CHECK tw_creds_load(struct tw_creds *creds, int64_t time_ms, struct tw_error_text *err);

enum tw_creds_news {
    TW_CREDS_SAME = 0,
    TW_CREDS_RENEWED,   // there is a good pair that is not in use; said once
    TW_CREDS_WITHDRAWN, // not any more
};
// Looks whether the files changed. They are judged at the second look that finds them alike, so that
// they are not met half written.
enum tw_creds_news tw_creds_look(struct tw_creds *creds, int64_t time_ms);

#endif
