// SPDX-License-Identifier: Apache-2.0
#include "hal/drivers/code.h"

#include <string.h>

static int check_frame(const struct tw_device_config *config, const char *key, const char *value,
                       struct tw_error_text *err)
{
    if (value == NULL || strnlen(value, TW_CODE_FRAME_BYTES + 1) <= TW_CODE_FRAME_BYTES) {
        return 0;
    }
    return tw_fail(err, TW_ERR_INVALID, "device %s: `%s` is longer than %d bytes; shorten it", config->name,
                   key, TW_CODE_FRAME_BYTES);
}

int tw_code_check(const struct tw_device_config *config, struct tw_error_text *err)
{
    int outcome = check_frame(config, "prefix", config->prefix, err);
    outcome = outcome != 0 ? outcome : check_frame(config, "suffix", config->suffix, err);
    if (outcome == 0 && config->code_id != NULL && !tw_code_id_known(config->code_id)) {
        outcome = tw_fail(err, TW_ERR_INVALID,
                          "device %s: `code_id` is honeywell, zebra or datalogic, not %s; correct it",
                          config->name, config->code_id);
    }
    return outcome;
}

void tw_code_add(struct tw_code *code, const void *bytes, size_t len)
{
    if (len > sizeof code->bytes - code->len) {
        code->spoilt = true;
    } else if (len > 0) {
        memcpy(code->bytes + code->len, bytes, len);
        code->len += len;
    }
}

void tw_code_forget(struct tw_code *code)
{
    explicit_bzero(code, sizeof *code);
}

void tw_code_drop(struct tw_code *code, struct tw_driver *driver)
{
    driver->errors += tw_code_begun(code);
    tw_code_forget(code);
}

// The code with an AIM identifier in front, into `room`. One that should begin with a maker's identifier and
// does not stays as it is, and is counted: it may be a card all the same.
static struct tw_slice identify(struct tw_driver *driver, struct tw_slice code, uint8_t room[TW_CODE_ROOM])
{
    const struct tw_device_config *config = driver->host->config;
    char aim[4];
    size_t id = 0;
    size_t front = 0;
    if (config->code_id != NULL && code.ptr[0] != ']') {
        id = tw_code_id_to_aim(config->code_id, code, aim);
        driver->errors += id == 0;
    }
    if (id > 0) {
        front = 3;
        memcpy(room, aim, front);
    }
    memcpy(room + front, code.ptr + id, code.len - id);
    return tw_slice_make(room, front + code.len - id);
}

struct tw_slice tw_code_take(struct tw_code *code, struct tw_driver *driver, uint8_t room[TW_CODE_ROOM])
{
    struct tw_slice prefix = tw_slice_of(driver->host->config->prefix);
    struct tw_slice taken = tw_slice_make(NULL, 0);
    if (code->spoilt || code->len <= prefix.len ||
        (prefix.len > 0 && memcmp(code->bytes, prefix.ptr, prefix.len) != 0)) {
        driver->errors++;
    } else {
        taken = identify(driver, tw_slice_make(code->bytes + prefix.len, code->len - prefix.len), room);
    }
    tw_code_forget(code);
    return taken;
}

void tw_code_end(struct tw_code *code, struct tw_driver *driver)
{
    const struct tw_device_sink *sink = driver->host->sink;
    uint8_t room[TW_CODE_ROOM];
    if (!tw_code_begun(code)) {
        return;
    }
    struct tw_slice taken = tw_code_take(code, driver, room);
    if (taken.len > 0) {
        sink->scan(sink->ctx, driver->host->config->name, taken);
    }
    explicit_bzero(room, sizeof room);
}
