// SPDX-License-Identifier: Apache-2.0
//
// The payloads of CONFIG, UPDATE_STATE and INFO, for both ends of the link.
#include <string.h>

#include "tillwire/tap_info.h"

_Static_assert(TW_LINK_CONFIG_BYTES == 3 * TW_LINK_LINE_BYTES, "three lines");
_Static_assert(TW_LINK_INFO_BYTES == 4 + 4 + 1 + 1 + 5 * 8 + TW_LINK_CONFIG_BYTES + 12, "sizes on the wire");

static void put(uint8_t **out, uint64_t value, unsigned bytes)
{
    tw_link_put(*out, value, bytes);
    *out = &(*out)[bytes];
}

static uint64_t get(const uint8_t **in, unsigned bytes)
{
    uint64_t value = tw_link_get(*in, bytes);
    *in = &(*in)[bytes];
    return value;
}

static void put_line(uint8_t **out, const struct tw_link_line *line)
{
    put(out, line->baud, 4);
    put(out, line->bits, 1);
    put(out, line->parity, 1);
    put(out, line->stop, 1);
    put(out, line->flow, 1);
}

static void get_line(const uint8_t **in, struct tw_link_line *out)
{
    out->baud = (uint32_t)get(in, 4);
    out->bits = (uint8_t)get(in, 1);
    out->parity = (uint8_t)get(in, 1);
    out->stop = (uint8_t)get(in, 1);
    out->flow = (uint8_t)get(in, 1);
}

void tw_link_put_settings(uint8_t out[TW_LINK_CONFIG_BYTES], const struct tw_link_settings *settings)
{
    put_line(&out, &settings->till);
    put_line(&out, &settings->printer);
    put_line(&out, &settings->scanner);
}

void tw_link_get_settings(const uint8_t in[TW_LINK_CONFIG_BYTES], struct tw_link_settings *out)
{
    get_line(&in, &out->till);
    get_line(&in, &out->printer);
    get_line(&in, &out->scanner);
}

void tw_link_put_update(uint8_t out[TW_LINK_UPDATE_STATE_BYTES], const struct tw_link_update *update)
{
    put(&out, update->state, 1);
    put(&out, update->reason, 1);
    put(&out, update->offset, 4);
}

void tw_link_get_update(const uint8_t in[TW_LINK_UPDATE_STATE_BYTES], struct tw_link_update *out)
{
    out->state = (uint8_t)get(&in, 1);
    out->reason = (uint8_t)get(&in, 1);
    out->offset = (uint32_t)get(&in, 4);
}

void tw_link_put_info(uint8_t out[TW_LINK_INFO_BYTES], const struct tw_link_info *info)
{
    put(&out, info->firmware, 4);
    put(&out, info->board, 4);
    put(&out, info->slot, 1);
    put(&out, info->state, 1);
    put(&out, info->uptime_us, 8);
    put(&out, info->lost_bytes, 8);
    put(&out, info->lost_scans, 8);
    put(&out, info->overruns, 8);
    put(&out, info->bad_frames, 8);
    tw_link_put_settings(out, &info->lines);
    (void)memcpy(&out[TW_LINK_CONFIG_BYTES], info->serial, sizeof info->serial);
}

void tw_link_get_info(const uint8_t in[TW_LINK_INFO_BYTES], struct tw_link_info *out)
{
    out->firmware = (uint32_t)get(&in, 4);
    out->board = (uint32_t)get(&in, 4);
    out->slot = (uint8_t)get(&in, 1);
    out->state = (uint8_t)get(&in, 1);
    out->uptime_us = get(&in, 8);
    out->lost_bytes = get(&in, 8);
    out->lost_scans = get(&in, 8);
    out->overruns = get(&in, 8);
    out->bad_frames = get(&in, 8);
    tw_link_get_settings(in, &out->lines);
    (void)memcpy(out->serial, &in[TW_LINK_CONFIG_BYTES], sizeof out->serial);
}
