// SPDX-License-Identifier: Apache-2.0
//
// What a tap says of itself, and how an update of it stands, as JSON; and new firmware for it.
#include <inttypes.h>

#include "agent/lane/parts.h"
#include "tillwire/json.h"
#include "tillwire/tap_image.h"

// The word of a table, NULL for what this version does not know.
static const char *word(const char *const *words, size_t count, uint32_t value)
{
    return value < count ? words[value] : NULL;
}

#define WORD(words, value) word(words, sizeof(words) / sizeof(words)[0], value)

// Null: there is no such line. A speed of 0 is found by the board.
static tw_json *line_json(const struct tw_link_line *line)
{
    static const char *const parities[] = {"none", "even", "odd", "mark", "space"};
    static const char *const flows[] = {"none", "rtscts", "xonxoff", "dtrdsr"};
    if (line->bits == 0) {
        return tw_json_pack("n");
    }
    return tw_json_pack("{s:I, s:i, s:s?, s:i, s:s?}", "baud", (int64_t)line->baud, "bits", (int)line->bits,
                        "parity", WORD(parities, line->parity), "stop", (int)line->stop, "flow",
                        WORD(flows, line->flow));
}

static void write_version(uint32_t version, char out[16])
{
    (void)snprintf(out, 16, "%u.%u.%u", version >> 16 & 0xffff, version >> 8 & 0xff, version & 0xff);
}

static const char *write_serial(const uint8_t serial[12], char out[25])
{
    static const uint8_t none[12];
    tw_seal_hex(serial, 12, out);
    return memcmp(serial, none, sizeof none) != 0 ? out : NULL;
}

static const char *slot_word(uint8_t slot)
{
    static const char *const slots[] = {NULL, "a", "b"};
    return WORD(slots, slot);
}

tw_json *tw_lane_tap_said(const struct tw_device *device)
{
    static const char *const boards[] = {"linux", "stm32f405", "mps2-an386"};
    static const char *const states[] = {"confirmed", "trial", "reverted"};
    const struct tw_tap_report *report = tw_device_tap(device);
    char version[16];
    char serial[25];
    if (report == NULL || !report->known) {
        return tw_json_pack("n");
    }
    const struct tw_link_info *info = &report->info;
    write_version(info->firmware, version);
    return tw_json_pack("{s:s, s:s?, s:s?, s:s?, s:s?, s:I, s:I, s:I, s:I, s:I, s:o, s:o, s:o}", "firmware",
                        version, "board", WORD(boards, info->board), "serial",
                        write_serial(info->serial, serial), "slot", slot_word(info->slot), "trial",
                        WORD(states, info->state), "uptime_s", (int64_t)(info->uptime_us / 1000000),
                        "overruns", (int64_t)info->overruns, "lost_bytes", (int64_t)info->lost_bytes,
                        "lost_scans", (int64_t)info->lost_scans, "bad_frames", (int64_t)info->bad_frames,
                        "till", line_json(&info->lines.till), "printer", line_json(&info->lines.printer),
                        "scanner", line_json(&info->lines.scanner));
}

tw_json *tw_lane_tap_update(const struct tw_device *device)
{
    const struct tw_tap_report *report = tw_device_tap(device);
    char version[16];
    if (report == NULL || report->update.state == TW_TAP_UPDATE_NONE) {
        return tw_json_pack("n");
    }
    const struct tw_tap_update *update = &report->update;
    write_version(update->version, version);
    return tw_json_pack("{s:s, s:s, s:s?, s:I, s:I, s:s?}", "state", tw_tap_update_word(update->state),
                        "version", version, "slot", slot_word(update->slot), "sent",
                        (int64_t)update->sent_bytes, "bytes", (int64_t)update->length_bytes, "why",
                        update->why);
}

int tw_lane_update(struct tw_lane *lane, const char *name, struct tw_slice file, struct tw_error_text *err)
{
    struct tw_lane_device *device = tw_lane_device_find(lane, name);
    if (device == NULL) {
        return tw_fail(err, TW_ERR_NOT_FOUND,
                       "no device of this name is configured; tillwire devices lists them");
    }
    return tw_lane_device_update(device, file, err);
}
