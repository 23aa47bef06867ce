// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/guard_gap.h"

#include <string.h>

#include "agent/decode/escpos_table.h"
#include "agent/decode/guard_chain.h"

#define APART_MAX 3  // characters between groups
#define SHORT_MAX 16 // payload of a command that is still one of style (FS ( C and the like)

#define B 0
#define D TW_GUARD_BYTE_DIGIT
#define L TW_GUARD_BYTE_LETTER
#define O TW_GUARD_BYTE_OTHER
#define P TW_GUARD_BYTE_PREFIX
// clang-format off
const uint8_t tw_guard_byte_kinds[256] = {
    O, O, O, O, O, O, O, O, O, B, B, O, O, B, O, O, P, O, O, O, O, O, O, O, O, O, O, P, P, P, O, O, // 0x00
    B, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, D, D, D, D, D, D, D, D, D, D, O, O, O, O, O, O, // 0x20
    O, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, O, O, O, O, O, // 0x40
    O, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, O, O, O, O, O, // 0x60
    O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, // 0x80
    O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, // 0xA0
    O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, // 0xC0
    O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, // 0xE0
};
// clang-format on
#undef B
#undef D
#undef L
#undef O
#undef P

static struct tw_guard_command make(enum tw_guard_command_kind kind, size_t len)
{
    return (struct tw_guard_command){kind, len};
}

static struct tw_guard_command header_p16(struct tw_slice text, size_t n)
{
    size_t head = 2 + n + 2;
    if (text.len < head) {
        return make(TW_GUARD_COMMAND_BREAK, 0);
    }
    if (text.ptr[0] == TW_ESCPOS_GS && text.ptr[2] == 'k') {
        return make(TW_GUARD_COMMAND_BREAK, head + 3); // GS ( k pL pH cn fn m, then the symbol's text
    }
    size_t payload = (size_t)text.ptr[head - 2] | (size_t)text.ptr[head - 1] << 8;
    return payload <= SHORT_MAX ? make(TW_GUARD_COMMAND_STYLE, head + payload)
                                : make(TW_GUARD_COMMAND_BREAK, head);
}

// ESC D: ascending positions, NUL.
static struct tw_guard_command tab_list(struct tw_slice text)
{
    size_t len = 2;
    while (len < text.len && text.ptr[len] != 0) {
        if (len > 34 || (len > 2 && text.ptr[len] <= text.ptr[len - 1])) {
            return make(TW_GUARD_COMMAND_BREAK, len);
        }
        len++;
    }
    return make(TW_GUARD_COMMAND_STYLE, len < text.len ? len + 1 : 0);
}

static enum tw_guard_command_kind kind_of(uint8_t verb)
{
    switch (verb) {
    case TW_ESCPOS_POSITION:
    case TW_ESCPOS_SHIFT:
    case TW_ESCPOS_VERTICAL:
        return TW_GUARD_COMMAND_MOVE;
    case TW_ESCPOS_FEED_LINES:
    case TW_ESCPOS_FEED_DOTS:
        return TW_GUARD_COMMAND_FEED;
    case TW_ESCPOS_RESET:
    case TW_ESCPOS_CUT:
    case TW_ESCPOS_PRINT_PAGE:
    case TW_ESCPOS_PAGE_MODE:
    case TW_ESCPOS_STANDARD_MODE:
        return TW_GUARD_COMMAND_BREAK;
    default:
        return TW_GUARD_COMMAND_STYLE;
    }
}

static struct tw_guard_command by_length(const struct tw_escpos_command *command, struct tw_slice text)
{
    switch (command->length) {
    case TW_LEN_FIXED:
        return make(kind_of(command->verb), 2u + command->n);
    case TW_LEN_CHOICE:
        return make(kind_of(command->verb),
                    text.len > 2 ? 3 + tw_escpos_choice(text.ptr[0], text.ptr[1], text.ptr[2]) : 0);
    case TW_LEN_TABS:
        return tab_list(text);
    case TW_LEN_P16:
        return header_p16(text, command->n);
    case TW_LEN_BARCODE: // GS k m d1…NUL, GS k m n d1…
        return make(TW_GUARD_COMMAND_BREAK, text.len > 2 ? (text.ptr[2] <= 6 ? 3 : 4) : 0);
    default:
        return make(TW_GUARD_COMMAND_BREAK, 2);
    }
}

struct tw_guard_command tw_guard_command_find(struct tw_slice text, bool last)
{
    struct tw_guard_command found = {TW_GUARD_COMMAND_BREAK, 0};
    if (text.len >= 2) {
        const struct tw_escpos_command *command = tw_escpos_find(text.ptr[0], text.ptr[1]);
        if (command->known) {
            found = by_length(command, text);
        } else {
            // As the page model reads it: an unknown command is its two bytes. But what is no
            // letter of a command, a digit above all, is read for itself.
            bool code = text.ptr[1] > '9' && text.ptr[0] != TW_ESCPOS_DLE;
            found = code ? make(TW_GUARD_COMMAND_STYLE, 2) : make(TW_GUARD_COMMAND_NONE, 1);
        }
    }
    if (found.len == 0 || found.len > text.len) {
        found = make(TW_GUARD_COMMAND_BREAK, last ? text.len : 0);
    }
    return found;
}

// What was met since the digit.
struct walk {
    size_t others, blanks; // characters
    unsigned first;        // the first of them
    bool line, move;       // a line's end, a move
};

static void add_char(struct walk *w, unsigned char c)
{
    if (w->others + w->blanks == 0) {
        w->first = c;
    }
    if (c == ' ') {
        w->blanks++;
    } else {
        w->others++;
    }
}

// U+00A0 in UTF-8, and the spaces and dashes U+2000 to U+203F, are one character.
static size_t char_len(struct tw_slice text)
{
    if (text.ptr[0] == 0xC2) {
        return text.len < 2 ? 0 : text.ptr[1] == 0xA0 ? 2 : 1;
    }
    if (text.ptr[0] != 0xE2) {
        return 1;
    }
    if (text.len < 3) {
        return text.len == 2 && text.ptr[1] != 0x80 ? 1 : 0;
    }
    return text.ptr[1] == 0x80 && (text.ptr[2] & 0xC0) == 0x80 ? 3 : 1;
}

// Takes the command at `text`. Returns its length; 0: it ends everything or more is needed.
static size_t take_command(struct walk *w, struct tw_slice text, bool last, enum tw_guard_found *end)
{
    struct tw_guard_command command = tw_guard_command_find(text, last);
    if (command.len == 0 || command.kind == TW_GUARD_COMMAND_BREAK) {
        *end = command.len == 0 ? TW_GUARD_FOUND_MORE : TW_GUARD_FOUND_NONE;
        return 0;
    }
    w->move = w->move || command.kind == TW_GUARD_COMMAND_MOVE;
    w->line = w->line || command.kind == TW_GUARD_COMMAND_FEED;
    if (command.kind == TW_GUARD_COMMAND_NONE) {
        add_char(w, text.ptr[0]);
    }
    return command.len;
}

// Takes one character that is neither digit nor letter nor command. Returns its length, 0 as above.
static size_t take_char(enum tw_guard_reading reading, struct walk *w, struct tw_slice text, bool last,
                        enum tw_guard_found *end)
{
    unsigned char c = text.ptr[0];
    if (reading == TW_GUARD_READ_LINES) {
        if (c == '\0' || c == '\n' || c == '\r' || w->others + w->blanks >= APART_MAX) {
            *end = TW_GUARD_FOUND_NONE;
            return 0;
        }
    } else if (c == '\n' || c == '\r') {
        w->line = true;
        return 1;
    } else if (c == '\t') {
        w->move = true;
        return 1;
    }
    if (c != ' ' && w->others >= APART_MAX) {
        *end = TW_GUARD_FOUND_NONE;
        return 0;
    }
    size_t len = char_len(text);
    if (len == 0 && !last) {
        *end = TW_GUARD_FOUND_MORE;
        return 0;
    }
    add_char(w, c);
    return len == 0 ? 1 : len;
}

static enum tw_guard_found conclude(const struct walk *w, struct tw_guard_gap *gap)
{
    bool moved = w->line || w->move;
    size_t chars = w->others + (moved ? 1 : w->blanks);
    if (chars > APART_MAX) {
        return TW_GUARD_FOUND_NONE;
    }
    gap->kind = chars == 0 ? 0 : TW_GUARD_GAP_THERE;
    gap->kind |= chars == 1 ? TW_GUARD_GAP_SINGLE : 0;
    gap->kind |= chars > 0 && w->others == 0 ? TW_GUARD_GAP_WHITE : 0;
    gap->kind |= chars == 0 ? 0 : w->line ? '\n' : w->move ? '\t' : w->first;
    return TW_GUARD_FOUND;
}

enum tw_guard_found tw_guard_gap_find(enum tw_guard_reading reading, struct tw_slice text, bool last,
                                      struct tw_guard_gap *gap)
{
    struct walk w = {0};
    enum tw_guard_found end = last ? TW_GUARD_FOUND_NONE : TW_GUARD_FOUND_MORE;
    size_t limit = text.len < TW_GUARD_GAP_BYTES + 1 ? text.len : TW_GUARD_GAP_BYTES + 1;
    gap->prefix = false;
    for (gap->len = 0; gap->len < limit;) {
        struct tw_slice rest = {text.ptr + gap->len, text.len - gap->len};
        size_t taken = 0;
        switch (tw_guard_byte_kinds[rest.ptr[0]]) {
        case TW_GUARD_BYTE_DIGIT:
            return conclude(&w, gap);
        case TW_GUARD_BYTE_LETTER:
            return TW_GUARD_FOUND_NONE;
        case TW_GUARD_BYTE_PREFIX:
            gap->prefix = true;
            taken = reading == TW_GUARD_READ_PRINTER ? take_command(&w, rest, last, &end)
                                                     : take_char(reading, &w, rest, last, &end);
            break;
        default:
            taken = take_char(reading, &w, rest, last, &end);
            break;
        }
        if (taken == 0) {
            return end;
        }
        gap->len += taken;
    }
    return gap->len > TW_GUARD_GAP_BYTES ? TW_GUARD_FOUND_NONE : end;
}
