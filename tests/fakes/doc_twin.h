// SPDX-License-Identifier: Apache-2.0
//
// Holds what the centre's own JSON reader made of a text against what the agent's library made of it: the
// same values in the same order, every key found, and nothing of the array left over.
//
// Threading: pure. Memory: none. Time: linear, but for the lookups. Errors: false.
#ifndef TW_DOC_TWIN_H
#define TW_DOC_TWIN_H

#include <jansson.h>

#include "agent/decode/doc.h"

bool doc_twin_same(const struct tw_doc_node *node, json_t *value);

#endif
