// SPDX-License-Identifier: Apache-2.0
#include "agent/lane/greeting.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool tw_greeting_begin(struct tw_greeting *greeting, const char *pseudonym)
{
    bool shown = greeting->shown;
    greeting->shown = false;
    (void)snprintf(greeting->pseudonym, sizeof greeting->pseudonym, "%s", pseudonym);
    return shown;
}

bool tw_greeting_end(struct tw_greeting *greeting)
{
    bool shown = greeting->shown;
    tw_seal_wipe(greeting, sizeof *greeting);
    return shown;
}

// A clock that was set back makes the answer one of the future: nobody knows how old it is.
static bool is_fresh(const struct tw_member *member, int64_t wall_ms)
{
    return member->as_of_ms > 0 && member->as_of_ms <= wall_ms &&
           wall_ms - member->as_of_ms <= TW_GREETING_AGE_MS;
}

// Groups of three apart by a space (ISO 80000-1, 7.3.1), which no country takes for a decimal sign.
static void group(int64_t number, char out[32])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%" PRId64, number);
    size_t at = 0;
    for (int i = 0; i < len; i++) {
        bool between = i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-';
        if (between) {
            out[at++] = ' ';
        }
        out[at++] = digits[i];
    }
    out[at] = '\0';
}

// Characters of UTF-8.
static int columns_of(const char *text)
{
    int columns = 0;
    for (; *text != '\0'; text++) {
        columns += ((uint8_t)*text & 0xc0) != 0x80;
    }
    return columns;
}

// The word on the left and the number on the right; the number alone where there is no room for both.
static void write_points(const char *word, int64_t points, char out[TW_GREETING_BYTES])
{
    char number[32];
    group(points, number);
    int gap = TW_GREETING_COLUMNS - columns_of(word) - columns_of(number);
    if (gap >= 1) {
        (void)snprintf(out, TW_GREETING_BYTES, "%s%*s%s", word, gap, "", number);
    } else {
        (void)snprintf(out, TW_GREETING_BYTES, "%*" PRId64, TW_GREETING_COLUMNS, points);
    }
}

enum tw_greeting_change tw_greeting_answer(struct tw_greeting *greeting,
                                           const struct tw_device_config *config,
                                           const struct tw_member *member, int64_t wall_ms,
                                           struct tw_greeting_lines *out)
{
    if (strcmp(member->pseudonym, greeting->pseudonym) != 0) {
        return TW_GREETING_STAYS;
    }
    if (!member->found) {
        return tw_greeting_end(greeting) ? TW_GREETING_CLEAR : TW_GREETING_STAYS;
    }
    *out = (struct tw_greeting_lines){.lower = ""};
    (void)snprintf(out->upper, sizeof out->upper, "%s", config->text != NULL ? config->text : "Welcome!");
    if (member->has_points && is_fresh(member, wall_ms)) {
        write_points(config->points != NULL ? config->points : "Points", member->points, out->lower);
    }
    greeting->shown = true;
    return TW_GREETING_SHOW;
}
