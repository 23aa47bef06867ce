// SPDX-License-Identifier: Apache-2.0
#include "firmware/port/linux/about.h"

#include <stdlib.h>
#include <string.h>

// TW_VERSION is three numbers with dots between.
static uint32_t version(void)
{
    char *end = NULL;
    uint32_t major = (uint32_t)strtoul(TW_VERSION, &end, 10);
    uint32_t minor = (uint32_t)strtoul(end + 1, &end, 10);
    return major << 16 | minor << 8 | (uint32_t)strtoul(end + 1, &end, 10);
}

static void info(void *port, struct tw_link_info *out)
{
    const struct tw_about *about = port;
    out->firmware = version();
    out->board = TW_LINK_BOARD_LINUX;
    out->uptime_us -= about->start_us;
    out->lines.till = about->line;
    out->lines.printer = about->line;
}

static bool configure(void *port, const struct tw_link_settings *settings)
{
    (void)port;
    (void)settings;
    return false;
}

static struct tw_link_update update(void *port, const struct tw_link_frame *frame, uint64_t now_us)
{
    (void)port;
    (void)frame;
    (void)now_us;
    return (struct tw_link_update){.state = TW_UPDATE_FAILED, .reason = TW_UPDATE_NOT_HERE};
}

void tw_about_init(struct tw_about *about, struct tw_tap *tap, uint64_t start_us)
{
    const struct tw_tap_board board = {.info = info, .configure = configure, .update = update, .port = about};
    *about = (struct tw_about){.start_us = start_us};
    tw_tap_set_board(tap, &board);
}

// ---- the serial ports

static uint8_t parity_of(const char *name)
{
    static const char *const names[] = {
        [TW_LINK_PARITY_NONE] = "none", [TW_LINK_PARITY_EVEN] = "even",   [TW_LINK_PARITY_ODD] = "odd",
        [TW_LINK_PARITY_MARK] = "mark", [TW_LINK_PARITY_SPACE] = "space",
    };
    uint8_t parity = TW_LINK_PARITY_NONE;
    for (uint8_t i = 0; name != NULL && i < sizeof names / sizeof names[0]; i++) {
        parity = strcmp(name, names[i]) == 0 ? i : parity;
    }
    return parity;
}

void tw_about_line(struct tw_about *about, const struct tw_serial_form *form, enum tw_line_flow flow)
{
    static const uint8_t flows[] = {
        [TW_LINE_FREE] = TW_LINK_FLOW_NONE,
        [TW_LINE_RTSCTS] = TW_LINK_FLOW_RTSCTS,
        [TW_LINE_DTRDSR] = TW_LINK_FLOW_DTRDSR,
        [TW_LINE_XONXOFF] = TW_LINK_FLOW_XONXOFF,
    };
    about->line = (struct tw_link_line){.baud = form->baud,
                                        .bits = (uint8_t)(form->bits != 0 ? form->bits : 8),
                                        .parity = parity_of(form->parity),
                                        .stop = (uint8_t)(form->stop != 0 ? form->stop : 1),
                                        .flow = flows[flow]};
}
