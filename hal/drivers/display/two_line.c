// SPDX-License-Identifier: Apache-2.0
//
// Two-line customer displays, 20 columns each, in the commands of Epson (ESC/POS; DM-D110 Specification,
// "Commands") or of the CD5220 (User's Manual, "CD5220 Standard Mode Command List"), one of which nearly
// every display understands. The lines are kept, so that a display that was away shows at once what is to be
// shown now.
#include <stdlib.h>
#include <string.h>

#include "hal/drivers/display/characters.h"
#include "hal/drivers/drivers.h"

enum { COLUMNS = 20, LINES = 2 };

struct protocol {
    const char *name;
    const char *start; // initialise, hide the cursor; what was not understood is cleared afterwards
    size_t start_len;
    bool cp437;
    const char *before[LINES]; // a line, in characters that are no NUL
    const char *after;
};

#define CLEAR "\x0c" // CLR, in both

static const struct protocol protocols[] = {
    // ESC @; ESC t 0: code page 437; US MD1: overwrite mode; US C 0: no cursor. US $ column row.
    {"escpos",
     "\x1b@\x1bt\0\x1f\x01\x1f"
     "C\0",
     10,
     true,
     {"\x1f$\x01\x01", "\x1f$\x01\x02"},
     ""},
    // ESC @; ESC _ 0: no cursor. ESC Q A, ESC Q B: a whole line, ended by CR. Its code page is a switch's.
    {"cd5220", "\x1b@\x1b_\0", 5, false, {"\x1bQA", "\x1bQB"}, "\r"},
};

struct display {
    struct tw_driver driver;
    const struct protocol *protocol;
    bool up;
    bool blank;
    uint8_t lines[LINES][COLUMNS];
};

static void send(const struct display *display, const void *bytes, size_t len)
{
    display->driver.host->send(display->driver.host->ctx, tw_slice_make(bytes, len));
}

// Both lines in one piece, so that none of them is ever seen with another one's.
static void send_lines(const struct display *display)
{
    const struct protocol *protocol = display->protocol;
    uint8_t out[LINES * (COLUMNS + 8)];
    size_t len = 0;
    if (display->blank) {
        send(display, CLEAR, 1);
        return;
    }
    for (size_t i = 0; i < LINES; i++) {
        size_t before = strlen(protocol->before[i]);
        memcpy(out + len, protocol->before[i], before);
        memcpy(out + len + before, display->lines[i], COLUMNS);
        len += before + COLUMNS;
        memcpy(out + len, protocol->after, strlen(protocol->after));
        len += strlen(protocol->after);
    }
    send(display, out, len);
}

static void display_show(struct tw_driver *driver, const char *upper, const char *lower)
{
    struct display *display = (struct display *)driver;
    display->blank = upper[0] == '\0' && lower[0] == '\0';
    tw_display_characters(upper, display->protocol->cp437, display->lines[0], COLUMNS);
    tw_display_characters(lower, display->protocol->cp437, display->lines[1], COLUMNS);
    if (display->up) {
        send_lines(display);
    }
}

static int display_opened(struct tw_driver *driver, const struct tw_io_facts *facts, int64_t now_ms,
                          struct tw_error_text *err)
{
    struct display *display = (struct display *)driver;
    (void)facts;
    (void)now_ms;
    (void)err;
    display->up = true;
    send(display, display->protocol->start, display->protocol->start_len);
    send(display, CLEAR, 1);
    if (!display->blank) {
        send_lines(display);
    }
    return 0;
}

static void display_lost(struct tw_driver *driver)
{
    ((struct display *)driver)->up = false;
}

// Displays are only spoken to; some answer all the same.
static int display_feed(struct tw_driver *driver, struct tw_slice bytes, int64_t now_ms,
                        struct tw_error_text *err)
{
    (void)driver;
    (void)bytes;
    (void)now_ms;
    (void)err;
    return 0;
}

static void display_free(struct tw_driver *driver)
{
    explicit_bzero(driver, sizeof(struct display));
    free(driver);
}

static const struct tw_driver_ops display_ops = {
    .opened = display_opened,
    .lost = display_lost,
    .feed = display_feed,
    .tick = tw_driver_no_tick,
    .deadline = tw_driver_no_deadline,
    .acknowledge = tw_driver_no_acknowledge,
    .show = display_show,
    .free = display_free,
};

// The first one when nothing is said.
static const struct protocol *protocol_named(const char *name)
{
    for (size_t i = 0; i < sizeof protocols / sizeof protocols[0]; i++) {
        if (name == NULL || strcmp(name, protocols[i].name) == 0) {
            return &protocols[i];
        }
    }
    return NULL;
}

int tw_two_line_display_new(const struct tw_driver_host *host, struct tw_driver **out,
                            struct tw_error_text *err)
{
    const struct protocol *protocol = protocol_named(host->config->protocol);
    if (protocol == NULL) {
        return tw_fail(err, TW_ERR_INVALID, "device %s: `protocol` is escpos or cd5220, not %s; correct it",
                       host->config->name, host->config->protocol);
    }
    struct display *display = calloc(1, sizeof *display);
    if (display == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "no memory for device %s", host->config->name);
    }
    display->driver = (struct tw_driver){.ops = &display_ops, .host = host};
    display->protocol = protocol;
    display->blank = true;
    *out = &display->driver;
    return 0;
}
