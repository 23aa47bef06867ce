// SPDX-License-Identifier: Apache-2.0
#include "tools/cli/text.h"

#include <inttypes.h>
#include <time.h>

void tw_text_age(int64_t seconds, char out[TW_TEXT_MAX])
{
    static const struct {
        int64_t below, unit;
        const char *name;
    } steps[] = {
        {120, 1, "s"},
        {120 * 60, 60, "min"},
        {48 * 3600, 3600, "h"},
        {INT64_MAX, 86400, "days"},
    };
    size_t i = 0;
    if (seconds < 0) {
        (void)snprintf(out, TW_TEXT_MAX, "never");
        return;
    }
    while (i < 3 && seconds >= steps[i].below) {
        i++;
    }
    (void)snprintf(out, TW_TEXT_MAX, "%" PRId64 " %s", seconds / steps[i].unit, steps[i].name);
}

void tw_text_bytes(int64_t bytes, char out[TW_TEXT_MAX])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1024 && unit < 4) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(out, TW_TEXT_MAX, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
}

void tw_text_count(int64_t count, char out[TW_TEXT_MAX])
{
    char digits[TW_TEXT_MAX];
    int len = snprintf(digits, sizeof digits, "%" PRId64, count);
    size_t at = 0;
    for (int i = 0; i < len && at + 2 < TW_TEXT_MAX; i++) {
        if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-') {
            out[at++] = ' ';
        }
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

void tw_text_time(const char *utc, char out[TW_TEXT_MAX])
{
    struct tm parts = {0};
    if (utc == NULL || strptime(utc, "%Y-%m-%dT%H:%M:%S", &parts) == NULL) {
        (void)snprintf(out, TW_TEXT_MAX, "?");
        return;
    }
    time_t at = timegm(&parts);
    (void)localtime_r(&at, &parts);
    (void)strftime(out, TW_TEXT_MAX, "%m-%d %H:%M:%S", &parts);
}

void tw_text_plain(struct tw_slice text, struct tw_buf *out)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        // C1 controls are C2 80 to C2 9F in UTF-8 (Unicode, chapter 23.1).
        bool c1 = c == 0xc2 && i + 1 < text.len && text.ptr[i + 1] >= 0x80 && text.ptr[i + 1] <= 0x9f;
        bool control = c < 0x20 || c == 0x7f || c1;
        i += c1 ? 1 : 0;
        tw_buf_add(out, control ? "?" : (const char *)&c, 1);
    }
}
