// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/issuer_ranges.h"

#define LEN(n)  (1u << ((n)-TW_PAN_MIN))
#define ANY     0x7Fu // 13 to 19
#define FROM(n) (ANY & ~(LEN(n) - 1u))
#define NONE    0u

// Ranges of the first six digits. Where networks share a range the line has the lengths of all of them. What
// the first digit means, and that there are at most 19, is ISO/IEC 7812-1:2017, clause 4. Sources of the
// lines:
//
// [MC] Mastercard's notices of 2016 to acquirers on "2-Series BINs": 222100-272099 as 510000-559999, 16
// digits.
//
// [OR] Oracle Retail, documentation library F14820-01 (release 19.1), table 12-6, "List of Standard U.S.
// Credit Card Preambles": Visa, American Express, Diners Club, JCB 3528-3589, Discover 6011 and 644-659,
// UnionPay 62.
//
// [EN] Wikipedia, "Payment card number", the table of issuer identification numbers with their lengths, July
// 2024.
//
// [CO] Checkout.com, documentation of payment methods, "Mada", list of BINs.
//
// [OLD] JCB's 3088, 3096, 3112, 3158, 3337 (16 digits), 1800 and 2131 (15), as in card validators since the
// 1990s. Withdrawn; old systems print old numbers.
//
// An asterisk marks what is only in rules that the networks do not publish.
static const struct range {
    uint32_t first, last;
    uint8_t whole, inside;
} ranges[] = {
    {100000, 194599, LEN(15), NONE},     // UATP [EN]; JCB 1800 [OLD]
    {194600, 194699, FROM(15), LEN(16)}, // GPN 1946 [EN]
    {194700, 199999, LEN(15), NONE},
    {213100, 213199, LEN(15), NONE},           // JCB 2131 [OLD]
    {220000, 220599, FROM(16), LEN(16)},       // Mir 2200-2204, Borica 2205 [EN]
    {222100, 272099, LEN(16), LEN(16)},        // Mastercard [MC]
    {300000, 305999, FROM(14), LEN(16)},       // Diners Club [OR] [EN]
    {308800, 309499, LEN(16), NONE},           // JCB [OLD]
    {309500, 309599, FROM(14), LEN(16)},       // Diners Club [OR]
    {309600, 309999, LEN(16), NONE},           // JCB [OLD]
    {310000, 310299, LEN(16) | LEN(19), NONE}, // JCB [OLD]; China T-Union 31 [EN]
    {310300, 311199, LEN(19), NONE},
    {311200, 312099, LEN(16) | LEN(19), NONE},
    {312100, 315799, LEN(19), NONE},
    {315800, 315999, LEN(16) | LEN(19), NONE},
    {316000, 319999, LEN(19), NONE},
    {333700, 334999, LEN(16), NONE},     // JCB [OLD]
    {340000, 349999, LEN(15), LEN(15)},  // American Express [OR] [EN]
    {352800, 358999, FROM(16), LEN(16)}, // JCB [OR]; 17 to 19 digits *; RuPay 353, 356, LankaPay 357111 [EN]
    {360000, 369999, FROM(14), LEN(16)}, // Diners Club [OR] [EN]
    {370000, 379999, LEN(15), LEN(15)},  // American Express [OR] [EN]
    {380000, 399999, FROM(14), LEN(16)}, // Diners Club 38, 39 [OR] [EN]; Hipercard 3841 *
    // Visa 13, 16 and 19; Switch 4903-4936 18; Dankort 4571 [EN]; Elo *
    {400000, 499999, LEN(13) | LEN(16) | FROM(18), LEN(16)},
    // Maestro 12 to 19 (12 is not looked for), RuPay 508, Verve 506099-507964, Dankort 5019 [EN]; Elo *
    {500000, 509999, ANY, LEN(16)},
    {510000, 559999, LEN(16), LEN(16)}, // Mastercard [MC]
    // Maestro, GPN, Bankcard 5610, Uzcard 5614, AfriGo 564456 [EN]; mada 5888 [CO]
    {560000, 589999, ANY, LEN(16)},
    // Discover 6011 [OR]; Maestro, UkrCard 6040-6042, NPS 605474, RuPay 60 [EN]
    {600000, 609999, ANY, LEN(16)},
    {610000, 619999, ANY, NONE},              // Maestro, GPN [EN]
    {620000, 629999, ANY, LEN(16) | LEN(19)}, // UnionPay 62, 16 to 19 [EN]
    // Maestro 6304, Solo 6334, InterPayment 636, InstaPayment 637-639 [EN]; Elo *
    {630000, 639999, ANY, NONE},
    // Discover 644-659 [OR]; RuPay 6521, 6522, Verve 6500 [EN]; Troy and Elo 65 *
    {640000, 659999, ANY, LEN(16)},
    {660000, 699999, ANY, NONE},                  // Maestro 67, Laser 6706 to 6771 [EN]
    {810000, 829999, FROM(16), LEN(16)},          // RuPay 81, 82 [EN]; UnionPay 81 *
    {860000, 860099, LEN(16), LEN(16)},           // Uzcard 8600 [EN]
    {968200, 968299, LEN(16), LEN(16)},           // mada 968201-968211 [CO]
    {970400, 970499, LEN(16) | LEN(19), LEN(16)}, // NAPAS 9704 [EN]
    {979200, 979299, LEN(16), LEN(16)},           // Troy 9792 [EN]
    {986000, 986099, LEN(16), LEN(16)},           // Humo 9860 [EN]
};

struct tw_issuer_lengths tw_issuer_lengths(const char *digits)
{
    uint32_t prefix = 0;
    for (size_t i = 0; i < 6; i++) {
        prefix = prefix * 10 + (uint32_t)(digits[i] - '0');
    }
    size_t low = 0;
    size_t high = sizeof ranges / sizeof ranges[0];
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (prefix > ranges[middle].last) {
            low = middle + 1;
        } else if (prefix < ranges[middle].first) {
            high = middle;
        } else {
            return (struct tw_issuer_lengths){ranges[middle].whole, ranges[middle].inside};
        }
    }
    return (struct tw_issuer_lengths){0};
}

bool tw_issuer_knows(const char *digits, size_t len, bool inside)
{
    struct tw_issuer_lengths lengths = tw_issuer_lengths(digits);
    return tw_issuer_has(inside ? lengths.inside : lengths.whole, len);
}
