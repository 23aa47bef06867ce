// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/doc_scan.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/decode/utf8.h"

int tw_doc_scan_fail(struct tw_doc_scan *scan, int error, const char *why)
{
    if (scan->error == TW_OK) {
        scan->error = error;
        scan->why = why;
    }
    return error;
}

int tw_doc_scan_refuse(struct tw_doc_scan *scan, const char *why)
{
    return tw_doc_scan_fail(scan, TW_ERR_INVALID, scan->at >= scan->end ? "it ends too early" : why);
}

// ---- texts

// Four hexadecimal digits; UINT32_MAX where they are not.
static uint32_t read_hex(const char *at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        char low = (char)(c | 0x20);
        if (c >= '0' && c <= '9') {
            value = value << 4 | (uint32_t)(c - '0');
        } else if (low >= 'a' && low <= 'f') {
            value = value << 4 | (uint32_t)(low - 'a' + 10);
        } else {
            return UINT32_MAX; // the NUL at the end, too: nothing behind it is looked at
        }
    }
    return value;
}

// \uXXXX, two of them for what is beyond U+FFFF (RFC 8259, section 7). `at` stands on the backslash.
static int decode_unicode(struct tw_doc_scan *scan, char **out)
{
    uint32_t code = read_hex(scan->at + 2);
    size_t len = 6;
    if (code >= 0xD800 && code < 0xDC00 && scan->at[6] == '\\' && scan->at[7] == 'u') {
        uint32_t low = read_hex(scan->at + 8);
        bool pair = low >= 0xDC00 && low < 0xE000;
        code = pair ? 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00) : code;
        len = pair ? 12 : len;
    }
    if (code == 0) {
        return tw_doc_scan_refuse(scan, "a NUL character in a text");
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) {
        return tw_doc_scan_refuse(scan, "not JSON");
    }
    *out += tw_utf8_encode(code, *out); // never longer than its escape
    scan->at += len;
    return TW_OK;
}

static int decode_escape(struct tw_doc_scan *scan, char **out)
{
    static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    char name = scan->at[1];
    if (name == 'u') {
        return decode_unicode(scan, out);
    }
    const char *found = name != '\0' ? strchr(names, name) : NULL;
    if (found == NULL) {
        return tw_doc_scan_refuse(scan, "not JSON");
    }
    *(*out)++ = bytes[found - names];
    scan->at += 2;
    return TW_OK;
}

static int copy_sequence(struct tw_doc_scan *scan, char **out)
{
    uint32_t code = 0;
    size_t len = tw_utf8_decode(tw_slice_make(scan->at, (size_t)(scan->end - scan->at)), &code);
    if (len == 0) {
        return tw_doc_scan_refuse(scan, "text that is not UTF-8");
    }
    memmove(*out, scan->at, len);
    *out += len;
    scan->at += len;
    return TW_OK;
}

static bool is_plain(char c)
{
    return c != '"' && c != '\\' && (signed char)c >= 0x20;
}

// The rest of a text, from its first byte that does not simply stand for itself.
static int decode_rest(struct tw_doc_scan *scan, char **out, uint32_t *chars)
{
    int rc = TW_OK;
    while (rc == TW_OK && *scan->at != '"') {
        char c = *scan->at;
        if (is_plain(c)) {
            *(*out)++ = *scan->at++;
        } else if (c == '\\') {
            rc = decode_escape(scan, out);
        } else if ((signed char)c < 0) {
            rc = copy_sequence(scan, out);
        } else {
            rc = tw_doc_scan_refuse(scan, "not JSON"); // RFC 8259, section 7: control characters are escaped
        }
        (*chars)++;
    }
    return rc;
}

int tw_doc_scan_text(struct tw_doc_scan *scan, const char **text, uint32_t *len, uint32_t *chars)
{
    scan->at++;
    char *start = scan->at;
    while (is_plain(*scan->at)) {
        scan->at++;
    }
    char *out = scan->at;
    *chars = (uint32_t)(out - start);
    if (*scan->at != '"' && decode_rest(scan, &out, chars) != TW_OK) {
        return scan->error;
    }
    *out = '\0';
    scan->at++;
    *text = start;
    *len = (uint32_t)(out - start);
    return TW_OK;
}

// ---- numbers

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool skip_digits(struct tw_doc_scan *scan)
{
    const char *start = scan->at;
    while (is_digit(*scan->at)) {
        scan->at++;
    }
    return scan->at > start;
}

// RFC 8259, section 6.
static bool skip_number(struct tw_doc_scan *scan, bool *real)
{
    scan->at += *scan->at == '-';
    const char *first = scan->at;
    bool good = skip_digits(scan) && (*first != '0' || scan->at == first + 1);
    *real = false;
    if (good && *scan->at == '.') {
        scan->at++;
        *real = true;
        good = skip_digits(scan);
    }
    if (good && (*scan->at == 'e' || *scan->at == 'E')) {
        scan->at++;
        scan->at += *scan->at == '+' || *scan->at == '-';
        *real = true;
        good = skip_digits(scan);
    }
    return good;
}

int tw_doc_scan_number(struct tw_doc_scan *scan, struct tw_doc_node *node)
{
    const char *start = scan->at;
    bool real = false;
    if (!skip_number(scan, &real)) {
        return tw_doc_scan_refuse(scan, "not JSON");
    }
    node->kind = real ? TW_DOC_REAL : TW_DOC_INTEGER;
    errno = 0;
    if (real) {
        node->real = strtod(start, NULL);
    } else {
        node->integer = strtoll(start, NULL, 10);
    }
    bool beyond = errno == ERANGE && (!real || isinf(node->real));
    return beyond ? tw_doc_scan_fail(scan, TW_ERR_INVALID, "a number is too large") : TW_OK;
}
