// SPDX-License-Identifier: Apache-2.0
//
// A folder into which a till exports its sales log: takes the records of the directory transport
// (hal/io/io.h) apart and carries the agent's answers back. What is in the files is the agent's business.
#include <limits.h>
#include <stdlib.h>

#include "hal/drivers/drivers.h"

enum {
    DEFAULT_LOOK_S = 10,
    FIXED_BYTES = 12, // of a BEGIN, in front of the name
    WHY_BYTES = 512,
};

struct poslog {
    struct tw_driver driver; // first, so that the two are one pointer
    uint8_t head[TW_IO_DIRECTORY_HEAD_BYTES];
    size_t head_len;
    size_t left;                               // bytes of the record that did not come yet
    uint8_t record;                            // what it is; 0: its head is not complete
    uint8_t begin[FIXED_BYTES + NAME_MAX + 1]; // or a TROUBLE, which is not longer
    size_t begin_len;
    bool is_open; // a file was begun and has not ended
    int64_t look_at_ms;
};

static void poslog_lost(struct tw_driver *driver)
{
    struct poslog *poslog = (struct poslog *)driver;
    poslog->head_len = 0;
    poslog->record = 0;
    poslog->is_open = false;
    poslog->look_at_ms = INT64_MAX;
}

static int64_t pause_ms(const struct poslog *poslog)
{
    uint32_t seconds = poslog->driver.host->config->rescan_s;
    return (int64_t)(seconds > 0 ? seconds : DEFAULT_LOOK_S) * 1000;
}

static int poslog_opened(struct tw_driver *driver, const struct tw_io_facts *facts, int64_t now_ms,
                         struct tw_error_text *err)
{
    struct poslog *poslog = (struct poslog *)driver;
    (void)facts;
    (void)err;
    poslog_lost(driver);
    poslog->look_at_ms = now_ms + pause_ms(poslog);
    return 0;
}

// ---- answers

static void send(const struct poslog *poslog, uint8_t answer, struct tw_slice text)
{
    uint8_t bytes[TW_IO_DIRECTORY_ANSWER_BYTES + WHY_BYTES];
    size_t len = text.len < WHY_BYTES ? text.len : WHY_BYTES;
    bytes[0] = answer;
    bytes[1] = (uint8_t)len;
    bytes[2] = (uint8_t)(len >> 8);
    if (len > 0) {
        memcpy(bytes + TW_IO_DIRECTORY_ANSWER_BYTES, text.ptr, len);
    }
    poslog->driver.host->send(poslog->driver.host->ctx,
                              tw_slice_make(bytes, TW_IO_DIRECTORY_ANSWER_BYTES + len));
}

static void poslog_answer(struct tw_driver *driver, enum tw_file_answer answer, const char *why)
{
    static const uint8_t answers[] = {
        [TW_FILE_MORE] = TW_IO_DIRECTORY_MORE,
        [TW_FILE_ACCEPTED] = TW_IO_DIRECTORY_ACCEPTED,
        [TW_FILE_REFUSED] = TW_IO_DIRECTORY_REFUSED,
        [TW_FILE_LATER] = TW_IO_DIRECTORY_LATER,
        [TW_FILE_UNFINISHED] = TW_IO_DIRECTORY_UNFINISHED,
    };
    struct poslog *poslog = (struct poslog *)driver;
    poslog->is_open = poslog->is_open && answer == TW_FILE_MORE;
    send(poslog, answers[answer], why != NULL ? tw_slice_of(why) : tw_slice_make(NULL, 0));
}

// ---- records

static uint64_t number(const uint8_t *bytes, size_t len)
{
    uint64_t value = 0;
    for (size_t i = len; i > 0; i--) {
        value = value << 8 | bytes[i - 1];
    }
    return value;
}

// Whether a head can be one, as things stand.
static bool is_head(const struct poslog *poslog)
{
    uint64_t len = number(poslog->head + 1, 4);
    switch (poslog->head[0]) {
    case TW_IO_DIRECTORY_BEGIN:
    case TW_IO_DIRECTORY_BEGIN_OPEN:
        return len > FIXED_BYTES && len <= FIXED_BYTES + NAME_MAX;
    case TW_IO_DIRECTORY_BYTES:
        return poslog->is_open && len > 0 && len <= TW_IO_DIRECTORY_PIECE_BYTES;
    case TW_IO_DIRECTORY_END:
        return poslog->is_open && len == 1;
    case TW_IO_DIRECTORY_TROUBLE:
        return len > 0 && len <= TW_IO_DIRECTORY_TROUBLE_BYTES;
    default:
        return false;
    }
}

static void take_head(struct poslog *poslog, uint8_t byte)
{
    poslog->head[poslog->head_len++] = byte;
    if (poslog->head_len < sizeof poslog->head) {
        return;
    }
    if (!is_head(poslog)) {
        poslog->driver.errors++;
        poslog->head_len--;
        memmove(poslog->head, poslog->head + 1, poslog->head_len);
        return;
    }
    poslog->record = poslog->head[0];
    poslog->left = (size_t)number(poslog->head + 1, 4);
    poslog->head_len = 0;
    poslog->begin_len = 0;
}

static void begin_file(struct poslog *poslog)
{
    const struct tw_driver_host *host = poslog->driver.host;
    poslog->begin[poslog->begin_len] = '\0';
    const struct tw_device_file file = {.name = (const char *)poslog->begin + FIXED_BYTES,
                                        .bytes = number(poslog->begin, 8),
                                        .waiting = (uint32_t)number(poslog->begin + 8, 4),
                                        .open = poslog->record == TW_IO_DIRECTORY_BEGIN_OPEN};
    poslog->is_open = true;
    host->sink->file_begin(host->sink->ctx, host->config->name, &file);
}

// The device goes on with that: its reason says it, and it is counted.
static void tell_trouble(struct poslog *poslog, struct tw_error_text *err)
{
    bool is_over = poslog->begin[0] == 0;
    poslog->begin[poslog->begin_len] = '\0';
    poslog->driver.errors += !is_over;
    if (err != NULL) {
        (void)snprintf(err->text, sizeof err->text, "%s%s%s",
                       is_over ? "" : poslog->driver.host->config->name, is_over ? "" : ": ",
                       (const char *)poslog->begin + 1);
    }
}

// Takes what belongs to the record; `bytes` has at most what is left of it.
static void take_record(struct poslog *poslog, struct tw_slice bytes, struct tw_error_text *err)
{
    const struct tw_driver_host *host = poslog->driver.host;
    poslog->left -= bytes.len;
    bool over = poslog->left == 0;
    if (poslog->record == TW_IO_DIRECTORY_BEGIN || poslog->record == TW_IO_DIRECTORY_BEGIN_OPEN ||
        poslog->record == TW_IO_DIRECTORY_TROUBLE) {
        memcpy(poslog->begin + poslog->begin_len, bytes.ptr, bytes.len);
        poslog->begin_len += bytes.len;
        if (over && poslog->record == TW_IO_DIRECTORY_TROUBLE) {
            tell_trouble(poslog, err);
        } else if (over) {
            begin_file(poslog);
        }
    } else if (poslog->record == TW_IO_DIRECTORY_END) {
        poslog->is_open = false;
        host->sink->file_end(host->sink->ctx, host->config->name, bytes.ptr[0] == 1);
    } else if (poslog->is_open && host->sink->file_bytes(host->sink->ctx, host->config->name, bytes) &&
               over) {
        send(poslog, TW_IO_DIRECTORY_MORE, tw_slice_make(NULL, 0));
    }
    if (over) {
        poslog->record = 0;
    }
}

static int poslog_feed(struct tw_driver *driver, struct tw_slice bytes, int64_t now_ms,
                       struct tw_error_text *err)
{
    struct poslog *poslog = (struct poslog *)driver;
    (void)now_ms;
    while (bytes.len > 0) {
        size_t len = 1;
        if (poslog->record == 0) {
            take_head(poslog, bytes.ptr[0]);
        } else {
            len = bytes.len < poslog->left ? bytes.len : poslog->left;
            take_record(poslog, tw_slice_make(bytes.ptr, len), err);
        }
        bytes.ptr += len;
        bytes.len -= len;
    }
    return 0;
}

// ---- time

static int64_t poslog_deadline(const struct tw_driver *driver)
{
    return ((const struct poslog *)driver)->look_at_ms;
}

static int poslog_tick(struct tw_driver *driver, int64_t now_ms, struct tw_error_text *err)
{
    struct poslog *poslog = (struct poslog *)driver;
    (void)err;
    if (now_ms >= poslog->look_at_ms) {
        poslog->look_at_ms = now_ms + pause_ms(poslog);
        uint8_t now[8];
        for (size_t i = 0; i < sizeof now; i++) {
            now[i] = (uint8_t)((uint64_t)now_ms >> (8 * i));
        }
        send(poslog, TW_IO_DIRECTORY_LOOK, tw_slice_make(now, sizeof now));
    }
    return 0;
}

static void poslog_free(struct tw_driver *driver)
{
    free(driver);
}

static const struct tw_driver_ops poslog_ops = {
    .opened = poslog_opened,
    .lost = poslog_lost,
    .feed = poslog_feed,
    .tick = poslog_tick,
    .deadline = poslog_deadline,
    .acknowledge = tw_driver_no_acknowledge,
    .answer = poslog_answer,
    .free = poslog_free,
};

int tw_poslog_driver_new(const struct tw_driver_host *host, struct tw_driver **out, struct tw_error_text *err)
{
    struct poslog *poslog = calloc(1, sizeof *poslog);
    if (poslog == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "no memory for device %s", host->config->name);
    }
    poslog->driver = (struct tw_driver){.ops = &poslog_ops, .host = host};
    poslog->look_at_ms = INT64_MAX;
    *out = &poslog->driver;
    return 0;
}
