// SPDX-License-Identifier: Apache-2.0
//
// Members of the agent's JSON answers as a page for people needs them.
//
// Threading: pure, but for the printing. Memory: texts are borrowed from the JSON. Time: none. Errors: what
// is not there becomes the value given for it, or "?".
#ifndef TW_TOOLS_CLI_SHOW_H
#define TW_TOOLS_CLI_SHOW_H

#include <stdint.h>

#include "tillwire/json.h"

int64_t tw_show_number(const tw_json *object, const char *name, int64_t otherwise);
const char *tw_show_text(const tw_json *object, const char *name);
// The event type without its prefix.
const char *tw_show_type(const tw_json *object);
// Prints text that came from elsewhere (tw_text_plain).
void tw_show_plain(const char *from);

#endif
