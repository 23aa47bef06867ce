// SPDX-License-Identifier: Apache-2.0
//
// Which customer a sale gets. A card on the paper or in the request is the customer. Else it is who was
// scanned last at the workstation, for half an hour, unless the paper shows the end of another number. A sale
// uses the scan up, whether it fitted or not; what is only a copy of a sale neither has a customer nor uses
// one up; and a sale that came to nothing gives its scan back. Pure: where scans are stored is slots.c.
//
// Threading: pure functions on the caller's memory. Memory: none of its own; what held a person is wiped.
// Time: wall clock, passed in. Errors: none.
#ifndef TW_AGENT_LANE_IDENTITY_H
#define TW_AGENT_LANE_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "tillwire/seal.h"

// A scan identifies the next customer of its workstation for this long.
#define TW_IDENTITY_MS (30 * 60 * 1000)

// Who was identified at a workstation and has not paid yet.
struct tw_identity {
    const char *workstation; // borrowed from the configuration
    bool present;
    char scheme[33];
    char pseudonym[TW_PSEUDONYM_LEN + 1];
    char tail[5];  // last four characters of the card, to compare with a masked number; memory only
    int64_t at_ms; // wall clock
};

// What a sale says about its customer.
struct tw_identity_clue {
    bool card;        // it holds a loyalty card of its own
    bool copy;        // it says of itself that it is a copy
    const char *tail; // the end of a masked number on it, NULL: none
};

enum tw_identity_source { TW_IDENTITY_NOBODY = 0, TW_IDENTITY_CARD, TW_IDENTITY_SCAN };

// Somebody was scanned; who was scanned before and has not paid is forgotten. `card` leaves four characters.
void tw_identity_remember(struct tw_identity *identity, const char *scheme, const char *pseudonym,
                          const char *card, int64_t now_ms);

// Where the customer of a sale is known from. `identity` may be NULL: no such workstation.
enum tw_identity_source tw_identity_choose(const struct tw_identity *identity,
                                           const struct tw_identity_clue *clue, int64_t now_ms);

// The sale is made: moves the scan it uses up to `taken` (with `present` false when it uses none). True when
// there was one, which is then no longer anybody's in the store either.
bool tw_identity_take(struct tw_identity *identity, const struct tw_identity_clue *clue,
                      struct tw_identity *taken);

// The sale came to nothing: puts back what it took, unless somebody else was scanned since. `taken` is wiped.
// `identity` may be NULL.
void tw_identity_return(struct tw_identity *identity, struct tw_identity *taken);

#endif
