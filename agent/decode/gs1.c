// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/gs1.h"

#include <string.h>

static bool all_digits(const char *digits, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (digits[i] < '0' || digits[i] > '9') {
            return false;
        }
    }
    return len >= 2;
}

bool tw_gs1_check_valid(const char *digits, size_t len)
{
    if (!all_digits(digits, len)) {
        return false;
    }
    unsigned sum = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned weight = (len - 1 - i) % 2 == 1 ? 3 : 1;
        sum += weight * (unsigned)(digits[i] - '0');
    }
    return sum % 10 == 0;
}

bool tw_gs1_gtin_valid(const char *digits, size_t len)
{
    return (len == 8 || (len >= 12 && len <= TW_GTIN_DIGITS)) && tw_gs1_check_valid(digits, len);
}

int tw_gs1_gtin_canonical(const char *digits, size_t len, char out[TW_GTIN_DIGITS + 1])
{
    if (!tw_gs1_gtin_valid(digits, len)) {
        return TW_ERR_INVALID;
    }
    memset(out, '0', TW_GTIN_DIGITS - len);
    memcpy(out + TW_GTIN_DIGITS - len, digits, len);
    out[TW_GTIN_DIGITS] = '\0';
    return TW_OK;
}

bool tw_luhn_valid(const char *digits, size_t len)
{
    if (!all_digits(digits, len)) {
        return false;
    }
    unsigned sum = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned digit = (unsigned)(digits[i] - '0');
        bool twice = (len - 1 - i) % 2 == 1;
        sum += !twice ? digit : digit < 5 ? digit * 2 : digit * 2 - 9;
    }
    return sum % 10 == 0;
}
