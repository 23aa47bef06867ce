// SPDX-License-Identifier: Apache-2.0
//
// Judges one message of evt/#: what it says it is, and whether it holds to the contract.
//
// Threading: pure. Memory: a judgement's value and texts are the document's that it was read with, until it
// reads the next.
// Time: none. Errors: a message is never an error of a function; the judgement has its reason.
#ifndef TW_CENTRAL_INTAKE_H
#define TW_CENTRAL_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/decode/doc.h"
#include "tillwire/bytes.h"
#include "tools/central/schema.h"

struct tw_judgement {
    const struct tw_doc_node *value;         // NULL: not JSON, or not looked at
    char epoch[37];                          // empty: it does not say where it belongs
    uint64_t sequence;                       // 0: likewise
    const char *id, *type, *time, *prevhash; // NULL: not there
    char scanned[65];                        // the hash where it stands in what cannot be read
    char reason[513];                        // empty: holds to the contract
};

// The place (epoch, sequence) alone, as the agent writes it; cheap. It is found even in what is not
// JSON, so that a message that can never be taken does not stop those behind it.
void tw_judge_place(struct tw_slice payload, struct tw_judgement *out);

// All of it, and the place also where the keys stand in another order. `source` and `family` are those of the
// topic; `out` as tw_judge_place left it.
void tw_judge(const struct tw_schema_set *schemas, struct tw_doc *doc, const char *source, const char *family,
              struct tw_slice payload, struct tw_judgement *out);

// Takes "tillwire/v1/TENANT/STORE/TERMINAL/REST" apart. False where it is not of that form.
struct tw_topic {
    char tenant[33], store[33], terminal[33];
    char source[100];
    const char *rest; // into the topic
};
bool tw_topic_parse(const char *topic, struct tw_topic *out);

#endif
