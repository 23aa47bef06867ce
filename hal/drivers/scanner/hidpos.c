// SPDX-License-Identifier: Apache-2.0
//
// Scanners in HID POS mode, on the Bar Code Scanner page of HID (USB-IF, HID Point of Sale Usage
// Tables 1.02). Where the fields are, the scanner's report descriptor says. A code may span several
// reports (Decode Data Continued); its symbology is handed on as an AIM identifier in front.
#include <stdlib.h>
#include <string.h>

#include "hal/drivers/code.h"
#include "hal/drivers/drivers.h"
#include "hal/drivers/hid_stream.h"

enum {
    CONTINUE_MS = 500, // for the next report of a code; USB interrupt intervals end at 255 ms
};

struct hidpos {
    struct tw_driver driver;
    struct tw_hid_layout layout;
    struct tw_hid_stream stream;
    struct tw_code code;
    char aim[4]; // of the code that is continued
    int64_t last_ms;
};

// ---- reports

// The identifier as three characters; scanners send it with and without its flag character.
static void read_symbology(const struct tw_hid_report *layout, struct tw_slice report, char aim[4])
{
    char raw[4] = "";
    for (size_t i = 0; i < 3; i++) {
        raw[i] = (char)tw_hid_value(&layout->symbology[i], report, 0);
    }
    bool flagged = raw[0] == ']';
    aim[0] = ']';
    aim[1] = flagged ? raw[1] : raw[0];
    aim[2] = flagged ? raw[2] : raw[1];
    aim[3] = '\0';
    if (aim[1] <= ' ' || aim[1] > '~' || aim[2] <= ' ' || aim[2] > '~') {
        aim[0] = '\0';
    }
}

// The first report of a code brings its identifier, the others may repeat it. A code that goes on
// under another one has lost its end.
static void begin(struct hidpos *hidpos, const char aim[4])
{
    if (tw_code_begun(&hidpos->code)) {
        if (aim[0] == '\0' || strcmp(aim, hidpos->aim) == 0) {
            return;
        }
        tw_code_drop(&hidpos->code, &hidpos->driver);
    }
    memcpy(hidpos->aim, aim, 4);
    tw_code_add(&hidpos->code, aim, strlen(aim));
}

static void take_report(void *ctx, struct tw_slice report)
{
    struct hidpos *hidpos = ctx;
    const struct tw_hid_report *layout = tw_hid_layout_of(&hidpos->layout, report);
    struct tw_slice data;
    char aim[4];
    if (layout == NULL) {
        return; // of its settings, of its trigger
    }
    if (!tw_hid_bytes(&layout->data, &layout->byte_count, report, &data)) {
        tw_code_drop(&hidpos->code, &hidpos->driver);
        hidpos->driver.errors++;
        return;
    }
    bool goes_on = tw_hid_value(&layout->continued, report, 0) != 0;
    if (data.len == 0 && !goes_on && !tw_code_begun(&hidpos->code)) {
        return;
    }
    read_symbology(layout, report, aim);
    begin(hidpos, aim);
    tw_code_add(&hidpos->code, data.ptr, data.len);
    if (!goes_on) {
        tw_code_end(&hidpos->code, &hidpos->driver);
    }
}

static int hidpos_feed(struct tw_driver *driver, struct tw_slice bytes, int64_t now_ms,
                       struct tw_error_text *err)
{
    struct hidpos *hidpos = (struct hidpos *)driver;
    (void)err;
    driver->errors += tw_hid_stream_feed(&hidpos->stream, bytes, take_report, hidpos);
    hidpos->last_ms = now_ms;
    return 0;
}

static int64_t hidpos_deadline(const struct tw_driver *driver)
{
    const struct hidpos *hidpos = (const struct hidpos *)driver;
    return tw_code_begun(&hidpos->code) ? hidpos->last_ms + CONTINUE_MS : INT64_MAX;
}

static int hidpos_tick(struct tw_driver *driver, int64_t now_ms, struct tw_error_text *err)
{
    (void)err;
    if (now_ms >= hidpos_deadline(driver)) {
        tw_code_drop(&((struct hidpos *)driver)->code, driver);
    }
    return 0;
}

// ---- life

static void hidpos_lost(struct tw_driver *driver)
{
    struct hidpos *hidpos = (struct hidpos *)driver;
    bool half = tw_hid_stream_forget(&hidpos->stream) && !tw_code_begun(&hidpos->code);
    driver->errors += half;
    tw_code_drop(&hidpos->code, driver);
}

static int hidpos_opened(struct tw_driver *driver, const struct tw_io_facts *facts, int64_t now_ms,
                         struct tw_error_text *err)
{
    struct hidpos *hidpos = (struct hidpos *)driver;
    struct tw_error_text why = {0};
    (void)now_ms;
    int outcome = tw_hid_layout_read(facts->descriptor, TW_HID_SCANS, &hidpos->layout, &why);
    return outcome == 0 ? 0
                        : tw_fail(err, outcome, "device %s: %s; switch the scanner to HID POS mode",
                                  driver->host->config->name, why.text);
}

static void hidpos_free(struct tw_driver *driver)
{
    explicit_bzero(driver, sizeof(struct hidpos));
    free(driver);
}

static const struct tw_driver_ops hidpos_ops = {
    .opened = hidpos_opened,
    .lost = hidpos_lost,
    .feed = hidpos_feed,
    .tick = hidpos_tick,
    .deadline = hidpos_deadline,
    .acknowledge = tw_driver_no_acknowledge,
    .free = hidpos_free,
};

int tw_hidpos_scanner_new(const struct tw_driver_host *host, struct tw_driver **out,
                          struct tw_error_text *err)
{
    struct hidpos *hidpos = calloc(1, sizeof *hidpos);
    if (hidpos == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "no memory for device %s", host->config->name);
    }
    hidpos->driver = (struct tw_driver){.ops = &hidpos_ops, .host = host};
    *out = &hidpos->driver;
    return 0;
}
