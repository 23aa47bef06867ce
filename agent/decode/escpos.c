// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/escpos.h"

#include <stdbool.h>

#include "agent/decode/escpos_table.h"

enum phase {
    GROUND = 0, // text and control characters
    CODE,       // after a prefix
    ARGUMENTS,
    PAYLOAD,
    STRING, // GS k, first form: to NUL
    LIST,   // ESC D: to NUL
};

#define STRING_MAX 255
#define LIST_MAX   32

// A rule is asked whenever the arguments it wanted are there. It returns how many more it wants;
// 0 means that the header is complete, and `left`, `rounds`, `base` or `phase` say what follows.
typedef size_t rule_fn(struct tw_escpos *p);

static uint32_t low_high(const uint8_t *args)
{
    return (uint32_t)args[0] | (uint32_t)args[1] << 8;
}

static size_t rule_fixed(struct tw_escpos *p)
{
    return p->command->n - p->arg_count;
}

static size_t rule_p16(struct tw_escpos *p)
{
    size_t n = p->command->n;
    if (p->arg_count < n + 2) {
        return n + 2 - p->arg_count;
    }
    p->left = low_high(p->args + n);
    return 0;
}

static size_t rule_p32(struct tw_escpos *p)
{
    size_t n = p->command->n;
    if (p->arg_count < n + 4) {
        return n + 4 - p->arg_count;
    }
    p->left = low_high(p->args + n) | (uint64_t)low_high(p->args + n + 2) << 16;
    return 0;
}

static size_t rule_raster(struct tw_escpos *p)
{
    size_t n = p->command->n;
    if (p->arg_count < n + 4) {
        return n + 4 - p->arg_count;
    }
    p->left = (uint64_t)low_high(p->args + n) * low_high(p->args + n + 2);
    return 0;
}

static size_t rule_strip(struct tw_escpos *p)
{
    if (p->arg_count < 3) {
        return 3 - p->arg_count;
    }
    p->left = (uint64_t)low_high(p->args + 1) * (p->args[0] >= 32 ? 3 : 1);
    return 0;
}

static size_t rule_blocks(struct tw_escpos *p)
{
    if (p->arg_count < 2) {
        return 2 - p->arg_count;
    }
    p->left = (uint64_t)p->args[0] * p->args[1] * 8;
    return 0;
}

static size_t rule_glyphs(struct tw_escpos *p)
{
    if (p->arg_count < 3) {
        return 3 - p->arg_count;
    }
    if (p->arg_count == 3) {
        uint8_t first = p->args[1];
        uint8_t last = p->args[2];
        bool valid = first >= 0x20 && first <= last && last <= 0x7E;
        p->rounds = valid ? last - first + 1U : 0;
        p->base = 3;
        return valid ? 1 : 0;
    }
    p->left = (uint64_t)p->args[0] * p->args[3];
    return 0;
}

static size_t rule_images(struct tw_escpos *p)
{
    if (p->arg_count == 0) {
        return 1;
    }
    if (p->arg_count == 1) {
        p->rounds = p->args[0];
        p->base = 1;
        return p->rounds > 0 ? 4 : 0;
    }
    p->left = (uint64_t)low_high(p->args + 1) * low_high(p->args + 3) * 8;
    return 0;
}

static size_t rule_tabs(struct tw_escpos *p)
{
    p->phase = LIST;
    return 0;
}

// GS k m: m 0 to 6 is followed by text and NUL, 65 to 79 by a count. 81 and 97 are the QR codes
// of Bematech (m, 4 parameters, 16 bit count) and of small Chinese printers (m, 2 parameters).
static size_t rule_barcode(struct tw_escpos *p)
{
    if (p->arg_count == 0) {
        return 1;
    }
    uint8_t m = p->args[0];
    if (m <= 6) {
        p->phase = STRING;
        return 0;
    }
    size_t header = m == 81 ? 7 : m == 97 ? 5 : m >= 65 && m <= 79 ? 2 : 1;
    if (p->arg_count < header) {
        return header - p->arg_count;
    }
    if (header > 2) {
        p->left = low_high(p->args + header - 2);
    } else if (header == 2) {
        p->left = p->args[1];
    }
    return 0;
}

// GS D m fn a kc1 kc2 b c and a BMP file: "BM", its size in 4 bytes, …
static size_t rule_bmp(struct tw_escpos *p)
{
    if (p->arg_count < 13) {
        return 13 - p->arg_count;
    }
    uint64_t size = low_high(p->args + 9) | (uint64_t)low_high(p->args + 11) << 16;
    if (p->args[7] == 'B' && p->args[8] == 'M' && size > 6) {
        p->left = size - 6;
    }
    return 0;
}

static size_t rule_choice(struct tw_escpos *p)
{
    if (p->arg_count == 0) {
        return 1;
    }
    return p->arg_count > 1 ? 0 : tw_escpos_choice(p->prefix, p->code, p->args[0]);
}

static size_t rule_store(struct tw_escpos *p)
{
    if (p->arg_count < 8) {
        return 8 - p->arg_count;
    }
    bool writes = p->args[0] == 1 || p->args[0] == '1';
    p->left = writes ? low_high(p->args + 6) : 0;
    return 0;
}

static size_t rule_kanji(struct tw_escpos *p)
{
    if (p->arg_count < 2) {
        return 2 - p->arg_count;
    }
    p->left = p->command->n;
    return 0;
}

static rule_fn *const rules[TW_LEN_RULES] = {
    [TW_LEN_FIXED] = rule_fixed,   [TW_LEN_P16] = rule_p16,         [TW_LEN_P32] = rule_p32,
    [TW_LEN_RASTER] = rule_raster, [TW_LEN_STRIP] = rule_strip,     [TW_LEN_BLOCKS] = rule_blocks,
    [TW_LEN_GLYPHS] = rule_glyphs, [TW_LEN_IMAGES] = rule_images,   [TW_LEN_TABS] = rule_tabs,
    [TW_LEN_KANJI] = rule_kanji,   [TW_LEN_BARCODE] = rule_barcode, [TW_LEN_BMP] = rule_bmp,
    [TW_LEN_CHOICE] = rule_choice, [TW_LEN_STORE] = rule_store,
};

void tw_escpos_free(struct tw_escpos *parser)
{
    tw_buf_free(&parser->data);
}

void tw_escpos_reset(struct tw_escpos *parser)
{
    parser->phase = GROUND;
}

bool tw_escpos_is_between(const struct tw_escpos *parser)
{
    return parser->phase == GROUND;
}

static enum tw_escpos_token done(struct tw_escpos *p)
{
    p->phase = GROUND;
    return TW_ESCPOS_COMMAND;
}

// Asks the rule what comes next.
static enum tw_escpos_token advance(struct tw_escpos *p)
{
    size_t more = rules[p->command->length](p);
    if (more > 0) {
        p->wanted = p->arg_count + more;
        p->phase = ARGUMENTS;
        return TW_ESCPOS_NONE;
    }
    if (p->phase == STRING || p->phase == LIST) {
        return TW_ESCPOS_NONE;
    }
    if (p->left > TW_ESCPOS_PAYLOAD_MAX) {
        p->verb = TW_ESCPOS_SKIP;
        return done(p);
    }
    if (p->left == 0 && p->rounds <= 1) {
        return done(p);
    }
    p->phase = PAYLOAD;
    return TW_ESCPOS_NONE;
}

static bool is_prefix(uint8_t byte)
{
    return byte == TW_ESCPOS_ESC || byte == TW_ESCPOS_GS || byte == TW_ESCPOS_FS || byte == TW_ESCPOS_DLE;
}

// An unknown command is its two bytes; but a control character after a prefix, and whatever
// follows DLE, is read for itself.
static size_t read_code(struct tw_escpos *p, uint8_t byte, enum tw_escpos_token *token)
{
    const struct tw_escpos_command *command = tw_escpos_find(p->prefix, byte);
    if (!command->known) {
        p->phase = GROUND;
        return byte < 0x20 || p->prefix == TW_ESCPOS_DLE ? 0 : 1;
    }
    p->command = command;
    p->code = byte;
    p->verb = command->verb;
    p->arg_count = 0;
    p->base = 0;
    p->rounds = 0;
    p->left = 0;
    tw_buf_clear(&p->data);
    p->phase = ARGUMENTS;
    *token = advance(p);
    return 1;
}

static size_t read_ground(struct tw_escpos *p, struct tw_slice bytes, enum tw_escpos_token *token)
{
    size_t run = 0;
    while (run < bytes.len && bytes.ptr[run] >= 0x20) {
        run++;
    }
    if (run > 0) {
        *token = TW_ESCPOS_TEXT;
        return run;
    }
    p->code = bytes.ptr[0];
    if (is_prefix(p->code)) {
        p->prefix = p->code;
        p->phase = CODE;
    } else {
        *token = TW_ESCPOS_CONTROL;
    }
    return 1;
}

static size_t read_arguments(struct tw_escpos *p, struct tw_slice bytes, enum tw_escpos_token *token)
{
    size_t used = 0;
    while (used < bytes.len && p->arg_count < p->wanted) {
        p->args[p->arg_count++] = bytes.ptr[used++];
    }
    if (p->arg_count == p->wanted) {
        *token = advance(p);
    }
    return used;
}

// GS ( x shares one line of the table; only symbols (k) are worth keeping whole.
static size_t keep_of(const struct tw_escpos *p)
{
    bool other = p->prefix == TW_ESCPOS_GS && p->code == '(' && p->args[0] != 'k';
    return other ? 2 : p->command->keep;
}

static size_t read_payload(struct tw_escpos *p, struct tw_slice bytes, enum tw_escpos_token *token)
{
    size_t used = bytes.len < p->left ? bytes.len : (size_t)p->left;
    size_t room = keep_of(p) > p->data.len ? keep_of(p) - p->data.len : 0;
    size_t kept = used < room ? used : room;
    tw_buf_add(&p->data, bytes.ptr, kept);
    p->skipped += used - kept;
    p->left -= used;
    if (p->left > 0) {
        return used;
    }
    if (p->rounds > 1) {
        p->rounds--;
        p->wanted = p->arg_count;
        p->arg_count = p->base;
        p->phase = ARGUMENTS;
    } else {
        *token = done(p);
    }
    return used;
}

// The bytes of both are taken one by one; what cannot belong to them ends them and is read again
// as what it is, so that a missing NUL costs no more than one bar code.
static size_t read_until(struct tw_escpos *p, uint8_t byte, enum tw_escpos_token *token)
{
    bool list = p->phase == LIST;
    size_t len = p->data.len;
    bool foreign = list ? len > 0 && byte <= p->data.ptr[len - 1] : byte < 0x20;
    if (byte == 0) {
        *token = done(p);
        return 1;
    }
    if (foreign || len >= (list ? LIST_MAX : STRING_MAX) || p->data.failed) {
        *token = done(p);
        return 0;
    }
    tw_buf_add(&p->data, &byte, 1);
    return 1;
}

size_t tw_escpos_next(struct tw_escpos *parser, struct tw_slice bytes, enum tw_escpos_token *token)
{
    *token = TW_ESCPOS_NONE;
    switch (parser->phase) {
    case CODE:
        return read_code(parser, bytes.ptr[0], token);
    case ARGUMENTS:
        return read_arguments(parser, bytes, token);
    case PAYLOAD:
        return read_payload(parser, bytes, token);
    case STRING:
    case LIST:
        return read_until(parser, bytes.ptr[0], token);
    default:
        return read_ground(parser, bytes, token);
    }
}
