// SPDX-License-Identifier: Apache-2.0
#include "hal/drivers/stripe/swipe.h"

#include <ctype.h>
#include <string.h>

enum {
    PAN_MIN = 12, // ISO/IEC 7812-1: the shortest in use at tills
    PAN_MAX = 19,
    FORMAT_DIGITS = 2, // in front of the number on track 3 (ISO/IEC 4909)
};

// ---- tracks

// Track 1 is made of the characters from space to underscore, the others of digits and : ; < = > ?
// (ISO/IEC 7811-6, tables of coded characters).
static bool may_hold(const struct tw_swipe_track *track, uint8_t c)
{
    return track->start == '%' ? c >= ' ' && c <= '_' : c >= '0' && c <= '?';
}

static char separator_of(const struct tw_swipe_track *track)
{
    return track->start == '%' ? '^' : '='; // ISO/IEC 7813
}

static void leave_track(struct tw_swipe *swipe)
{
    const struct tw_swipe_track *track = &swipe->tracks[swipe->count - 1];
    if (track->len == 0 && !track->closed && !track->spoilt) {
        swipe->count--; // a check character that looks like a start sentinel
    }
    swipe->inside = false;
}

static void enter_track(struct tw_swipe *swipe, char start)
{
    if (swipe->inside) {
        leave_track(swipe);
    }
    if (swipe->count == TW_SWIPE_TRACKS) {
        swipe->too_many = true;
        return;
    }
    swipe->tracks[swipe->count++] = (struct tw_swipe_track){.start = start};
    swipe->inside = true;
}

static void add(struct tw_swipe_track *track, uint8_t c)
{
    if (!may_hold(track, c)) {
        track->spoilt = true;
    } else if (track->closed) {
        return;
    } else if (c == (uint8_t)separator_of(track)) {
        track->closed = true;
    } else if (track->len == sizeof track->bytes) {
        track->spoilt = true;
    } else {
        track->bytes[track->len++] = c;
    }
}

static void take(struct tw_swipe *swipe, uint8_t c)
{
    bool starts = c == '%' || c == ';' || (!swipe->inside && (c == '+' || c == '#'));
    if (c < ' ') {
        if (swipe->inside) {
            leave_track(swipe);
        }
        return;
    }
    swipe->begun = true;
    if (starts) {
        enter_track(swipe, (char)c);
    } else if (swipe->inside && c == '?') {
        swipe->tracks[swipe->count - 1].whole = true;
        swipe->inside = false;
    } else if (swipe->inside) {
        add(&swipe->tracks[swipe->count - 1], c);
    }
}

void tw_swipe_feed(struct tw_swipe *swipe, struct tw_slice text, int64_t now_ms)
{
    for (size_t i = 0; i < text.len; i++) {
        take(swipe, text.ptr[i]);
    }
    swipe->last_ms = now_ms;
}

int64_t tw_swipe_deadline(const struct tw_swipe *swipe)
{
    return swipe->begun ? swipe->last_ms + TW_SWIPE_SILENCE_MS : INT64_MAX;
}

// ---- what it is

static struct tw_slice field_of(const struct tw_swipe_track *track, size_t from)
{
    return tw_slice_make(track->bytes + from, track->len - from);
}

static bool is_loyalty(const struct tw_driver *driver, struct tw_slice field)
{
    const struct tw_device_sink *sink = driver->host->sink;
    return field.len > 0 && sink->is_loyalty != NULL && sink->is_loyalty(sink->ctx, field);
}

// The identifier as it is encoded; on track 1 a format code may stand in front (ISO/IEC 7813, 5.1).
static bool find_loyalty(const struct tw_driver *driver, const struct tw_swipe_track *track,
                         struct tw_slice *out)
{
    bool coded = track->start == '%' && track->len > 1 && isalpha(track->bytes[0]);
    for (size_t from = 0; from <= (coded ? 1 : 0); from++) {
        struct tw_slice field = field_of(track, from);
        if (is_loyalty(driver, field)) {
            *out = field;
            return true;
        }
    }
    return false;
}

// Luhn's sum (ISO/IEC 7812-1, annex B).
static bool passes_luhn(const uint8_t *digits, size_t len)
{
    unsigned sum = 0;
    for (size_t i = 0; i < len; i++) {
        unsigned digit = (unsigned)digits[len - 1 - i] - '0';
        digit *= i % 2 == 1 ? 2 : 1;
        sum += digit > 9 ? digit - 9 : digit;
    }
    return len >= PAN_MIN && len <= PAN_MAX && sum % 10 == 0;
}

// What a reader gives for a track that it could not read.
static bool is_unreadable(const struct tw_swipe_track *track)
{
    return !track->whole || track->spoilt || (track->len == 1 && track->bytes[0] == 'E' && !track->closed);
}

// The financial format of track 1, or a number that could be a card's, whoever issued it. Of what was not
// read well nobody knows whether it passes.
static bool may_be_payment(const struct tw_swipe_track *track)
{
    uint8_t digits[TW_SWIPE_FIELD_BYTES];
    size_t count = 0;
    for (size_t i = 0; i < track->len; i++) {
        if (isdigit(track->bytes[i])) {
            digits[count++] = track->bytes[i];
        }
    }
    bool is_card = (track->start == '%' && track->len > 0 && track->bytes[0] == 'B') ||
                   (is_unreadable(track) && count >= PAN_MIN) || passes_luhn(digits, count) ||
                   (count > FORMAT_DIGITS && passes_luhn(digits + FORMAT_DIGITS, count - FORMAT_DIGITS));
    explicit_bzero(digits, sizeof digits);
    return is_card;
}

static void end(struct tw_swipe *swipe, struct tw_driver *driver)
{
    const struct tw_device_sink *sink = driver->host->sink;
    struct tw_slice found = {NULL, 0};
    bool refused = swipe->too_many;
    if (swipe->inside) {
        leave_track(swipe);
    }
    for (size_t i = 0; i < swipe->count; i++) {
        const struct tw_swipe_track *track = &swipe->tracks[i];
        struct tw_slice field = {NULL, 0};
        bool readable = !is_unreadable(track);
        driver->errors += !readable;
        if (!find_loyalty(driver, track, &field)) {
            refused = refused || may_be_payment(track);
        } else if (readable && found.ptr == NULL) {
            found = field;
        }
    }
    if (found.ptr != NULL && !refused) {
        sink->scan(sink->ctx, driver->host->config->name, found);
    } else {
        driver->errors += swipe->begun;
    }
    explicit_bzero(swipe, sizeof *swipe);
}

void tw_swipe_tick(struct tw_swipe *swipe, struct tw_driver *driver, int64_t now_ms)
{
    if (now_ms >= tw_swipe_deadline(swipe)) {
        end(swipe, driver);
    }
}

void tw_swipe_drop(struct tw_swipe *swipe, struct tw_driver *driver)
{
    driver->errors += swipe->begun;
    explicit_bzero(swipe, sizeof *swipe);
}
