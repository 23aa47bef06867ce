// SPDX-License-Identifier: Apache-2.0
//
// Serial scanners, whatever their make: a scan is a run of bytes that ends with CR, LF, CR LF, TAB
// or ETX, or with 50 ms of silence (scanners are delivered without a suffix, too). STX and NUL are
// ignored. An AIM identifier in front (ISO/IEC 15424, "]E0") is part of what is handed on.
#include <stdlib.h>
#include <string.h>

#include "hal/drivers/drivers.h"

enum {
    STX = 0x02,
    ETX = 0x03,
    MAX_SCAN_BYTES = 512, // GS1 DataMatrix and QR codes at a till stay well below
    SILENCE_MS = 50,      // 48 character times at 9600 baud
};

struct scanner {
    struct tw_driver driver;
    uint8_t bytes[MAX_SCAN_BYTES];
    size_t len;
    bool overflow;
    int64_t last_ms;
};

// What was read may be somebody's card: it does not stay.
static void forget(struct scanner *scanner)
{
    explicit_bzero(scanner->bytes, sizeof scanner->bytes);
    scanner->len = 0;
    scanner->overflow = false;
}

static void end_scan(struct scanner *scanner)
{
    const struct tw_driver_host *host = scanner->driver.host;
    if (scanner->overflow) {
        scanner->driver.errors++;
    } else if (scanner->len > 0) {
        host->sink->scan(host->sink->ctx, host->config->name, tw_slice_make(scanner->bytes, scanner->len));
    } else {
        return; // the LF of CR LF
    }
    forget(scanner);
}

static void take(struct scanner *scanner, uint8_t byte)
{
    switch (byte) {
    case '\r':
    case '\n':
    case '\t':
    case ETX:
        end_scan(scanner);
        break;
    case STX:
    case 0:
        break;
    default:
        if (scanner->len == MAX_SCAN_BYTES) {
            scanner->overflow = true;
        } else {
            scanner->bytes[scanner->len++] = byte;
        }
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
    return scanner->len > 0 ? scanner->last_ms + SILENCE_MS : INT64_MAX;
}

static int scanner_tick(struct tw_driver *driver, int64_t now_ms, struct tw_error_text *err)
{
    (void)err;
    if (now_ms >= scanner_deadline(driver)) {
        end_scan((struct scanner *)driver);
    }
    return 0;
}

static void scanner_opened(struct tw_driver *driver, int64_t now_ms)
{
    (void)driver;
    (void)now_ms;
}

static void scanner_lost(struct tw_driver *driver)
{
    struct scanner *scanner = (struct scanner *)driver;
    driver->errors += scanner->len > 0;
    forget(scanner);
}

static void scanner_free(struct tw_driver *driver)
{
    forget((struct scanner *)driver);
    free(driver);
}

static const struct tw_driver_ops scanner_ops = {
    .opened = scanner_opened,
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
    struct scanner *scanner = calloc(1, sizeof *scanner);
    if (scanner == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "no memory for device %s", host->config->name);
    }
    scanner->driver = (struct tw_driver){.ops = &scanner_ops, .host = host};
    *out = &scanner->driver;
    return 0;
}
