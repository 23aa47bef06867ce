// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/issuer.h"

#include <stdint.h>

#define LEN(n)  (1u << ((n)-TW_PAN_MIN))
#define ANY     0x7Fu // 13 to 19
#define FROM(n) (ANY & ~(LEN(n) - 1u))
#define NONE    0u

// Ranges of the first six digits, as the networks publish them for merchants and processors.
static const struct range {
    uint32_t first, last;
    uint8_t whole;  // lengths in use
    uint8_t inside; // lengths looked for inside longer numbers
} ranges[] = {
    {100000, 199999, LEN(15), NONE},                         // UATP
    {220000, 220599, FROM(16), LEN(16)},                     // Mir 2200-2204, Borica 2205
    {222100, 272099, LEN(16), LEN(16)},                      // Mastercard
    {300000, 305999, LEN(14) | LEN(16) | LEN(19), LEN(16)},  // Diners Club
    {309500, 309599, LEN(14) | LEN(16) | LEN(19), LEN(16)},  // Diners Club
    {340000, 349999, LEN(15), LEN(15)},                      // American Express
    {352800, 358999, FROM(16), LEN(16)},                     // JCB
    {360000, 369999, FROM(14), LEN(16)},                     // Diners Club
    {370000, 379999, LEN(15), LEN(15)},                      // American Express
    {380000, 399999, LEN(14) | LEN(16) | LEN(19), LEN(16)},  // Diners Club, Hipercard
    {400000, 499999, LEN(13) | LEN(16) | FROM(18), LEN(16)}, // Visa, Elo, Dankort
    {500000, 509999, ANY, LEN(16)},                          // Maestro, Elo, RuPay, Verve, Dankort
    {510000, 559999, LEN(16), LEN(16)},                      // Mastercard
    {560000, 589999, ANY, LEN(16)},                          // Maestro
    {600000, 609999, ANY, LEN(16)},                          // Discover, RuPay, Hipercard, Maestro
    {610000, 619999, ANY, NONE},                             // Maestro
    {620000, 629999, ANY, LEN(16) | LEN(19)},                // UnionPay, Discover
    {630000, 639999, ANY, NONE},                             // Maestro, InstaPayment, Elo
    {640000, 659999, ANY, LEN(16)},                          // Discover, RuPay, Troy, Verve, Elo
    {660000, 699999, ANY, NONE},                             // Maestro
    {810000, 829999, FROM(16), LEN(16)},                     // UnionPay, RuPay
    {860000, 860099, LEN(16), LEN(16)},                      // Uzcard
    {979200, 979299, LEN(16), LEN(16)},                      // Troy
    {986000, 986099, LEN(16), LEN(16)},                      // Humo
};

bool tw_issuer_knows(const char *digits, size_t len, bool inside)
{
    if (len < TW_PAN_MIN || len > TW_PAN_MAX) {
        return false;
    }
    uint32_t prefix = 0;
    for (size_t i = 0; i < 6; i++) {
        prefix = prefix * 10 + (uint32_t)(digits[i] - '0');
    }
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0] && ranges[i].first <= prefix; i++) {
        if (prefix <= ranges[i].last) {
            return ((inside ? ranges[i].inside : ranges[i].whole) & LEN(len)) != 0;
        }
    }
    return false;
}
