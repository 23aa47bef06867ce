// SPDX-License-Identifier: Apache-2.0
//
// Errors, one convention for the whole house: a function that can fail returns 0 or a negative
// `enum tw_err`, writes its out-parameters last and leaves them alone on failure. Where a person
// reads the outcome, a `struct tw_error_text` carries one sentence: what was being done, to what,
// and what to do now.
//
// Threading: no shared state. Memory: no allocation. Time: none. Errors: this is them.
#ifndef TW_ERR_H
#define TW_ERR_H

#include <stdarg.h>
#include <stdio.h>

#define TW_MUST_CHECK __attribute__((warn_unused_result))

enum tw_err {
    TW_OK = 0,
    TW_ERR_NOMEM = -1,     // an allocation failed
    TW_ERR_INVALID = -2,   // an argument or input is not of the required form
    TW_ERR_IO = -3,        // the operating system refused; errno told why
    TW_ERR_NOT_FOUND = -4, // the thing asked for is not there
    TW_ERR_EXISTS = -5,    // the thing to be made is there already
    TW_ERR_TOO_LARGE = -6, // over a documented limit
    TW_ERR_AGAIN = -7,     // not now; nothing changed; the same call may succeed later
    TW_ERR_CLOSED = -8,    // the other side, or this object, is closed
    TW_ERR_DAMAGED = -9,   // stored or received data fails its checks
    TW_ERR_VERSION = -10,  // made by a newer version; left untouched
    TW_ERR_REFUSED = -11,  // forbidden by a rule (payment data, permissions)
    TW_ERR_FULL = -12,     // no room: disk, quota, queue
    TW_ERR_MISMATCH = -13, // an Idempotency-Key used again with another body
};

// One sentence for a person. Always NUL-terminated; longer texts are cut.
struct tw_error_text {
    char text[512];
};

// Formats into `err` when it is not NULL and returns `code`, so that a failing path is one line.
__attribute__((format(printf, 3, 4))) static inline int tw_fail(struct tw_error_text *err, int code,
                                                                const char *format, ...)
{
    if (err != NULL) {
        va_list args;
        va_start(args, format);
        (void)vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
    }
    return code;
}

// A short English name of an error code for logs; never NULL.
static inline const char *tw_err_name(int code)
{
    static const char *const names[] = {
        "ok",        "out of memory", "invalid",   "input/output error",
        "not found", "exists",        "too large", "try again",
        "closed",    "damaged",       "newer",     "refused",
        "no room",   "mismatch",
    };
    int index = -code;
    return index >= 0 && index < (int)(sizeof names / sizeof names[0]) ? names[index] : "unknown";
}

#endif
