// SPDX-License-Identifier: Apache-2.0
//
// Bytes: a borrowed view (`tw_slice`), and a buffer that grows (`tw_buf`). A buffer that once
// failed to grow stays failed and empty of new bytes, so that a writer of many pieces checks
// once, at the end, with `tw_buf_status`.
//
// Threading: an object belongs to one thread at a time. Memory: a slice owns nothing; a buffer
// owns its bytes until `tw_buf_free`. Time: none. Errors: TW_ERR_NOMEM through tw_buf_status.
#ifndef TW_BYTES_H
#define TW_BYTES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tillwire/err.h"

struct tw_slice {
    const uint8_t *ptr;
    size_t len;
};

// A view of a NUL-terminated string, without the NUL; of nothing when `text` is NULL.
static inline struct tw_slice tw_slice_of(const char *text)
{
    return (struct tw_slice){(const uint8_t *)text, text != NULL ? strlen(text) : 0};
}

static inline struct tw_slice tw_slice_make(const void *ptr, size_t len)
{
    return (struct tw_slice){(const uint8_t *)ptr, len};
}

struct tw_buf {
    uint8_t *ptr; // owned; one byte beyond `len` is always a NUL once anything was written
    size_t len;
    size_t cap;
    bool failed;
};

static inline void tw_buf_free(struct tw_buf *buf)
{
    free(buf->ptr);
    *buf = (struct tw_buf){0};
}

// Makes room for `more` bytes and the NUL. On failure the buffer is marked.
static inline bool tw_buf_reserve(struct tw_buf *buf, size_t more)
{
    if (buf->failed || more > SIZE_MAX / 4 || buf->len > SIZE_MAX / 4) {
        buf->failed = true;
        return false;
    }
    size_t need = buf->len + more + 1;
    if (need <= buf->cap) {
        return true;
    }
    size_t cap = buf->cap < 64 ? 64 : buf->cap * 2;
    cap = cap < need ? need : cap;
    uint8_t *grown = realloc(buf->ptr, cap);
    if (grown == NULL) {
        buf->failed = true;
        return false;
    }
    buf->ptr = grown;
    buf->cap = cap;
    return true;
}

static inline void tw_buf_add(struct tw_buf *buf, const void *bytes, size_t len)
{
    if (tw_buf_reserve(buf, len)) {
        if (len > 0) {
            memcpy(buf->ptr + buf->len, bytes, len);
        }
        buf->len += len;
        buf->ptr[buf->len] = 0;
    }
}

static inline void tw_buf_add_text(struct tw_buf *buf, const char *text)
{
    tw_buf_add(buf, text, strlen(text));
}

__attribute__((format(printf, 2, 3))) static inline void tw_buf_printf(struct tw_buf *buf, const char *format,
                                                                       ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    // Mostly there is room already, and formatting once will do.
    size_t room = buf->failed ? 0 : buf->cap - buf->len;
    int len = vsnprintf(room > 0 ? (char *)buf->ptr + buf->len : NULL, room, format, args);
    va_end(args);
    if (len >= 0 && (size_t)len < room) {
        buf->len += (size_t)len;
    } else if (len >= 0 && tw_buf_reserve(buf, (size_t)len)) {
        (void)vsnprintf((char *)buf->ptr + buf->len, (size_t)len + 1, format, again);
        buf->len += (size_t)len;
    } else if (room > 0) {
        buf->ptr[buf->len] = 0;
    }
    va_end(again);
}

// Forgets the content, keeps the memory.
static inline void tw_buf_clear(struct tw_buf *buf)
{
    buf->len = 0;
    buf->failed = false;
}

static inline int TW_MUST_CHECK tw_buf_status(const struct tw_buf *buf)
{
    return buf->failed ? TW_ERR_NOMEM : TW_OK;
}

static inline struct tw_slice tw_buf_slice(const struct tw_buf *buf)
{
    return (struct tw_slice){buf->ptr, buf->len};
}

#endif
