// SPDX-License-Identifier: Apache-2.0
#include "firmware/core/settings.h"

#include "tillwire/err.h"

_Static_assert(TW_LINK_CONFIG_BYTES <= TW_BOOT_PAYLOAD, "one record holds the settings");

static bool line_good(const struct tw_link_line *line)
{
    if (line->bits == 0) {
        return line->baud == 0 && line->parity == 0 && line->stop == 0 && line->flow == 0;
    }
    bool baud =
        line->baud == 0 || (line->baud >= TW_SETTINGS_LEAST_BAUD && line->baud <= TW_SETTINGS_MOST_BAUD);
    bool form = (line->bits == 7 || line->bits == 8) && line->parity <= TW_LINK_PARITY_ODD;
    return baud && form && (line->stop == 1 || line->stop == 2) && line->flow <= TW_LINK_FLOW_DTRDSR;
}

bool tw_settings_good(const struct tw_link_settings *settings)
{
    return line_good(&settings->till) && line_good(&settings->printer) && line_good(&settings->scanner);
}

static bool apply(struct tw_settings *settings, const struct tw_link_settings *wanted)
{
    if (!tw_settings_good(wanted) || !settings->port.apply(settings->port.port, wanted)) {
        return false;
    }
    settings->now = *wanted;
    return true;
}

void tw_settings_open(struct tw_settings *settings, struct tw_boot_log *log,
                      const struct tw_settings_port *port, const struct tw_link_settings *factory)
{
    settings->port = *port;
    settings->log = log;
    struct tw_link_settings kept = *factory;
    const uint8_t *payload = tw_boot_log_read(log, TW_BOOT_SETTINGS);
    if (payload != NULL) {
        tw_link_get_settings(payload, &kept);
    }
    if (!apply(settings, &kept)) {
        (void)apply(settings, factory);
    }
}

int tw_settings_take(struct tw_settings *settings, const struct tw_link_settings *wanted)
{
    const struct tw_link_settings *now = &settings->now;
    const struct tw_link_settings lines = {
        .till = wanted->till.bits != 0 ? wanted->till : now->till,
        .printer = wanted->printer.bits != 0 ? wanted->printer : now->printer,
        .scanner = wanted->scanner.bits != 0 ? wanted->scanner : now->scanner,
    };
    if (!tw_settings_good(wanted) || !apply(settings, &lines)) {
        return TW_ERR_INVALID;
    }
    uint8_t payload[TW_BOOT_PAYLOAD] = {0};
    tw_link_put_settings(payload, &settings->now);
    return tw_boot_log_append(settings->log, TW_BOOT_SETTINGS, payload);
}
