// SPDX-License-Identifier: Apache-2.0
//
// How a scan becomes an event, whoever's scanner it came from.
#include <string.h>

#include "agent/lane/parts.h"
#include "tillwire/json.h"

int tw_lane_identify(struct tw_lane *lane, struct tw_slice code, struct tw_lane_reading *out)
{
    tw_scan_read(lane->with.rules, code, &out->scan);
    if (out->scan.kind == TW_SCAN_REFUSED) {
        return TW_ERR_REFUSED;
    }
    if (out->scan.kind != TW_SCAN_LOYALTY) {
        return TW_ERR_NOT_FOUND;
    }
    return tw_seal_pseudonym(lane->with.seal, out->scan.scheme, out->scan.card, out->pseudonym);
}

void tw_lane_count_scan(struct tw_lane *lane, const char *device, int outcome)
{
    const char *word = outcome == TW_OK ? "loyalty" : outcome == TW_ERR_REFUSED ? "refused" : "ignored";
    tw_metrics_add(lane->with.metrics, TW_METRIC_SCANS, device, word, 1);
}

void tw_lane_scan_event(struct tw_batch *batch, const char *device, const char *workstation,
                        const struct tw_lane_reading *reading)
{
    tw_lane_event(batch, TW_EVENT_LOYALTY_SCANNED, reading->pseudonym,
                  tw_json_pack("{s:s, s:s, s:s, s:s}", "workstation", workstation, "device", device, "scheme",
                               reading->scan.scheme, "pseudonym", reading->pseudonym));
}
