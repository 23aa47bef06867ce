// SPDX-License-Identifier: Apache-2.0
#include "tillwire/json.h"

#include <jansson.h>

#include "agent/decode/utf8.h"

// jansson's own texts quote the input, which may be personal; these do not.
static const char *reason(enum json_error_code code)
{
    switch (code) {
    case json_error_out_of_memory:
        return "out of memory";
    case json_error_stack_overflow:
        return "nested too deep";
    case json_error_invalid_utf8:
        return "text that is not UTF-8";
    case json_error_premature_end_of_input:
        return "it ends too early";
    case json_error_end_of_input_expected:
        return "something follows the value";
    case json_error_duplicate_key:
        return "a key stands twice in one object";
    case json_error_numeric_overflow:
        return "a number is too large";
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return "a NUL character in a text";
    default:
        return "not JSON";
    }
}

int tw_json_parse(struct tw_slice text, tw_json **out, struct tw_error_text *err)
{
    json_error_t why = {0};
    json_t *value =
        json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (value != NULL) {
        *out = value;
        return TW_OK;
    }
    enum json_error_code code = text.len == 0 ? json_error_premature_end_of_input : json_error_code(&why);
    return tw_fail(err, code == json_error_out_of_memory ? TW_ERR_NOMEM : TW_ERR_INVALID,
                   "reading JSON: line %d, column %d: %s", why.line < 1 ? 1 : why.line,
                   why.column < 0 ? 0 : why.column, reason(code));
}

tw_json *tw_json_pack(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    json_t *value = json_vpack_ex(NULL, 0, format, args);
    va_end(args);
    return value;
}

int tw_json_unpack(const tw_json *value, struct tw_error_text *err, const char *format, ...)
{
    // jansson takes the value not const, but with json_unpack only reads it.
    union {
        const tw_json *in;
        json_t *out;
    } root = {.in = value};
    json_error_t why = {0};
    va_list args;
    va_start(args, format);
    int rc = json_vunpack_ex(root.out, &why, 0, format, args);
    va_end(args);
    if (rc == 0) {
        return TW_OK;
    }
    // The text names keys and types (and the position is that in `format`), never values.
    return tw_fail(err, TW_ERR_INVALID, "reading a JSON value: %s", why.text);
}

void tw_json_free(tw_json *value)
{
    json_decref(value);
}

static int add_bytes(const char *bytes, size_t len, void *ctx)
{
    struct tw_buf *out = ctx;
    tw_buf_add(out, bytes, len);
    return out->failed ? -1 : 0;
}

void tw_json_dump(const tw_json *value, struct tw_buf *out)
{
    if (json_dump_callback(value, add_bytes, out, JSON_COMPACT | JSON_ENCODE_ANY) != 0) {
        out->failed = true;
    }
}

static void dump_character(uint32_t code, struct tw_buf *out)
{
    static const char *const shorts[0x20] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r"};
    char text[TW_UTF8_MAX];
    if (code == '"' || code == '\\') {
        tw_buf_printf(out, "\\%c", (char)code);
    } else if (code < 0x20 && shorts[code] != NULL) {
        tw_buf_add_text(out, shorts[code]);
    } else if (code < 0x20) {
        tw_buf_printf(out, "\\u%04X", (unsigned)code);
    } else {
        tw_buf_add(out, text, tw_utf8_encode(code, text));
    }
}

// Bytes at the start of `text` that stand for themselves in a JSON string (RFC 8259, section 7).
static size_t plain_bytes(struct tw_slice text)
{
    size_t len = 0;
    while (len < text.len && text.ptr[len] >= 0x20 && text.ptr[len] < 0x80 && text.ptr[len] != '"' &&
           text.ptr[len] != '\\') {
        len++;
    }
    return len;
}

void tw_json_dump_text(struct tw_slice text, struct tw_buf *out)
{
    tw_buf_add(out, "\"", 1);
    while (text.len > 0) {
        size_t len = plain_bytes(text);
        if (len > 0) {
            tw_buf_add(out, text.ptr, len);
        } else {
            uint32_t code = TW_UTF8_REPLACEMENT;
            len = tw_utf8_decode(text, &code);
            dump_character(code, out);
            len = len == 0 ? 1 : len;
        }
        text.ptr += len;
        text.len -= len;
    }
    tw_buf_add(out, "\"", 1);
}

tw_json *tw_json_get(const tw_json *object, const char *key)
{
    return json_object_get(object, key);
}

size_t tw_json_size(const tw_json *array)
{
    return json_array_size(array);
}

tw_json *tw_json_at(const tw_json *array, size_t index)
{
    return json_array_get(array, index);
}

const char *tw_json_text(const tw_json *value)
{
    return json_string_value(value);
}

int tw_json_int(const tw_json *value, int64_t *out)
{
    if (!json_is_integer(value)) {
        return TW_ERR_INVALID;
    }
    *out = (int64_t)json_integer_value(value);
    return TW_OK;
}

bool tw_json_is_true(const tw_json *value)
{
    return json_is_true(value);
}

int tw_json_set(tw_json *object, const char *key, tw_json *value)
{
    return json_object_set_new(object, key, value) == 0 ? TW_OK : TW_ERR_NOMEM;
}

int tw_json_append(tw_json *array, tw_json *value)
{
    return json_array_append_new(array, value) == 0 ? TW_OK : TW_ERR_NOMEM;
}
