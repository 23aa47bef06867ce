// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/utf8.h"

size_t tw_utf8_encode(uint32_t code, char out[TW_UTF8_MAX])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t len = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    out[0] = (char)(lead[len] | code);
    return len;
}

size_t tw_utf8_length(uint8_t lead)
{
    if (lead < 0x80) {
        return 1;
    }
    if (lead < 0xC2 || lead > 0xF4) {
        return 0;
    }
    return lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

size_t tw_utf8_decode(struct tw_slice text, uint32_t *code)
{
    size_t len = text.len > 0 ? tw_utf8_length(text.ptr[0]) : 0;
    if (len == 0 || len > text.len) {
        return 0;
    }
    static const uint8_t payload[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t value = text.ptr[0] & payload[len];
    for (size_t i = 1; i < len; i++) {
        if ((text.ptr[i] & 0xC0) != 0x80) {
            return 0;
        }
        value = value << 6 | (text.ptr[i] & 0x3F);
    }
    if (value < least[len] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) {
        return 0;
    }
    *code = value;
    return len;
}
