// SPDX-License-Identifier: Apache-2.0
//
// The receipt's own time: 2026-11-22 10:15, 22.11.2026 10:15:30, 22/11/26, 11/22/26 03:15 PM,
// 22 NOV 2026, Nov. 22, 2026, 6th of April 2015. Which of two figures is the month is decided by
// what they can be, and else by the paper: a decimal comma, a pound sign, VAT say day first.
#include <ctype.h>
#include <strings.h>

#include "agent/decode/receipt.h"

struct moment {
    int year, month, day;
    int hour, minute, second;
    bool has_date, has_time;
};

static const char *const months[12][6] = {
    {"jan", "ene", "gen", "tammi", "sty", "ιαν"},     {"feb", "fév", "fev", "helmi", "lut", "φεβ"},
    {"mar", "mär", "mrt", "maalis", "bře", "μαρ"},    {"apr", "avr", "abr", "huhti", "kwi", "απρ"},
    {"may", "mai", "maj", "mei", "maggio", "μαι"},    {"jun", "juin", "giu", "kesä", "cze", "ιουν"},
    {"jul", "juil", "lug", "heinä", "lip", "ιουλ"},   {"aug", "aoû", "ago", "elo", "sie", "αυγ"},
    {"sep", "set", "sept", "syys", "wrz", "σεπ"},     {"oct", "okt", "ott", "out", "loka", "οκτ"},
    {"nov", "nob", "lis", "marras", "listop", "νοε"}, {"dec", "dez", "déc", "dic", "joulu", "gru"},
};

static bool number_at(const char *text, size_t at, size_t *len, int *value)
{
    *len = 0;
    *value = 0;
    while (isdigit((unsigned char)text[at + *len]) && *len < 5) {
        *value = *value * 10 + (text[at + *len] - '0');
        (*len)++;
    }
    return *len > 0;
}

static int full_year(int year, size_t digits)
{
    return digits == 2 ? 2000 + year : year;
}

static bool is_date(int year, int month, int day)
{
    static const int days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return year >= 1990 && year < 2100 && month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1];
}

static bool set_date(struct moment *m, int year, int month, int day)
{
    if (!is_date(year, month, day)) {
        return false;
    }
    m->year = year;
    m->month = month;
    m->day = day;
    m->has_date = true;
    return true;
}

// Three numbers with the same separator, at `at`. Gives their length, or 0.
static size_t three_numbers(const char *text, size_t at, int *value, size_t *digits, char *separator)
{
    size_t pos = at;
    for (int i = 0; i < 3; i++) {
        if (!number_at(text, pos, &digits[i], &value[i])) {
            return 0;
        }
        pos += digits[i];
        char c = text[pos];
        if (i == 0) {
            *separator = c;
        }
        if (i < 2) {
            if ((c != '.' && c != '/' && c != '-') || c != *separator) {
                return 0;
            }
            pos++;
            pos += c == '.' && text[pos] == ' ' ? 1 : 0; // Czech: 22. 11. 2026
        }
    }
    return isdigit((unsigned char)text[pos]) ? 0 : pos - at;
}

static size_t numeric_date(const char *text, size_t at, bool month_first, struct moment *m)
{
    int v[3];
    size_t digits[3];
    char separator = 0;
    size_t len = three_numbers(text, at, v, digits, &separator);
    if (len == 0) {
        return 0;
    }
    if (digits[0] == 4) {
        return digits[1] <= 2 && digits[2] <= 2 && set_date(m, v[0], v[1], v[2]) ? len : 0;
    }
    if (digits[0] > 2 || digits[1] > 2 || (digits[2] != 4 && digits[2] != 2)) {
        return 0;
    }
    int year = full_year(v[2], digits[2]);
    bool us = month_first && separator != '.';
    if (set_date(m, year, us ? v[0] : v[1], us ? v[1] : v[0]) ||
        set_date(m, year, us ? v[1] : v[0], us ? v[0] : v[1])) {
        return len;
    }
    return digits[2] == 2 && set_date(m, full_year(v[0], digits[0]), v[1], v[2]) ? len : 0;
}

static int month_at(const char *text, size_t at)
{
    for (int month = 0; month < 12; month++) {
        for (int name = 0; name < 6; name++) {
            if (strncasecmp(text + at, months[month][name], strlen(months[month][name])) == 0) {
                return month + 1;
            }
        }
    }
    return 0;
}

static size_t skip_to_digit(const char *text, size_t at, size_t most)
{
    size_t len = 0;
    while (len < most && text[at + len] != 0 && !isdigit((unsigned char)text[at + len])) {
        len++;
    }
    return len;
}

// `22 NOV 2026`, `6th of April 2015`, `22. November 2026`: day, month, year.
static size_t day_month_name(const char *text, size_t at, struct moment *m)
{
    size_t len = 0;
    int day = 0;
    if (!number_at(text, at, &len, &day) || len > 2) {
        return 0;
    }
    size_t pos = at + len;
    static const char *const joins[] = {"st ", "nd ", "rd ", "th ", ". ", "de ", "of ", " ", ".", "-", "/"};
    for (size_t i = 0; i < sizeof joins / sizeof joins[0]; i++) {
        if (strncasecmp(text + pos, joins[i], strlen(joins[i])) == 0) {
            pos += strlen(joins[i]);
            i = (size_t)-1;
        }
    }
    int month = month_at(text, pos);
    pos += month > 0 ? skip_to_digit(text, pos, 14) : 0;
    int year = 0;
    bool year_there =
        month > 0 && number_at(text, pos, &len, &year) && (len == 4 || (len == 2 && text[pos + 2] != ':'));
    return year_there && set_date(m, full_year(year, len), month, day) ? pos + len - at : 0;
}

// `Nov. 22, 2026`.
static size_t month_name_day(const char *text, size_t at, struct moment *m)
{
    int month = month_at(text, at);
    size_t pos = at + (month > 0 ? skip_to_digit(text, at, 12) : 0);
    size_t len = 0;
    int day = 0;
    int year = 0;
    if (month == 0 || pos == at || !number_at(text, pos, &len, &day) || len > 2) {
        return 0;
    }
    pos += len;
    if (text[pos] != ',' && text[pos] != ' ') {
        return 0;
    }
    pos += skip_to_digit(text, pos, 3);
    bool year_there = number_at(text, pos, &len, &year) && len == 4;
    return year_there && set_date(m, year, month, day) ? pos + 4 - at : 0;
}

static size_t afternoon(const char *text, size_t at, struct moment *m)
{
    size_t pos = at + (text[at] == ' ' ? 1u : 0u);
    char half = (char)tolower((unsigned char)text[pos]);
    bool dots = text[pos + (half != 0)] == '.';
    char then = half != 0 ? (char)tolower((unsigned char)text[pos + 1 + dots]) : 0;
    bool short_form = half != 0 && !isalpha((unsigned char)text[pos + 1]) && at == pos;
    if ((half != 'a' && half != 'p') || (then != 'm' && !short_form)) {
        return 0;
    }
    m->hour = m->hour % 12 + (half == 'p' ? 12 : 0);
    return pos + 2 - at;
}

// `10:15`, `10:15:30`, `10h15`, with am or pm behind; `10.15` only where `dots`.
static size_t time_at(const char *text, size_t at, bool dots, struct moment *m)
{
    size_t len = 0;
    size_t len2 = 0;
    int hour = 0;
    int minute = 0;
    if (!number_at(text, at, &len, &hour) || len > 2 || hour > 23) {
        return 0;
    }
    size_t pos = at + len;
    char sep = text[pos];
    bool fits = sep == ':' || sep == 'h' || sep == 'H' || (dots && sep == '.');
    if (!fits || !number_at(text, pos + 1, &len2, &minute) || len2 != 2 || minute > 59) {
        return 0;
    }
    pos += 3;
    struct moment found = {.hour = hour, .minute = minute};
    if ((text[pos] == ':' || (dots && text[pos] == '.')) && number_at(text, pos + 1, &len, &found.second) &&
        len == 2 && found.second < 60) {
        pos += 3;
    }
    pos += afternoon(text, pos, &found);
    m->hour = found.hour;
    m->minute = found.minute;
    m->second = found.second;
    m->has_time = true;
    return pos - at;
}

static bool starts_word(const char *text, size_t at)
{
    return at == 0 ||
           (!isalnum((unsigned char)text[at - 1]) && text[at - 1] != '.' && text[at - 1] != ',' &&
            text[at - 1] != '-' && text[at - 1] != '/' && text[at - 1] != ':' &&
            (uint8_t)text[at - 1] < 0x80) ||
           (at > 0 && text[at - 1] == ':' && !(at > 1 && isdigit((unsigned char)text[at - 2]))) ||
           (at > 0 && text[at - 1] == 'T' && at > 1 && isdigit((unsigned char)text[at - 2]));
}

static void read_line(const char *text, bool month_first, struct moment *m)
{
    for (size_t at = 0; text[at] != 0;) {
        size_t len = 0;
        if (starts_word(text, at) && !m->has_date) {
            len = numeric_date(text, at, month_first, m);
            len = len > 0 ? len : day_month_name(text, at, m);
            len = len > 0 ? len : month_name_day(text, at, m);
        }
        if (len == 0 && starts_word(text, at) && !m->has_time) {
            bool dots = (at >= 3 && strncasecmp(text + at - 3, "kl ", 3) == 0) ||
                        (at >= 4 && (strncasecmp(text + at - 4, "klo ", 4) == 0 ||
                                     strncasecmp(text + at - 4, "kl. ", 4) == 0));
            len = time_at(text, at, dots, m);
        }
        at += len > 0 ? len : 1;
    }
}

// Month first where the paper looks American: a decimal point, and no VAT, pound or euro.
static bool is_month_first(const struct tw_receipt *receipt)
{
    bool american = receipt->decimal == '.';
    for (size_t i = 0; i < receipt->count; i++) {
        const struct tw_receipt_line *line = &receipt->lines[i];
        bool vat = strcasestr(line->text, "vat") != NULL || strcasestr(line->text, "gst") != NULL;
        american = american && !vat && strstr(line->text, "£") == NULL && strstr(line->text, "€") == NULL &&
                   strstr(line->text, "EUR") == NULL;
    }
    return american;
}

// Other moments than the sale's: validity, birthdays, the original of a return, a reprint.
static bool is_other_moment(const struct tw_receipt_line *line)
{
    return tw_receipt_is(line, TW_IS_IGNORE) || tw_receipt_is(line, TW_IS_NOT_NUMBER) ||
           tw_receipt_is(line, TW_IS_COPY) || strcasestr(line->text, "until") != NULL ||
           strcasestr(line->text, "gültig") != NULL || strcasestr(line->text, "tse-") != NULL;
}

bool tw_receipt_time(struct tw_receipt *receipt, char *out)
{
    bool month_first = is_month_first(receipt);
    struct moment best = {0};
    for (size_t i = 0; i < receipt->count && !(best.has_date && best.has_time); i++) {
        struct tw_receipt_line *line = &receipt->lines[i];
        struct moment here = {0};
        if (line->amount >= 0 || line->is_rule || is_other_moment(line)) {
            continue;
        }
        read_line(line->text, month_first, &here);
        if (here.has_date && (here.has_time || !best.has_date)) {
            bool keep = !here.has_time && best.has_time;
            struct moment time = best;
            best = here;
            if (keep) {
                best.hour = time.hour;
                best.minute = time.minute;
                best.second = time.second;
                best.has_time = true;
            }
            line->role = TW_ROLE_META;
        } else if (here.has_time && !best.has_time) {
            best.hour = here.hour;
            best.minute = here.minute;
            best.second = here.second;
            best.has_time = true;
            line->role = TW_ROLE_META;
        }
    }
    if (best.has_date && best.has_time) {
        (void)snprintf(out, 20, "%04u-%02u-%02uT%02u:%02u:%02u", (unsigned)best.year % 10000u,
                       (unsigned)best.month % 100u, (unsigned)best.day % 100u, (unsigned)best.hour % 100u,
                       (unsigned)best.minute % 100u, (unsigned)best.second % 100u);
    }
    return best.has_date && best.has_time;
}
