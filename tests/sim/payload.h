// SPDX-License-Identifier: Apache-2.0
//
// What the simulation reads of a published event: its place, its id and the link of its chain. The writer
// is the project's own (tillwire/event.h), which always writes the same keys in the same order.
//
// Threading: pure. Memory: none. Time: none. Errors: false.
#ifndef TW_SIM_PAYLOAD_H
#define TW_SIM_PAYLOAD_H

#include "tillwire/event.h"

struct sim_payload {
    uint8_t id[16];
    enum tw_event_type type;
    uint64_t sequence;
    char epoch[37];
    uint8_t prevhash[32];
};

bool sim_payload_read(struct tw_slice bytes, struct sim_payload *out);
uint64_t sim_payload_print(struct tw_slice bytes); // differs for different bytes, but by chance never

#endif
