// SPDX-License-Identifier: Apache-2.0
//
// Scanners on a line, serial or TCP, whatever their make. Where nothing is configured, a scan is a
// run of bytes that ends with CR, LF, CR LF, TAB or ETX, or with 50 ms of silence (scanners are
// delivered without a suffix, too); STX and NUL are ignored. With `suffix` a scan ends with that
// alone, and one that has none is incomplete. An AIM identifier in front (ISO/IEC 15424, "]E0") is
// part of what is handed on.
#include <stdlib.h>
#include <string.h>

#include "hal/drivers/code.h"
#include "hal/drivers/drivers.h"

enum {
    STX = 0x02,
    ETX = 0x03,
    SILENCE_MS = 50, // 48 character times at 9600 baud
};

struct scanner {
    struct tw_driver driver;
    struct tw_code code;
    uint64_t tail;        // the last 8 bytes
    uint64_t suffix;      // the same, of what ends a scan
    uint64_t suffix_mask; // 0: the usual endings
    size_t suffix_len;
    int64_t last_ms;
};

static bool is_ending(uint8_t byte)
{
    return byte == '\r' || byte == '\n' || byte == '\t' || byte == ETX;
}

static void take_until_suffix(struct scanner *scanner, uint8_t byte)
{
    bool begun = tw_code_begun(&scanner->code);
    scanner->tail = begun ? scanner->tail << 8 | byte : byte;
    bool ends = (scanner->tail & scanner->suffix_mask) == scanner->suffix;
    if (!begun && !ends && (byte == '\r' || byte == '\n')) {
        return; // what a scanner sends beyond its suffix
    }
    tw_code_add(&scanner->code, &byte, 1);
    if (ends) {
        scanner->code.len -= scanner->code.spoilt ? 0 : scanner->suffix_len;
        tw_code_end(&scanner->code, &scanner->driver);
        scanner->tail = 0;
    }
}

static void take(struct scanner *scanner, uint8_t byte)
{
    if ((byte == STX || byte == 0) && scanner->driver.host->config->prefix == NULL) {
        return;
    }
    if (scanner->suffix_mask != 0) {
        take_until_suffix(scanner, byte);
    } else if (is_ending(byte)) {
        tw_code_end(&scanner->code, &scanner->driver);
    } else {
        tw_code_add(&scanner->code, &byte, 1);
    }
}

static int scanner_feed(struct tw_driver *driver, struct tw_slice bytes, int64_t now_ms,
                        struct tw_error_text *err)
{
    struct scanner *scanner = (struct scanner *)driver;
    (void)err;
    for (size_t i = 0; i < bytes.len; i++) {
        take(scanner, bytes.ptr[i]);
    }
    scanner->last_ms = now_ms;
    return 0;
}

static int64_t scanner_deadline(const struct tw_driver *driver)
{
    const struct scanner *scanner = (const struct scanner *)driver;
    return tw_code_begun(&scanner->code) ? scanner->last_ms + SILENCE_MS : INT64_MAX;
}

static int scanner_tick(struct tw_driver *driver, int64_t now_ms, struct tw_error_text *err)
{
    struct scanner *scanner = (struct scanner *)driver;
    (void)err;
    if (now_ms >= scanner_deadline(driver)) {
        if (scanner->suffix_mask != 0) {
            tw_code_drop(&scanner->code, driver);
        } else {
            tw_code_end(&scanner->code, driver);
        }
    }
    return 0;
}

static void scanner_lost(struct tw_driver *driver)
{
    struct scanner *scanner = (struct scanner *)driver;
    tw_code_drop(&scanner->code, driver);
    scanner->tail = 0;
}

static void scanner_free(struct tw_driver *driver)
{
    tw_code_forget(&((struct scanner *)driver)->code);
    free(driver);
}

static const struct tw_driver_ops scanner_ops = {
    .opened = tw_driver_no_opened,
    .lost = scanner_lost,
    .feed = scanner_feed,
    .tick = scanner_tick,
    .deadline = scanner_deadline,
    .acknowledge = tw_driver_no_acknowledge,
    .free = scanner_free,
};

int tw_serial_scanner_new(const struct tw_driver_host *host, struct tw_driver **out,
                          struct tw_error_text *err)
{
    int outcome = tw_code_check(host->config, err);
    if (outcome != 0) {
        return outcome;
    }
    struct scanner *scanner = calloc(1, sizeof *scanner);
    if (scanner == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "no memory for device %s", host->config->name);
    }
    scanner->driver = (struct tw_driver){.ops = &scanner_ops, .host = host};
    struct tw_slice suffix = tw_slice_of(host->config->suffix);
    for (size_t i = 0; i < suffix.len; i++) {
        scanner->suffix = scanner->suffix << 8 | suffix.ptr[i];
        scanner->suffix_mask = scanner->suffix_mask << 8 | 0xff;
    }
    scanner->suffix_len = suffix.len;
    *out = &scanner->driver;
    return 0;
}
