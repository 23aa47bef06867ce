// SPDX-License-Identifier: Apache-2.0
#include "hal/drivers/scanner/code.h"

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

// Hands the code on. One that should begin with a maker's identifier and does not is handed on as it
// is, and counted: it may be a card all the same.
static void hand_on(struct tw_driver *driver, struct tw_slice code)
{
    const struct tw_device_sink *sink = driver->host->sink;
    const struct tw_device_config *config = driver->host->config;
    uint8_t with_aim[3 + TW_CODE_BYTES];
    char aim[4];
    size_t id = 0;
    if (config->code_id != NULL && code.ptr[0] != ']') {
        id = tw_code_id_to_aim(config->code_id, code, aim);
        driver->errors += id == 0;
    }
    if (id == 0) {
        sink->scan(sink->ctx, config->name, code);
        return;
    }
    memcpy(with_aim, aim, 3);
    memcpy(with_aim + 3, code.ptr + id, code.len - id);
    sink->scan(sink->ctx, config->name, tw_slice_make(with_aim, 3 + code.len - id));
    explicit_bzero(with_aim, sizeof with_aim);
}

void tw_code_end(struct tw_code *code, struct tw_driver *driver)
{
    struct tw_slice prefix = tw_slice_of(driver->host->config->prefix);
    if (!tw_code_begun(code)) {
        return;
    }
    if (code->spoilt || code->len <= prefix.len ||
        (prefix.len > 0 && memcmp(code->bytes, prefix.ptr, prefix.len) != 0)) {
        driver->errors++;
    } else {
        hand_on(driver, tw_slice_make(code->bytes + prefix.len, code->len - prefix.len));
    }
    tw_code_forget(code);
}
