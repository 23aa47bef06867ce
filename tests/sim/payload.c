// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/payload.h"

#include "agent/uplink/word.h"

// The `len` characters after `"key":"`; at or after *from, which moves behind them.
static bool take(struct tw_slice bytes, size_t *from, const char *key, size_t len, char *out)
{
    size_t key_len = strlen(key);
    const uint8_t *at = memmem(bytes.ptr + *from, bytes.len - *from, key, key_len);
    if (at == NULL || (size_t)(bytes.ptr + bytes.len - at) < key_len + len) {
        return false;
    }
    memcpy(out, at + key_len, len);
    out[len] = '\0';
    *from = (size_t)(at - bytes.ptr) + key_len + len;
    return true;
}

static bool read_type(const char *text, enum tw_event_type *out)
{
#define X(symbol, number, name, schema, family) TW_EVENT_##symbol,
    static const enum tw_event_type types[] = {TW_EVENT_TYPES(X)};
#undef X
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        const char *name = tw_event_type_name(types[i]) + sizeof TW_EVENT_PREFIX - 1;
        size_t len = strlen(name);
        if (strncmp(text, name, len) == 0 && text[len] == '"') {
            *out = types[i];
            return true;
        }
    }
    return false;
}

bool sim_payload_read(struct tw_slice bytes, struct sim_payload *out)
{
    char id[37], type[24], sequence[21], prevhash[65];
    size_t at = 0;
    if (!take(bytes, &at, "\"id\":\"", 36, id) ||
        !take(bytes, &at, "\"type\":\"" TW_EVENT_PREFIX, sizeof type - 1, type) ||
        !take(bytes, &at, "\"sequence\":\"", 20, sequence) ||
        !take(bytes, &at, "\"epoch\":\"", 36, out->epoch) ||
        !take(bytes, &at, "\"prevhash\":\"", 64, prevhash)) {
        return false;
    }
    out->sequence = strtoull(sequence, NULL, 10);
    return tw_uuid_parse(id, out->id) == TW_OK && read_type(type, &out->type) &&
           tw_word_hash(prevhash, out->prevhash);
}

uint64_t sim_payload_print(struct tw_slice bytes)
{
    uint64_t print = bytes.len;
    uint64_t word = 0;
    for (size_t i = 0; i < bytes.len; i += sizeof word) {
        size_t part = bytes.len - i < sizeof word ? bytes.len - i : sizeof word;
        word = 0;
        memcpy(&word, bytes.ptr + i, part);
        print = (print ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        print ^= print >> 29;
    }
    return print;
}
