// SPDX-License-Identifier: Apache-2.0
//
// Readers of magnetic stripes: the driver of each transport, and cards drawn through it as such a reader
// sends them. What the driver tells is noted.
//
// Threading: one thread. Memory: until stripe_close. Time: made up. Errors: cmocka assertions.
#ifndef TW_FAKE_STRIPE_RIG_H
#define TW_FAKE_STRIPE_RIG_H

#include <stddef.h>

#include "hal/drivers/drivers.h"

#define STRIPE_CARD "6009200000009310" // of the tenant, and by Luhn and issuer it could be a payment card

enum { STRIPE_TRACKS = 3, STRIPE_LINE_ENDS = 4, STRIPE_WAYS = 4 };

struct stripe_reader {
    struct tw_driver *driver;
    struct tw_device_config config;
    struct tw_device_sink sink;
    struct tw_driver_host host;
    int64_t now_ms;
    char told[128];
    unsigned scans;
    const char *line_end; // after each track
    bool bare;            // without sentinels: HID
};

// How tracks come.
struct stripe_way {
    const char *name;
    tw_driver_create *create;
    void (*send)(struct stripe_reader *reader, const char *const tracks[STRIPE_TRACKS]);
    bool bare;
};

extern const struct stripe_way stripe_ways[STRIPE_WAYS];

void stripe_open(struct stripe_reader *reader, tw_driver_create *create);
void stripe_close(struct stripe_reader *reader);
// Bytes as the transport gives them.
void stripe_feed(struct stripe_reader *reader, const void *bytes, size_t len);
// Keys of a US keyboard, 2 ms apart.
void stripe_type(struct stripe_reader *reader, const char *text);
// Long enough for a swipe to be over.
void stripe_pause(struct stripe_reader *reader);
// One swipe, and a pause; NULL: no such track. Counts anew. `line_end` below STRIPE_LINE_ENDS.
void stripe_swipe(struct stripe_reader *reader, const struct stripe_way *way, size_t line_end,
                  const char *const tracks[STRIPE_TRACKS]);

#endif
