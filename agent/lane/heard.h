// SPDX-License-Identifier: Apache-2.0
//
// What a device was heard to read: how often, and of the newest its length and kind. For an installer
// who wants to know whether it works; never what it read.
//
// Threading: one thread. Memory: a member of its owner. Time: none. Errors: none.
#ifndef TW_LANE_HEARD_H
#define TW_LANE_HEARD_H

#include "tillwire/bytes.h"
#include "tillwire/json.h"

struct tw_heard {
    uint64_t reads;
    size_t characters;     // of the newest, without its identifier
    const char *symbology; // NULL: the scanner does not say
};

// The kind of code that an AIM identifier in front of a scan names; NULL: none does.
const char *tw_heard_symbology(struct tw_slice scan);

// One complete scan, as the driver gives it.
void tw_heard_scan(struct tw_heard *heard, struct tw_slice code);
// {"characters", "symbology"} of the newest, null when there was none. A new reference.
tw_json *tw_heard_last(const struct tw_heard *heard);

#endif
