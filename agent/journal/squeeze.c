// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/squeeze.h"

#include <stdbool.h>

#include <zstd.h>

#include "words.h"

// What it is made with, by measurement on our own events (words/README.md). A table of 2^11 entries is enough
// for a kilobyte of event and six of dictionary; the window bounds the working memory for events of any size.
#define WINDOW_LOG 14
#define HASH_LOG   11
#define MIN_MATCH  5

// Every frame begins with these (RFC 8878, section 3.1.1); they are not stored.
static const uint8_t magic[4] = {0x28, 0xb5, 0x2f, 0xfd};

enum form { PLAIN = 0, WORDS_1 = 1 };

struct tw_squeeze {
    ZSTD_CCtx *in;  // NULL at rest
    ZSTD_DCtx *out; // likewise
    struct tw_buf frame;
};

struct tw_squeeze *tw_squeeze_new(void)
{
    return calloc(1, sizeof(struct tw_squeeze));
}

void tw_squeeze_rest(struct tw_squeeze *squeeze)
{
    (void)ZSTD_freeCCtx(squeeze->in); // NULL is allowed, as below
    (void)ZSTD_freeDCtx(squeeze->out);
    tw_buf_free(&squeeze->frame);
    *squeeze = (struct tw_squeeze){0};
}

void tw_squeeze_free(struct tw_squeeze *squeeze)
{
    if (squeeze != NULL) {
        tw_squeeze_rest(squeeze);
        free(squeeze);
    }
}

static bool wake_in(struct tw_squeeze *squeeze)
{
    static const struct {
        ZSTD_cParameter name;
        int value;
    } parameters[] = {
        {ZSTD_c_strategy, ZSTD_fast}, {ZSTD_c_windowLog, WINDOW_LOG}, {ZSTD_c_hashLog, HASH_LOG},
        {ZSTD_c_minMatch, MIN_MATCH}, {ZSTD_c_dictIDFlag, 0}, // the first byte says it
    };
    if (squeeze->in != NULL) {
        return true;
    }
    ZSTD_CCtx *in = ZSTD_createCCtx();
    bool good = in != NULL;
    for (size_t i = 0; good && i < sizeof parameters / sizeof parameters[0]; i++) {
        good = !ZSTD_isError(ZSTD_CCtx_setParameter(in, parameters[i].name, parameters[i].value));
    }
    good = good && !ZSTD_isError(ZSTD_CCtx_loadDictionary(in, tw_words_1, tw_words_1_len));
    if (!good) {
        (void)ZSTD_freeCCtx(in);
        return false;
    }
    squeeze->in = in;
    return true;
}

static bool wake_out(struct tw_squeeze *squeeze)
{
    if (squeeze->out != NULL) {
        return true;
    }
    ZSTD_DCtx *out = ZSTD_createDCtx();
    if (out == NULL || ZSTD_isError(ZSTD_DCtx_loadDictionary(out, tw_words_1, tw_words_1_len))) {
        (void)ZSTD_freeDCtx(out);
        return false;
    }
    squeeze->out = out;
    return true;
}

static int add_plain(struct tw_slice plain, struct tw_buf *out)
{
    if (!tw_buf_reserve(out, 1 + plain.len)) {
        return TW_ERR_NOMEM;
    }
    const uint8_t form = PLAIN;
    tw_buf_add(out, &form, 1);
    tw_buf_add(out, plain.ptr, plain.len);
    return TW_OK;
}

int tw_squeeze_pack(struct tw_squeeze *squeeze, struct tw_slice plain, struct tw_buf *out)
{
    size_t bound = ZSTD_compressBound(plain.len);
    if (!wake_in(squeeze) || ZSTD_isError(bound) || !tw_buf_reserve(out, bound)) {
        return TW_ERR_NOMEM;
    }
    uint8_t *at = out->ptr + out->len;
    size_t len = ZSTD_compress2(squeeze->in, at, bound, plain.ptr, plain.len);
    if (ZSTD_isError(len)) {
        *at = 0;
        return TW_ERR_NOMEM; // nothing else can be missing
    }
    if (len - sizeof magic >= plain.len) {
        return add_plain(plain, out);
    }
    at[0] = WORDS_1;
    memmove(at + 1, at + sizeof magic, len - sizeof magic);
    out->len += 1 + len - sizeof magic;
    out->ptr[out->len] = 0;
    return TW_OK;
}

// One whole frame that says how long its content is.
static int open_frame(struct tw_squeeze *squeeze, size_t max_bytes, struct tw_buf *out)
{
    const struct tw_slice frame = tw_buf_slice(&squeeze->frame);
    unsigned long long size = ZSTD_getFrameContentSize(frame.ptr, frame.len);
    if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN ||
        ZSTD_findFrameCompressedSize(frame.ptr, frame.len) != frame.len) {
        return TW_ERR_DAMAGED;
    }
    if (size > max_bytes) {
        return TW_ERR_TOO_LARGE;
    }
    if (!tw_buf_reserve(out, (size_t)size)) {
        return TW_ERR_NOMEM;
    }
    size_t got = ZSTD_decompressDCtx(squeeze->out, out->ptr + out->len, (size_t)size, frame.ptr, frame.len);
    bool good = !ZSTD_isError(got) && got == size;
    out->len += good ? got : 0;
    out->ptr[out->len] = 0;
    return good ? TW_OK : TW_ERR_DAMAGED;
}

int tw_squeeze_unpack(struct tw_squeeze *squeeze, struct tw_slice packed, size_t max_bytes,
                      struct tw_buf *out)
{
    if (packed.len == 0 || packed.ptr[0] > WORDS_1) {
        return TW_ERR_DAMAGED;
    }
    const struct tw_slice rest = tw_slice_make(packed.ptr + 1, packed.len - 1);
    if (packed.ptr[0] == PLAIN) {
        if (rest.len > max_bytes) {
            return TW_ERR_TOO_LARGE;
        }
        tw_buf_add(out, rest.ptr, rest.len);
        return tw_buf_status(out);
    }
    tw_buf_clear(&squeeze->frame);
    tw_buf_add(&squeeze->frame, magic, sizeof magic);
    tw_buf_add(&squeeze->frame, rest.ptr, rest.len);
    if (!wake_out(squeeze) || tw_buf_status(&squeeze->frame) != TW_OK) {
        return TW_ERR_NOMEM;
    }
    return open_frame(squeeze, max_bytes, out);
}
