// SPDX-License-Identifier: Apache-2.0
//
// The service manager's side of a process' life; the only file that knows libsystemd.
#include <systemd/sd-daemon.h>

#include "tillwire/supervise.h"

void tw_supervise_ready(const char *status)
{
    (void)sd_notifyf(0, "READY=1\nSTATUS=%s", status);
}

void tw_supervise_status(const char *status)
{
    (void)sd_notifyf(0, "STATUS=%s", status);
}

void tw_supervise_stopping(void)
{
    (void)sd_notify(0, "STOPPING=1");
}

int64_t tw_supervise_watchdog_ms(void)
{
    uint64_t limit_us = 0;
    if (sd_watchdog_enabled(0, &limit_us) <= 0) {
        return 0;
    }
    // sd_watchdog_enabled(3) recommends half of the limit.
    int64_t half_ms = (int64_t)(limit_us / 2000);
    return half_ms > 0 ? half_ms : 1;
}

void tw_supervise_alive(void)
{
    (void)sd_notify(0, "WATCHDOG=1");
}
