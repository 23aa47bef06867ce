// SPDX-License-Identifier: Apache-2.0
#include "hal/drivers/tap/scan.h"

#include <string.h>

enum { STX = 0x02, ETX = 0x03 };

static bool is_line_end(uint8_t byte)
{
    return byte == '\r' || byte == '\n';
}

// What is left of the configured suffix at the end of a reading: the board took the line end off.
static struct tw_slice rest_of_suffix(const struct tw_device_config *config)
{
    struct tw_slice suffix = tw_slice_of(config->suffix);
    while (suffix.len > 0 && is_line_end(suffix.ptr[suffix.len - 1])) {
        suffix.len--;
    }
    return suffix;
}

// False: it lacks the configured one.
static bool cut_suffix(const struct tw_device_config *config, struct tw_slice *reading)
{
    struct tw_slice suffix = rest_of_suffix(config);
    if (config->suffix == NULL) { // the usual endings of hal/drivers/scanner/serial.c
        while (reading->len > 0 &&
               (reading->ptr[reading->len - 1] == '\t' || reading->ptr[reading->len - 1] == ETX)) {
            reading->len--;
        }
        return true;
    }
    if (reading->len < suffix.len ||
        (suffix.len > 0 && memcmp(reading->ptr + reading->len - suffix.len, suffix.ptr, suffix.len) != 0)) {
        return false;
    }
    reading->len -= suffix.len;
    return true;
}

struct tw_slice tw_tap_scan_code(struct tw_driver *driver, struct tw_slice reading,
                                 uint8_t room[TW_CODE_ROOM])
{
    const struct tw_device_config *config = driver->host->config;
    struct tw_code code = {.spoilt = !cut_suffix(config, &reading)};
    for (size_t i = 0; i < reading.len; i++) {
        bool is_padding = (reading.ptr[i] == STX || reading.ptr[i] == 0) && config->prefix == NULL;
        tw_code_add(&code, reading.ptr + i, is_padding ? 0 : 1);
    }
    return tw_code_take(&code, driver, room);
}
