// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/amount.h"

#include <ctype.h>
#include <strings.h>

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

// Letters, and every byte of a longer UTF-8 sequence.
static bool is_letter(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c >= 0x80;
}

static uint8_t byte_at(struct tw_slice line, size_t at)
{
    return at < line.len ? line.ptr[at] : 0;
}

static bool text_at(struct tw_slice line, size_t at, const char *text)
{
    if (at >= line.len || line.ptr[at] != (uint8_t)text[0]) {
        return false;
    }
    return line.len - at >= strlen(text) && memcmp(line.ptr + at, text, strlen(text)) == 0;
}

static const char *const currency_signs[] = {"€", "$", "£", "¥", "₺", "₽", "₴", "₹"};
static const char *const currency_names[] = {"EUR",  "EURO", "USD", "GBP", "CHF", "SEK", "NOK", "DKK",
                                             "PLN",  "CZK",  "HUF", "RON", "BGN", "HRK", "kr",  "kr.",
                                             "kn",   "zł",   "zl",  "Kč",  "Kc",  "Fr.", "Fr",  "SFr",
                                             "SFr.", "R$",   "CAD", "AUD", "NZD", "ΕΥΡΩ"};

static size_t currency_sign_at(struct tw_slice line, size_t at)
{
    for (size_t i = 0; i < sizeof currency_signs / sizeof currency_signs[0]; i++) {
        if (text_at(line, at, currency_signs[i])) {
            return strlen(currency_signs[i]);
        }
    }
    return 0;
}

size_t tw_currency_at(struct tw_slice line, size_t at)
{
    int first = tolower(byte_at(line, at));
    size_t best = currency_sign_at(line, at);
    for (size_t i = 0; i < sizeof currency_names / sizeof currency_names[0]; i++) {
        const char *name = currency_names[i];
        bool here = first == tolower((unsigned char)name[0]) && line.len - at >= strlen(name) &&
                    strncasecmp((const char *)line.ptr + at, name, strlen(name)) == 0;
        size_t len = here ? strlen(name) : 0;
        if (len > best && !is_letter(byte_at(line, at + len))) {
            best = len;
        }
    }
    return best;
}

// Length of the minus sign at `at`: '-', U+2212, U+2013.
static size_t minus_at(struct tw_slice line, size_t at)
{
    if (byte_at(line, at) == '-') {
        return 1;
    }
    return text_at(line, at, "−") || text_at(line, at, "–") ? 3 : 0;
}

// Length of a separator inside a number: one byte, or a no-break space (U+00A0, U+202F).
static size_t separator_at(struct tw_slice line, size_t at)
{
    uint8_t c = byte_at(line, at);
    if (c == '.' || c == ',' || c == '\'' || c == ' ') {
        return 1;
    }
    if (text_at(line, at, "\xc2\xa0")) {
        return 2;
    }
    return text_at(line, at, "\xe2\x80\xaf") || text_at(line, at, "’") ? 3 : 0;
}

static size_t digits_at(struct tw_slice line, size_t at)
{
    size_t len = 0;
    while (is_digit(byte_at(line, at + len))) {
        len++;
    }
    return len;
}

// What was read of one number before it is judged.
struct scan {
    int64_t value;    // all digits
    size_t digits;    // how many
    size_t groups;    // separated groups before the decimals
    size_t decimals;  // digits after the decimal sign
    bool has_decimal; // a decimal sign was there
    bool broken;      // separators that make no number
    size_t end;
};

static void scan_digits(struct scan *scan, struct tw_slice line, size_t at, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (++scan->digits <= 17) {
            scan->value = scan->value * 10 + (line.ptr[at + i] - '0');
        }
    }
    scan->end = at + len;
}

// True when a space at `at` separates thousands: exactly three digits follow, and then a decimal
// sign or another such group, so that `2 345` of a quantity column is not glued.
static bool is_thousands_space(struct tw_slice line, size_t at, size_t len, char decimal)
{
    size_t next = at + len;
    while (digits_at(line, next) == 3) {
        if (byte_at(line, next + 3) == (uint8_t)decimal && is_digit(byte_at(line, next + 4))) {
            return true;
        }
        size_t more = separator_at(line, next + 3);
        if (more == 0) {
            return false;
        }
        next += 3 + more;
    }
    return false;
}

// Reads digits and separators from the first digit on.
static struct scan scan_number(struct tw_slice line, size_t at, char decimal)
{
    struct scan scan = {.groups = 1};
    size_t first = digits_at(line, at);
    scan_digits(&scan, line, at, first);
    while (!scan.has_decimal) {
        size_t sep = separator_at(line, scan.end);
        size_t next = digits_at(line, scan.end + sep);
        uint8_t c = byte_at(line, scan.end);
        if (sep == 0 || next == 0) {
            break;
        }
        if (c == (uint8_t)decimal) {
            scan.has_decimal = true;
            scan.decimals = next;
        } else if ((c == ' ' || c >= 0x80) &&
                   (first > 3 || next != 3 || !is_thousands_space(line, scan.end, sep, decimal))) {
            break;
        } else {
            scan.groups++;
            scan.broken = scan.broken || next != 3 || first > 3;
        }
        scan_digits(&scan, line, scan.end + sep, next);
    }
    return scan;
}

static enum tw_number_kind kind_of(const struct scan *scan)
{
    if (scan->broken || scan->digits > 17) {
        return TW_NUMBER_OTHER;
    }
    if (!scan->has_decimal) {
        return TW_NUMBER_COUNT;
    }
    return scan->decimals == 2 ? TW_NUMBER_MONEY : TW_NUMBER_DECIMAL;
}

// `12,-` and `12.-`: whole units without their decimals.
static bool is_dash_decimals(struct tw_slice line, size_t at, char decimal)
{
    size_t dash = minus_at(line, at + 1);
    return byte_at(line, at) == (uint8_t)decimal && dash > 0 && !is_digit(byte_at(line, at + 1 + dash));
}

// Dates, times, telephone numbers: digits that go on after a sign no amount has in it.
static size_t other_end(struct tw_slice line, size_t at)
{
    size_t end = at;
    for (;;) {
        uint8_t c = byte_at(line, end);
        bool joins = c == ':' || c == '/' || c == '-' || c == '.' || c == ',' || c == '#';
        if (is_digit(c) || is_letter(c) || (joins && is_digit(byte_at(line, end + 1)))) {
            end++;
        } else {
            return end;
        }
    }
}

// A letter behind an amount is a tax letter; behind a weight it is the unit.
static bool goes_on(struct tw_slice line, const struct scan *scan)
{
    uint8_t c = byte_at(line, scan->end);
    if ((c == ':' || c == '/' || c == '.' || c == ',' || c == '-') &&
        is_digit(byte_at(line, scan->end + 1))) {
        return true;
    }
    if (scan->has_decimal || tw_currency_at(line, scan->end) > 0) {
        return false;
    }
    return is_letter(c) && !(c == 'x' || c == 'X' || text_at(line, scan->end, "×"));
}

// Of what is too large for one with two decimals the sign is no part.
static void take_percent(struct tw_number *number, const struct scan *scan, struct tw_slice line)
{
    size_t at = number->end;
    at += byte_at(line, at) == ' ' ? 1 : 0;
    bool too_large = number->value > INT64_MAX / 100 || number->value < INT64_MIN / 100;
    if (byte_at(line, at) != '%' || number->kind == TW_NUMBER_OTHER || too_large) {
        return;
    }
    number->kind = TW_NUMBER_PERCENT;
    number->end = (uint16_t)(at + 1);
    for (size_t d = scan->decimals; d < 2; d++) {
        number->value *= 10;
    }
    for (size_t d = scan->decimals; d > 2; d--) {
        number->value /= 10;
    }
}

// Currency behind: directly, or after one space.
static void take_currency_behind(struct tw_number *number, struct tw_slice line)
{
    size_t at = number->end;
    size_t len = tw_currency_at(line, at);
    if (len == 0 && byte_at(line, at) == ' ') {
        at++;
        len = tw_currency_at(line, at);
    }
    if (len > 0) {
        number->has_currency = true;
        number->end = (uint16_t)(at + len);
    }
}

// `0.44-`, `0.44 CR`: negative by what follows.
static bool take_sign_behind(struct tw_number *number, struct tw_slice line)
{
    size_t len = minus_at(line, number->end);
    size_t mark = is_letter(byte_at(line, number->end + len)) ? 1 : 0; // `29.99-C`: a tax letter
    uint8_t next = byte_at(line, number->end + len + mark);
    if (len > 0 && !is_digit(next) && !is_letter(next)) {
        number->end = (uint16_t)(number->end + len);
        return true;
    }
    size_t at = number->end + (byte_at(line, number->end) == ' ' ? 1u : 0u);
    if (text_at(line, at, "CR") && !is_letter(byte_at(line, at + 2))) {
        number->end = (uint16_t)(at + 2);
        return true;
    }
    return false;
}

// Length of the currency sign that ends at `at`.
static size_t currency_before(struct tw_slice line, size_t at)
{
    for (size_t len = 1; len <= 4 && len <= at; len++) {
        bool at_start = len == at || !is_letter(line.ptr[at - len - 1]);
        if (currency_sign_at(line, at - len) == len || (at_start && tw_currency_at(line, at - len) == len)) {
            return len;
        }
    }
    return 0;
}

// Length of the minus sign that ends at `at` and begins a number.
static size_t minus_before(struct tw_slice line, size_t at)
{
    size_t len = at >= 3 && minus_at(line, at - 3) == 3 ? 3 : 0;
    len = len == 0 && at >= 1 && line.ptr[at - 1] == '-' ? 1 : len;
    if (len == 0) {
        return 0;
    }
    uint8_t before = at > len ? line.ptr[at - len - 1] : ' ';
    return before == ' ' || before == '(' || currency_before(line, at - len) > 0 ? len : 0;
}

// `-$5.00`, `$-5.00`, `$ 5.00`, `- 5.00` (only after a gap), `(5.00)`: takes what stands before.
static bool take_before(struct tw_number *number, struct tw_slice line)
{
    size_t at = number->begin;
    size_t minus = minus_before(line, at);
    at -= minus;
    size_t gap = at > 0 && minus == 0 && line.ptr[at - 1] == ' ' ? 1 : 0;
    size_t currency = currency_before(line, at - gap);
    if (currency > 0) {
        number->has_currency = true;
        at -= gap + currency;
    } else if (gap > 0 && at >= 4 && line.ptr[at - 2] == '-' && line.ptr[at - 3] == ' ' &&
               line.ptr[at - 4] == ' ') {
        at -= 2;
        minus = 1;
    }
    if (minus == 0) {
        minus = minus_before(line, at);
        at -= minus;
    }
    at -= at > 0 && line.ptr[at - 1] == '+' && minus == 0 ? 1 : 0;
    number->begin = (uint16_t)at;
    return minus > 0;
}

static bool take_brackets(struct tw_number *number, struct tw_slice line)
{
    if (number->begin > 0 && line.ptr[number->begin - 1] == '(' && byte_at(line, number->end) == ')') {
        number->begin--;
        number->end++;
        return true;
    }
    return false;
}

static struct tw_number read_number(struct tw_slice line, size_t at, char decimal)
{
    struct scan scan = scan_number(line, at, decimal);
    struct tw_number number = {.kind = kind_of(&scan), .begin = (uint16_t)at, .digits = (uint16_t)at};
    number.end = (uint16_t)scan.end;
    number.value = scan.value;
    number.decimals = (uint8_t)(scan.decimals > 17 ? 17 : scan.decimals);
    if (!scan.has_decimal && number.kind == TW_NUMBER_COUNT && is_dash_decimals(line, scan.end, decimal) &&
        scan.digits < 10) {
        number.kind = TW_NUMBER_MONEY;
        number.decimals = 2;
        number.value *= 100;
        number.end = (uint16_t)(scan.end + 1 + minus_at(line, scan.end + 1));
    } else if (goes_on(line, &scan)) {
        number.kind = TW_NUMBER_OTHER;
        number.end = (uint16_t)other_end(line, scan.end);
    }
    if (number.kind == TW_NUMBER_MONEY && number.value > INT64_C(99999999999)) {
        number.kind = TW_NUMBER_OTHER; // no till sells for a thousand million (TW_MONEY_MAX)
    }
    take_percent(&number, &scan, line);
    if (number.kind == TW_NUMBER_OTHER || number.kind == TW_NUMBER_PERCENT) {
        return number;
    }
    bool negative = take_before(&number, line);
    take_currency_behind(&number, line);
    negative = take_sign_behind(&number, line) || negative;
    if (number.kind == TW_NUMBER_MONEY && take_brackets(&number, line)) {
        negative = true;
    }
    number.value = negative ? -number.value : number.value;
    return number;
}

// `.50`: the zero is not printed.
static bool is_bare_decimals(struct tw_slice line, size_t at, char decimal)
{
    uint8_t before = at > 0 ? line.ptr[at - 1] : ' ';
    return byte_at(line, at) == (uint8_t)decimal && digits_at(line, at + 1) == 2 &&
           (before == ' ' || before == '-' || before == '$' || before == '(') &&
           !is_letter(byte_at(line, at + 3)) && byte_at(line, at + 3) != '.' && byte_at(line, at + 3) != '%';
}

static struct tw_number read_bare_decimals(struct tw_slice line, size_t at)
{
    struct tw_number number = {.kind = TW_NUMBER_MONEY, .begin = (uint16_t)at, .digits = (uint16_t)(at + 1)};
    number.end = (uint16_t)(at + 3);
    number.decimals = 2;
    number.value = (line.ptr[at + 1] - '0') * 10 + (line.ptr[at + 2] - '0');
    bool negative = take_before(&number, line);
    negative = take_sign_behind(&number, line) || negative;
    number.value = negative ? -number.value : number.value;
    return number;
}

// True when digits at `at` belong to the word before them, as in `T001`; not to `x4,99` or `EUR5,00`.
static bool inside_word(struct tw_slice line, size_t at)
{
    if (at == 0 || (!is_letter(line.ptr[at - 1]) && line.ptr[at - 1] != '#')) {
        return false;
    }
    if (currency_before(line, at) > 0 || (at >= 2 && text_at(line, at - 2, "×")) ||
        (at >= 3 && minus_at(line, at - 3) == 3)) {
        return false;
    }
    bool times = line.ptr[at - 1] == 'x' || line.ptr[at - 1] == 'X';
    return !(times && (at == 1 || !is_letter(line.ptr[at - 2])));
}

size_t tw_number_find(struct tw_slice line, char decimal, struct tw_number *out, size_t max)
{
    size_t count = 0;
    size_t len = line.len > UINT16_MAX - 8 ? UINT16_MAX - 8 : line.len;
    line.len = len;
    for (size_t at = 0; at < len && count < max;) {
        if (is_bare_decimals(line, at, decimal)) {
            out[count] = read_bare_decimals(line, at);
        } else if (is_digit(line.ptr[at]) && inside_word(line, at)) {
            at = other_end(line, at);
            continue;
        } else if (is_digit(line.ptr[at])) {
            out[count] = read_number(line, at, decimal);
        } else {
            at++;
            continue;
        }
        at = out[count++].end;
    }
    return count;
}

int tw_decimal_vote(struct tw_slice line)
{
    int votes[2] = {0, 0};
    for (int side = 0; side < 2; side++) {
        struct tw_number numbers[TW_NUMBERS_MAX];
        size_t count = tw_number_find(line, side == 0 ? '.' : ',', numbers, TW_NUMBERS_MAX);
        for (size_t i = 0; i < count; i++) {
            bool last = i + 1 == count && tw_amount_is_last(line, numbers[i].end);
            votes[side] += numbers[i].kind == TW_NUMBER_MONEY ? (last ? 3 : 1) : 0;
        }
    }
    return votes[1] - votes[0];
}

size_t tw_number_text(const struct tw_number *number, char *out, size_t size)
{
    int64_t value = number->value < 0 ? -number->value : number->value;
    int64_t scale = 1;
    for (int d = 0; d < number->decimals; d++) {
        scale *= 10;
    }
    const char *sign = number->value < 0 ? "-" : "";
    int len = number->decimals == 0 ? snprintf(out, size, "%s%lld", sign, (long long)value)
                                    : snprintf(out, size, "%s%lld.%0*lld", sign, (long long)(value / scale),
                                               number->decimals, (long long)(value % scale));
    return len > 0 && (size_t)len < size ? (size_t)len : 0;
}

int64_t tw_number_times(const struct tw_number *quantity, int64_t unit_minor)
{
    int64_t scale = 1;
    for (int d = 0; d < quantity->decimals; d++) {
        scale *= 10;
    }
    int64_t product = 0;
    if (__builtin_mul_overflow(quantity->value, unit_minor, &product)) {
        return INT64_MAX;
    }
    int64_t half = product < 0 ? -(scale / 2) : scale / 2;
    return scale == 1 ? product : (product + half) / scale;
}

// One mark: up to two signs or capital letters and a figure, or one figure.
static size_t mark_at(struct tw_slice line, size_t at)
{
    size_t currency = tw_currency_at(line, at);
    if (currency > 0) {
        return currency;
    }
    size_t len = 0;
    while (len < 3 &&
           strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz*#~+^()=|", byte_at(line, at + len)) &&
           byte_at(line, at + len) != 0) {
        len++;
    }
    if (len > 2 && byte_at(line, at) != '(') {
        return 0;
    }
    len += is_digit(byte_at(line, at + len)) ? 1 : 0;
    if (byte_at(line, at + len) == '%') { // the rate of the tax, as Greek tills print it
        return len + 1;
    }
    uint8_t next = byte_at(line, at + len);
    if (is_digit(next) && byte_at(line, at + len + 1) == '%') {
        return len + 2;
    }
    return next == ' ' || next == 0 ? len : 0;
}

bool tw_amount_is_last(struct tw_slice line, size_t from)
{
    size_t at = from;
    for (int marks = 0; marks < 3;) {
        while (byte_at(line, at) == ' ') {
            at++;
        }
        if (at >= line.len) {
            return true;
        }
        size_t len = mark_at(line, at);
        if (len == 0) {
            return false;
        }
        at += len;
        marks++;
    }
    while (byte_at(line, at) == ' ') {
        at++;
    }
    return at >= line.len;
}
