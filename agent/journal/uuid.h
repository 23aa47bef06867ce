// SPDX-License-Identifier: Apache-2.0
//
// Makes UUIDs: version 7 (RFC 9562 section 5.7) that never step back, whatever the wall clock does,
// and version 4 (section 5.4). The 12 bits beside the time are a counter that starts anywhere in the
// lower half each millisecond (section 6.2, method 1); when it runs over, the time is taken one further.
//
// Threading: a maker belongs to one thread. Memory: none. Time: passed in. Errors: those of the
// random source.
#ifndef TW_UUID_H
#define TW_UUID_H

#include <stdint.h>

#include "tillwire/err.h"
#include "tillwire/event.h"
#include "tillwire/seal.h"

struct tw_uuid_maker {
    struct tw_seal *seal;
    uint64_t last_ms;
    uint16_t counter;
};

// Ids made from now on come after `id`.
void tw_uuid_after(struct tw_uuid_maker *maker, const uint8_t id[16]);

// Version 7. Always greater, byte by byte, than the one before.
int TW_MUST_CHECK tw_uuid_make(struct tw_uuid_maker *maker, int64_t wall_ms, uint8_t out[16]);

// Version 4, as text.
int TW_MUST_CHECK tw_uuid_random(struct tw_seal *seal, char out[37]);

#endif
