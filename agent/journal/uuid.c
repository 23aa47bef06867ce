// SPDX-License-Identifier: Apache-2.0
#include "agent/journal/uuid.h"

enum { COUNTER_MAX = 0x0fff, COUNTER_START = 0x07ff };

void tw_uuid_after(struct tw_uuid_maker *maker, const uint8_t id[16])
{
    uint64_t ms = 0;
    for (int i = 0; i < 6; i++) {
        ms = ms << 8 | id[i];
    }
    uint16_t counter = (uint16_t)((id[6] & 0x0f) << 8 | id[7]);
    if (ms > maker->last_ms || (ms == maker->last_ms && counter > maker->counter)) {
        maker->last_ms = ms;
        maker->counter = counter;
    }
}

int tw_uuid_make(struct tw_uuid_maker *maker, int64_t wall_ms, uint8_t out[16])
{
    uint8_t random[10];
    int rc = tw_seal_random(maker->seal, random, sizeof random);
    if (rc != TW_OK) {
        return rc;
    }
    uint16_t start = (uint16_t)((random[8] << 8 | random[9]) & COUNTER_START);
    uint64_t now = wall_ms > 0 ? (uint64_t)wall_ms : 0;
    if (now > maker->last_ms) {
        maker->last_ms = now;
        maker->counter = start;
    } else if (maker->counter < COUNTER_MAX) {
        maker->counter++;
    } else {
        maker->last_ms++;
        maker->counter = start;
    }
    for (int i = 0; i < 6; i++) {
        out[i] = (uint8_t)(maker->last_ms >> (40 - 8 * i));
    }
    out[6] = (uint8_t)(0x70 | maker->counter >> 8);
    out[7] = (uint8_t)(maker->counter & 0xff);
    memcpy(out + 8, random, 8);
    out[8] = (uint8_t)(0x80 | (out[8] & 0x3f));
    return TW_OK;
}

int tw_uuid_random(struct tw_seal *seal, char out[37])
{
    uint8_t id[16];
    int rc = tw_seal_random(seal, id, sizeof id);
    if (rc == TW_OK) {
        id[6] = (uint8_t)(0x40 | (id[6] & 0x0f));
        id[8] = (uint8_t)(0x80 | (id[8] & 0x3f));
        tw_uuid_text(id, out);
    }
    return rc;
}

void tw_uuid_text(const uint8_t id[16], char out[37])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *out++ = '-';
        }
        *out++ = digits[id[i] >> 4];
        *out++ = digits[id[i] & 0x0f];
    }
    *out = 0;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int tw_uuid_parse(const char *text, uint8_t id[16])
{
    uint8_t made[16];
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            if (*text++ != '-') {
                return TW_ERR_INVALID;
            }
        }
        int high = hex_value(text[0]);
        int low = high < 0 ? -1 : hex_value(text[1]);
        if (low < 0) {
            return TW_ERR_INVALID;
        }
        made[i] = (uint8_t)(high << 4 | low);
        text += 2;
    }
    if (*text != 0) {
        return TW_ERR_INVALID;
    }
    memcpy(id, made, sizeof made);
    return TW_OK;
}
