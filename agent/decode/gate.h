// SPDX-License-Identifier: Apache-2.0
//
// Where in a line which expression can begin at all. What the first two characters of a match rule
// out is asked of PCRE2 once (a partial match of just those two, PCRE2_PARTIAL_HARD: anything but
// "no match" leaves it open) and remembered, so that of some forty expressions only the few that
// can begin at a character are tried there.
//
// Threading: one thread at a time. Memory: about 55 KiB, no text of a line. Time: a look-up a
// character. Errors: TW_ERR_NOMEM.
//
// An expression must treat all letters, and all figures, before a match alike and have no positive
// look-behind, no \B and no (?-i): true of the generic profile, and tested.
#ifndef TW_GATE_H
#define TW_GATE_H

#include <stdint.h>

#include "tillwire/bytes.h"
#include "tillwire/err.h"

struct pcre2_real_code_8; // pcre2_code
struct tw_gate;

// Up to 63 expressions, borrowed; NULL ones never match.
int TW_MUST_CHECK tw_gate_new(struct pcre2_real_code_8 *const *codes, size_t count, struct tw_gate **out);
void tw_gate_free(struct tw_gate *gate);

// Set of the expressions (bit = index) that match somewhere in `line`, of those in `want`. Adds how
// many matches were tried to *work.
uint64_t tw_gate_match(struct tw_gate *gate, struct tw_slice line, uint64_t want, uint64_t *work);

#endif
