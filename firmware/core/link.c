// SPDX-License-Identifier: Apache-2.0
#include "tillwire/tap_link.h"

#include <string.h>

#include "tillwire/err.h"

_Static_assert(TW_LINK_MAX_PAYLOAD == 1040, "the payload limit is part of the wire format");
_Static_assert(TW_LINK_MAX_FRAME == 1052, "1046 bytes, five COBS codes, the zero");

// The polynomial of IEEE 802.3, bits reversed, four bits at a time: 64 bytes of table instead of
// 1024 matter on the board.
uint32_t tw_link_crc32(uint32_t crc, const uint8_t *bytes, size_t len)
{
    static const uint32_t nibble[16] = {
        0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u,
        0x4db26158u, 0x5005713cu, 0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu,
        0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu,
    };
    uint32_t rest = ~crc;
    for (size_t i = 0; i < len; i++) {
        rest ^= bytes[i];
        rest = (rest >> 4) ^ nibble[rest & 15u];
        rest = (rest >> 4) ^ nibble[rest & 15u];
    }
    return ~rest;
}

// COBS: each run of up to 254 bytes without a zero is led by its length plus one; a run shorter
// than 254 stands for itself and the zero behind it.
static void cobs_put(struct tw_link_writer *writer, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != 0) {
            writer->out[writer->len] = bytes[i];
            writer->len++;
        }
        size_t code = writer->len - writer->code_at;
        if (bytes[i] == 0 || code == 255) {
            writer->out[writer->code_at] = (uint8_t)code;
            writer->code_at = writer->len;
            writer->len++;
        }
    }
}

void tw_link_begin(struct tw_link_writer *writer, uint8_t type, uint8_t sequence, uint8_t *out)
{
    const uint8_t head[2] = {type, sequence};
    *writer = (struct tw_link_writer){.out = out, .code_at = 0, .len = 1, .crc = 0};
    tw_link_add(writer, head, sizeof head);
}

void tw_link_add(struct tw_link_writer *writer, const uint8_t *bytes, size_t len)
{
    writer->crc = tw_link_crc32(writer->crc, bytes, len);
    cobs_put(writer, bytes, len);
}

size_t tw_link_end(struct tw_link_writer *writer)
{
    uint8_t tail[4];
    tw_link_put(tail, writer->crc, sizeof tail);
    cobs_put(writer, tail, sizeof tail);
    writer->out[writer->code_at] = (uint8_t)(writer->len - writer->code_at);
    writer->out[writer->len] = 0;
    writer->len++;
    return writer->len;
}

size_t tw_link_encode(uint8_t type, uint8_t sequence, const uint8_t *payload, size_t len, uint8_t *out)
{
    if (len > TW_LINK_MAX_PAYLOAD) {
        return 0;
    }
    struct tw_link_writer writer;
    tw_link_begin(&writer, type, sequence, out);
    tw_link_add(&writer, payload, len);
    return tw_link_end(&writer);
}

// Decodes in place. Returns the decoded length, or 0 when a code points beyond the end.
static size_t cobs_decode(uint8_t *bytes, size_t len)
{
    size_t in = 0;
    size_t out = 0;
    while (in < len) {
        size_t run = (size_t)bytes[in] - 1;
        in++;
        if (run > len - in) {
            return 0;
        }
        (void)memmove(&bytes[out], &bytes[in], run);
        in += run;
        out += run;
        if (run < 254 && in < len) {
            bytes[out] = 0;
            out++;
        }
    }
    return out;
}

static int check_frame(struct tw_link_decoder *decoder, struct tw_link_frame *frame)
{
    size_t len = cobs_decode(decoder->bytes, decoder->len);
    if (len < TW_LINK_OVERHEAD || len > TW_LINK_OVERHEAD + TW_LINK_MAX_PAYLOAD) {
        return TW_ERR_DAMAGED;
    }
    uint32_t crc = tw_link_crc32(0, decoder->bytes, len - 4);
    if (crc != (uint32_t)tw_link_get(&decoder->bytes[len - 4], 4)) {
        return TW_ERR_DAMAGED;
    }
    frame->type = decoder->bytes[0];
    frame->sequence = decoder->bytes[1];
    frame->payload = &decoder->bytes[2];
    frame->len = len - TW_LINK_OVERHEAD;
    return 1;
}

int tw_link_decode(struct tw_link_decoder *decoder, uint8_t byte, struct tw_link_frame *frame)
{
    if (byte != 0) {
        if (decoder->len < sizeof decoder->bytes) {
            decoder->bytes[decoder->len] = byte;
            decoder->len++;
        } else {
            decoder->overflow = 1;
        }
        return 0;
    }
    int outcome;
    if (decoder->overflow != 0) {
        outcome = TW_ERR_DAMAGED;
    } else if (decoder->len > 0) {
        outcome = check_frame(decoder, frame);
    } else {
        outcome = 0;
    }
    decoder->len = 0;
    decoder->overflow = 0;
    return outcome;
}
