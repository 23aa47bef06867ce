// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/guard_lane.h"

#include <endian.h>
#include <string.h>

#include "agent/decode/gs1.h"
#include "agent/decode/track.h"

#define GTIN       13
#define FEWEST     12 // digits that matter to anybody: those of the shortest track
#define OTHERS_MAX 9  // bytes of the three characters that may stand between groups

void tw_guard_lane_init(struct tw_guard_lane *lane, enum tw_guard_reading reading,
                        const struct tw_guard *guard, char *out)
{
    lane->reading = reading;
    lane->track = TW_GUARD_LANE_NO_TRACK;
    lane->left = 0;
    lane->at = 0;
    lane->gap = 0;
    lane->alone = false;
    tw_guard_chain_init(&lane->chain, guard, out);
}

static struct tw_slice rest_of(const struct tw_guard_lane *lane, struct tw_slice text)
{
    return (struct tw_slice){text.ptr + lane->at, text.len - lane->at};
}

static bool splits_track(char c)
{
    return c == '^' || c == '=' || c == 'D' || c == 'd';
}

static bool has_digit(struct tw_slice bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (tw_guard_byte_kinds[bytes.ptr[i]] == TW_GUARD_BYTE_DIGIT) {
            return true;
        }
    }
    return false;
}

#define ONES UINT64_C(0x0101010101010101)
#define HIGH (ONES * 0x80)

// The high bit of each of eight bytes that is at least `limit`, of those that are ASCII.
static uint64_t at_least(uint64_t bytes, unsigned limit)
{
    return ((bytes & ~HIGH) + ONES * (0x80 - limit)) & HIGH;
}

// Where the next digit or prefix of a command is. Eight bytes at a time: most are neither.
static size_t next_of_interest(struct tw_slice text, size_t at)
{
    for (; at + 8 <= text.len; at += 8) {
        uint64_t bytes = 0;
        memcpy(&bytes, text.ptr + at, sizeof bytes);
        bytes = le64toh(bytes);
        uint64_t digit = at_least(bytes, '0') & ~at_least(bytes, '9' + 1);
        uint64_t prefix = at_least(bytes, 0x1B) & ~at_least(bytes, 0x1E); // ESC, FS, GS
        uint64_t dle = at_least(bytes, 0x10) & ~at_least(bytes, 0x11);
        uint64_t found = (digit | prefix | dle) & ~bytes;
        if (found != 0) {
            return at + (size_t)__builtin_ctzll(found) / 8;
        }
    }
    while (at < text.len &&
           (tw_guard_byte_kinds[text.ptr[at]] & (TW_GUARD_BYTE_DIGIT | TW_GUARD_BYTE_PREFIX)) == 0) {
        at++;
    }
    return at;
}

// What is met on the way from a digit on.
struct ahead {
    size_t at;
    size_t digits;
    size_t others; // bytes since the last digit that are not white
    size_t behind; // after the last digit
};

// Goes on to a letter, a prefix or where the digits are enough or end.
static uint8_t go_ahead(struct tw_slice text, struct ahead *to)
{
    struct ahead a = *to;
    uint8_t kind = 0;
    while (a.at < text.len) {
        kind = tw_guard_byte_kinds[text.ptr[a.at]];
        if ((kind & (TW_GUARD_BYTE_LETTER | TW_GUARD_BYTE_PREFIX)) != 0) {
            break;
        }
        bool digit = kind == TW_GUARD_BYTE_DIGIT;
        a.digits += digit;
        a.others = digit ? 0 : a.others + kind / TW_GUARD_BYTE_OTHER;
        a.behind = digit ? a.at + 1 : a.behind;
        if (a.digits == FEWEST || a.others > OTHERS_MAX || a.at - a.behind + 1 > TW_GUARD_GAP_BYTES) {
            break;
        }
        a.at++;
    }
    *to = a;
    return kind;
}

// Looks ahead from the digit at `at`: where the digits that may belong together end when they are
// too few for a number. 0 when they are enough, or when the bytes to come matter.
static size_t too_few(const struct tw_guard_lane *lane, struct tw_slice text)
{
    struct ahead to = {.at = lane->at};
    for (;;) {
        uint8_t kind = go_ahead(text, &to);
        if (to.at == text.len || to.digits == FEWEST) {
            return 0;
        }
        if (kind != TW_GUARD_BYTE_PREFIX) {
            return to.at;
        }
        if (lane->reading != TW_GUARD_READ_PRINTER) {
            to.others++;
            to.at++;
            continue;
        }
        struct tw_slice rest = {text.ptr + to.at, text.len - to.at};
        struct tw_guard_command command = tw_guard_command_find(rest, false);
        // Read plainly, what breaks a chain for a printer may join it.
        if (command.len == 0 || command.kind == TW_GUARD_COMMAND_BREAK ||
            has_digit((struct tw_slice){rest.ptr, command.len})) {
            return 0;
        }
        to.others += command.kind == TW_GUARD_COMMAND_NONE;
        to.at += command.len;
    }
}

// A GTIN-13 that begins a chain and stands for itself, most of the long numbers there are: where
// it ends, else 0. The verdict would be the same (guard_chain.c).
static size_t plain_gtin(const struct tw_guard_lane *lane, struct tw_slice text)
{
    size_t end = lane->at + GTIN;
    if (end >= text.len || !tw_gs1_gtin_valid((const char *)text.ptr + lane->at, GTIN)) {
        return 0;
    }
    struct tw_slice rest = {text.ptr + end, text.len - end};
    struct tw_guard_gap gap;
    bool alone = tw_guard_byte_kinds[rest.ptr[0]] != TW_GUARD_BYTE_DIGIT &&
                 !splits_track((char)rest.ptr[0]) &&
                 tw_guard_gap_find(lane->reading, rest, false, &gap) == TW_GUARD_FOUND_NONE && !gap.prefix;
    return alone ? end : 0;
}

static void read_digits(struct tw_guard_lane *lane, struct tw_slice text)
{
    size_t at = lane->at;
    while (at < text.len && tw_guard_byte_kinds[text.ptr[at]] == TW_GUARD_BYTE_DIGIT) {
        at++;
    }
    tw_guard_chain_add(&lane->chain, (const char *)text.ptr, lane->at, at - lane->at, lane->gap);
    lane->gap = 0;
    lane->at = at;
}

// Between chains, at a prefix. A command's arguments are no digits, as a printer reads it.
static enum tw_guard_lane_step skip_command(struct tw_guard_lane *lane, struct tw_slice text, bool last)
{
    if (lane->reading != TW_GUARD_READ_PRINTER) {
        lane->at++;
        return TW_GUARD_LANE_ON;
    }
    struct tw_guard_command command = tw_guard_command_find(rest_of(lane, text), last);
    if (command.len == 0) {
        return TW_GUARD_LANE_WAIT;
    }
    if (lane->alone && has_digit((struct tw_slice){text.ptr + lane->at, command.len})) {
        return TW_GUARD_LANE_DOUBT;
    }
    lane->at += command.len;
    return TW_GUARD_LANE_ON;
}

// Between chains: to the next digits that may be a number.
static enum tw_guard_lane_step skip(struct tw_guard_lane *lane, struct tw_slice text, bool last)
{
    enum tw_guard_lane_step step = TW_GUARD_LANE_ON;
    do {
        lane->at = next_of_interest(text, lane->at);
        if (lane->at == text.len) {
            return TW_GUARD_LANE_ON;
        }
        if (tw_guard_byte_kinds[text.ptr[lane->at]] == TW_GUARD_BYTE_PREFIX) {
            step = skip_command(lane, text, last);
            continue;
        }
        size_t end = too_few(lane, text);
        end = end == 0 ? plain_gtin(lane, text) : end;
        if (end == 0) {
            read_digits(lane, text);
            return TW_GUARD_LANE_ON;
        }
        lane->at = end;
    } while (lane->alone && step == TW_GUARD_LANE_ON && lane->at < text.len);
    return step;
}

// Whether enough of an expiry follows the separator.
static enum tw_guard_found find_expiry(const struct tw_guard_lane *lane, struct tw_slice text, bool last)
{
    for (size_t i = 1; i <= TW_TRACK_EXPIRY; i++) {
        if (lane->at + i >= text.len) {
            return last ? TW_GUARD_FOUND_NONE : TW_GUARD_FOUND_MORE;
        }
        uint8_t c = text.ptr[lane->at + i];
        if (tw_guard_byte_kinds[c] != TW_GUARD_BYTE_DIGIT && c != '=') {
            return TW_GUARD_FOUND_NONE;
        }
    }
    return TW_GUARD_FOUND;
}

static enum tw_guard_found find_track(struct tw_guard_lane *lane, struct tw_slice text, bool last)
{
    const char *chars = (const char *)text.ptr;
    char c = chars[lane->at];
    struct tw_track_number number = {0};
    if (!splits_track(c) || !tw_track_find(&lane->chain, chars, lane->at, &number)) {
        return TW_GUARD_FOUND_NONE;
    }
    enum tw_guard_found expiry = c == '^' ? TW_GUARD_FOUND : find_expiry(lane, text, last);
    if (expiry != TW_GUARD_FOUND) {
        return expiry;
    }
    lane->chain.count = number.first;
    tw_guard_chain_end(&lane->chain, chars);
    tw_guard_chain_mask(&lane->chain, number.start, lane->at + 1);
    lane->chain.hits++;
    lane->track = c == '^' ? TW_GUARD_LANE_TRACK_1 : TW_GUARD_LANE_TRACK_2;
    lane->left = TW_TRACK_MAX - number.count;
    lane->at++;
    return TW_GUARD_FOUND;
}

static bool goes_on(const struct tw_guard_lane *lane, uint8_t c)
{
    if (lane->track == TW_GUARD_LANE_TRACK_1) {
        return lane->left > 0 && c != '?' && c != '\r' && c != '\n' && c != '\0';
    }
    return tw_guard_byte_kinds[c] == TW_GUARD_BYTE_DIGIT || c == '=';
}

// Masks the rest of a track as it comes. Commands of style within it stay.
static enum tw_guard_lane_step read_track(struct tw_guard_lane *lane, struct tw_slice text, bool last)
{
    while (lane->at < text.len) {
        uint8_t c = text.ptr[lane->at];
        if (lane->reading == TW_GUARD_READ_PRINTER && tw_guard_byte_kinds[c] == TW_GUARD_BYTE_PREFIX) {
            if (lane->alone) {
                return TW_GUARD_LANE_DOUBT;
            }
            struct tw_guard_command command = tw_guard_command_find(rest_of(lane, text), last);
            if (command.len == 0) {
                return TW_GUARD_LANE_WAIT;
            }
            if (command.kind == TW_GUARD_COMMAND_STYLE || command.kind == TW_GUARD_COMMAND_MOVE) {
                lane->at += command.len;
                continue;
            }
        }
        if (!goes_on(lane, c)) {
            lane->track = TW_GUARD_LANE_NO_TRACK;
            return TW_GUARD_LANE_ON;
        }
        tw_guard_chain_mask(&lane->chain, lane->at, lane->at + 1);
        lane->left--;
        lane->at++;
    }
    return TW_GUARD_LANE_ON;
}

// Whether the same bytes read plainly have another meaning.
static bool differs(struct tw_slice rest, bool last, enum tw_guard_found found,
                    const struct tw_guard_gap *gap)
{
    struct tw_guard_gap plain;
    enum tw_guard_found other = tw_guard_gap_find(TW_GUARD_READ_PLAIN, rest, last, &plain);
    return other != found || (found == TW_GUARD_FOUND && (plain.len != gap->len || plain.kind != gap->kind));
}

static enum tw_guard_lane_step after_digit(struct tw_guard_lane *lane, struct tw_slice text, bool last)
{
    enum tw_guard_found track = find_track(lane, text, last);
    if (track != TW_GUARD_FOUND_NONE) {
        return track == TW_GUARD_FOUND ? TW_GUARD_LANE_ON : TW_GUARD_LANE_WAIT;
    }
    struct tw_guard_gap gap;
    enum tw_guard_found found = tw_guard_gap_find(lane->reading, rest_of(lane, text), last, &gap);
    if (found == TW_GUARD_FOUND_MORE) {
        return TW_GUARD_LANE_WAIT;
    }
    if (gap.prefix && lane->alone && differs(rest_of(lane, text), last, found, &gap)) {
        return TW_GUARD_LANE_DOUBT;
    }
    if (found == TW_GUARD_FOUND_NONE) {
        tw_guard_chain_end(&lane->chain, (const char *)text.ptr);
        return TW_GUARD_LANE_ON;
    }
    lane->at += gap.len;
    lane->gap = gap.kind;
    return TW_GUARD_LANE_ON;
}

enum tw_guard_lane_step tw_guard_lane_step(struct tw_guard_lane *lane, struct tw_slice text, bool last)
{
    if (lane->at == text.len) {
        if (last) {
            tw_guard_chain_end(&lane->chain, (const char *)text.ptr);
        }
        return TW_GUARD_LANE_WAIT;
    }
    if (lane->track != TW_GUARD_LANE_NO_TRACK) {
        return read_track(lane, text, last);
    }
    if (lane->chain.count == 0) {
        return skip(lane, text, last);
    }
    if (tw_guard_byte_kinds[text.ptr[lane->at]] == TW_GUARD_BYTE_DIGIT) {
        read_digits(lane, text);
        return TW_GUARD_LANE_ON;
    }
    return after_digit(lane, text, last);
}
