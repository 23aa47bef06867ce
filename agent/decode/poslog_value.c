// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/poslog_value.h"

#include <stdio.h>
#include <string.h>

#include "agent/decode/gs1.h"
#include "tillwire/sale.h"

#define DIGITS "0123456789"

unsigned tw_poslog_decimals(const char *currency)
{
    static const char none[] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF";
    static const char three[] = "BHD IQD JOD KWD LYD OMR TND";
    return strstr(none, currency) != NULL ? 0 : strstr(three, currency) != NULL ? 3 : 2;
}

// A number taken apart: sign, digits before and behind the point.
struct decimal {
    bool negative;
    const char *whole, *fraction;
    size_t whole_len, fraction_len;
};

static bool take_apart(const char *text, struct decimal *out)
{
    struct decimal number = {.negative = *text == '-'};
    text += *text == '-' || *text == '+';
    number.whole = text;
    number.whole_len = strspn(text, DIGITS);
    text += number.whole_len;
    text += *text == '.' || *text == ',';
    number.fraction = text;
    number.fraction_len = strspn(text, DIGITS);
    if (text[number.fraction_len] != '\0' || number.whole_len + number.fraction_len == 0) {
        return false;
    }
    while (number.fraction_len > 0 && number.fraction[number.fraction_len - 1] == '0') {
        number.fraction_len--;
    }
    while (number.whole_len > 0 && number.whole[0] == '0') {
        number.whole++;
        number.whole_len--;
    }
    *out = number;
    return true;
}

bool tw_poslog_money(const char *text, unsigned decimals, int64_t *out)
{
    struct decimal number;
    if (!take_apart(text, &number) || number.fraction_len > decimals || number.whole_len > 12) {
        return false;
    }
    int64_t minor = 0;
    for (size_t i = 0; i < number.whole_len; i++) {
        minor = minor * 10 + (number.whole[i] - '0');
    }
    for (size_t i = 0; i < decimals; i++) {
        minor = minor * 10 + (i < number.fraction_len ? number.fraction[i] - '0' : 0);
    }
    if (minor > TW_MONEY_MAX) {
        return false;
    }
    *out = number.negative ? -minor : minor;
    return true;
}

bool tw_poslog_quantity(const char *text, char out[22])
{
    struct decimal number;
    if (!take_apart(text, &number) || number.whole_len > 12 || number.fraction_len > 6) {
        return false;
    }
    (void)snprintf(out, 22, "%s%.*s%s%.*s", number.negative ? "-" : "",
                   number.whole_len > 0 ? (int)number.whole_len : 1,
                   number.whole_len > 0 ? number.whole : "0", number.fraction_len > 0 ? "." : "",
                   (int)number.fraction_len, number.fraction);
    return true;
}

// True when `text` begins as `form` does, where 0 stands for any digit.
static bool begins(const char *text, const char *form)
{
    for (; *form != '\0'; form++, text++) {
        bool digit = *text >= '0' && *text <= '9';
        if (*form == '0' ? !digit : *text != *form) {
            return false;
        }
    }
    return true;
}

static int two(const char *at)
{
    return (at[0] - '0') * 10 + (at[1] - '0');
}

// Of the Gregorian calendar.
static int days_of(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

bool tw_poslog_day(const char *text, char out[11])
{
    if (!begins(text, "0000-00-00") || two(text + 5) < 1 || two(text + 5) > 12 || two(text + 8) < 1 ||
        two(text + 8) > days_of(two(text) * 100 + two(text + 2), two(text + 5))) {
        return false;
    }
    (void)snprintf(out, 11, "%.10s", text);
    return true;
}

bool tw_poslog_time(const char *text, char out[26])
{
    char day[11];
    if (!tw_poslog_day(text, day) || !begins(text + 10, "T00:00:00") || two(text + 11) > 23 ||
        two(text + 14) > 59 || two(text + 17) > 59) {
        return false;
    }
    const char *rest = text + 19;
    if (*rest == '.') {
        rest += 1 + strspn(rest + 1, DIGITS);
    }
    bool offset = (*rest == '+' || *rest == '-') && begins(rest + 1, "00:00") && rest[6] == '\0' &&
                  two(rest + 1) <= 23 && two(rest + 4) <= 59;
    if (*rest != '\0' && strcmp(rest, "Z") != 0 && !offset) {
        return false;
    }
    (void)snprintf(out, 26, "%.19s%s", text, rest);
    return true;
}

bool tw_poslog_gtin(const char *text, char out[15])
{
    size_t len = strlen(text);
    if (strspn(text, DIGITS) != len || !tw_gs1_gtin_valid(text, len)) {
        return false;
    }
    size_t left = len - strspn(text, "0");
    size_t form = len == 8 || left == 8 ? 8 : left <= 12 ? 12 : left;
    if (left < 8 && len != 8) {
        return false;
    }
    (void)snprintf(out, 15, "%s", text + len - form);
    return true;
}
