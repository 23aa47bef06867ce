// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/gate.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "agent/decode/pcre_limits.h"
#include "agent/decode/utf8.h"

// What stands before: nothing, a letter, a figure, or anything else.
enum before { AT_START = 0, AFTER_LETTER, AFTER_FIGURE, AFTER_OTHER, BEFORE };

#define SYMBOLS 37 // a to z, 0 to 9, space
#define FAR     512

#define KNOWN (UINT64_C(1) << 63)

struct far {
    uint32_t key; // code point and what stands before; 0: nothing here
    uint64_t open;
};

struct tw_gate {
    pcre2_code *const *codes;
    size_t count;
    pcre2_match_data *data;
    pcre2_match_context *context;
    uint64_t one[BEFORE][0x80]; // sets of expressions that can begin with a character, and with two
    uint64_t two[BEFORE][SYMBOLS][SYMBOLS];
    struct far far[FAR];
};

int tw_gate_new(pcre2_code *const *codes, size_t count, struct tw_gate **out)
{
    struct tw_gate *gate = calloc(1, sizeof *gate);
    if (gate == NULL) {
        return TW_ERR_NOMEM;
    }
    gate->codes = codes;
    gate->count = count;
    gate->data = pcre2_match_data_create(1, NULL);
    gate->context = tw_pcre_limits();
    if (gate->data == NULL || gate->context == NULL) {
        tw_gate_free(gate);
        return TW_ERR_NOMEM;
    }
    *out = gate;
    return TW_OK;
}

void tw_gate_free(struct tw_gate *gate)
{
    if (gate != NULL) {
        pcre2_match_data_free(gate->data);
        pcre2_match_context_free(gate->context);
        free(gate);
    }
}

// --- what can begin where ---

static bool can_begin(const struct tw_gate *gate, size_t code, const char *text, size_t len, size_t at)
{
    return gate->codes[code] != NULL && pcre2_match(gate->codes[code], (PCRE2_SPTR)text, len, at,
                                                    PCRE2_ANCHORED | PCRE2_PARTIAL_HARD | PCRE2_NO_UTF_CHECK,
                                                    gate->data, gate->context) != PCRE2_ERROR_NOMATCH;
}

// Of `among`, those that can begin with `head` after what may stand before it.
static uint64_t probe(const struct tw_gate *gate, enum before before, const char *head, size_t len,
                      uint64_t among)
{
    static const char *const samples[BEFORE] = {"", "a", "0", " .-"};
    uint64_t open = 0;
    const char *sample = samples[before];
    do {
        char text[2 * TW_UTF8_MAX + 1];
        size_t at = *sample != 0 ? 1 : 0;
        text[0] = *sample;
        memcpy(text + at, head, len);
        for (size_t code = 0; code < gate->count; code++) {
            uint64_t bit = UINT64_C(1) << code;
            if ((among & bit & ~open) != 0 && can_begin(gate, code, text, at + len, at)) {
                open |= bit;
            }
        }
        sample += at;
    } while (*sample != 0);
    return open;
}

static uint64_t open_one(struct tw_gate *gate, enum before before, uint32_t first)
{
    char head[TW_UTF8_MAX];
    size_t len = tw_utf8_encode(first, head);
    if (first < 0x80) {
        uint64_t *cell = &gate->one[before][first];
        *cell = *cell != 0 ? *cell : KNOWN | probe(gate, before, head, len, ~KNOWN);
        return *cell;
    }
    uint32_t key = first * BEFORE + before;
    struct far *far = &gate->far[key % FAR];
    if (far->key != key) {
        *far = (struct far){key, probe(gate, before, head, len, ~KNOWN)};
    }
    return far->open;
}

static int symbol_of(uint32_t c)
{
    if (c >= 'a' && c <= 'z') {
        return (int)(c - 'a');
    }
    if (c >= '0' && c <= '9') {
        return (int)(26 + c - '0');
    }
    return c == ' ' ? SYMBOLS - 1 : -1;
}

static uint64_t open_two(struct tw_gate *gate, enum before before, uint32_t first, uint32_t second)
{
    int a = symbol_of(first);
    int b = symbol_of(second);
    if (a < 0 || b < 0) {
        return open_one(gate, before, first);
    }
    uint64_t *cell = &gate->two[before][a][b];
    if (*cell == 0) {
        char head[2] = {(char)first, (char)second};
        *cell = KNOWN | probe(gate, before, head, 2, open_one(gate, before, first));
    }
    return *cell;
}

// --- lines ---

// The code point at `at`, small letters for ASCII; 0 at the end.
static uint32_t character_at(struct tw_slice line, size_t at, size_t *len)
{
    uint32_t c = 0;
    *len = tw_utf8_decode(tw_slice_make(line.ptr + at, line.len - at), &c);
    return *len > 0 && c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static bool is_utf8(struct tw_slice line)
{
    uint32_t c = 0;
    for (size_t at = 0, len = 0; at < line.len; at += len) {
        len = tw_utf8_decode(tw_slice_make(line.ptr + at, line.len - at), &c);
        if (len == 0) {
            return false;
        }
    }
    return true;
}

static uint64_t open_after(struct tw_gate *gate, uint32_t before, uint32_t first, uint32_t second)
{
    if (before >= 0x80) { // a letter or not
        return open_two(gate, AFTER_LETTER, first, second) | open_two(gate, AFTER_OTHER, first, second);
    }
    bool letter = before >= 'a' && before <= 'z';
    bool figure = before >= '0' && before <= '9';
    return open_two(gate,
                    before == 0 ? AT_START
                    : letter    ? AFTER_LETTER
                    : figure    ? AFTER_FIGURE
                                : AFTER_OTHER,
                    first, second);
}

static uint64_t match_at(struct tw_gate *gate, struct tw_slice line, size_t at, uint64_t open, uint64_t *work)
{
    uint64_t found = 0;
    for (; open != 0; open &= open - 1) {
        size_t code = (size_t)__builtin_ctzll(open);
        ++*work;
        if (pcre2_match(gate->codes[code], line.ptr, line.len, at, PCRE2_ANCHORED | PCRE2_NO_UTF_CHECK,
                        gate->data, gate->context) >= 0) {
            found |= UINT64_C(1) << code;
        }
    }
    return found;
}

uint64_t tw_gate_match(struct tw_gate *gate, struct tw_slice line, uint64_t want, uint64_t *work)
{
    uint64_t found = 0;
    uint32_t before = 0;
    size_t len = 0;
    if (!is_utf8(line)) {
        return 0;
    }
    uint32_t here = line.len > 0 ? character_at(line, 0, &len) : 0;
    for (size_t at = 0; at < line.len && (want & ~found) != 0;) {
        size_t next_len = 0;
        uint32_t next = at + len < line.len ? character_at(line, at + len, &next_len) : 0;
        uint64_t open = open_after(gate, before, here, next) & want & ~found & ~KNOWN;
        found |= open != 0 ? match_at(gate, line, at, open, work) : 0;
        before = here;
        at += len;
        here = next;
        len = next_len;
    }
    return found;
}
