// SPDX-License-Identifier: Apache-2.0
#include <string.h>

#include "agent/lane/parts.h"
#include "tillwire/json.h"

bool tw_drift_same(const char *a, const char *b)
{
    a += strspn(a, "0");
    b += strspn(b, "0");
    return strcmp(a, b) == 0;
}

void tw_drift_check(struct tw_drift *drift, const char *device, const char *what, const char *expected,
                    const char *found, struct tw_batch *batch)
{
    if (found == NULL || tw_drift_same(found, expected)) {
        drift->reported[0] = '\0';
        return;
    }
    if (strncmp(drift->reported, found, sizeof drift->reported - 1) == 0) {
        return;
    }
    (void)snprintf(drift->reported, sizeof drift->reported, "%s", found);
    tw_lane_event(batch, TW_EVENT_CAPTURE_DRIFT, device,
                  tw_json_pack("{s:s, s:s, s:s, s:s}", "device", device, "what", what, "expected", expected,
                               "found", found));
}
