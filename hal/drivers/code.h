// SPDX-License-Identifier: Apache-2.0
//
// A code as it comes from a scanner, byte by byte, and what is done with every code at its end, the
// same for all scanner drivers: `prefix` is checked and taken off, a maker's one-letter identifier
// (`code_id`) becomes an AIM identifier (ISO/IEC 15424), the code goes to the sink, its bytes are
// wiped. What is too long or was spoilt is dropped and counted in the driver's `errors`.
//
// Threading: one thread. Memory: part of the driver's instance; nothing is allocated. Time: none.
// Errors: TW_ERR_INVALID from tw_code_check, one sentence; the rest is counted.
#ifndef TW_HAL_CODE_H
#define TW_HAL_CODE_H

#include "hal/core/driver.h"

enum {
    TW_CODE_BYTES = 512,              // GS1 DataMatrix and QR codes at a till stay well below
    TW_CODE_ROOM = 3 + TW_CODE_BYTES, // with an AIM identifier in front
    TW_CODE_FRAME_BYTES = 8           // of `prefix` and of `suffix`
};

struct tw_code {
    uint8_t bytes[TW_CODE_BYTES];
    size_t len;
    bool spoilt; // will be dropped at its end
};

// Checks `prefix`, `suffix` and `code_id` of the configuration.
int TW_MUST_CHECK tw_code_check(const struct tw_device_config *config, struct tw_error_text *err);

static inline bool tw_code_begun(const struct tw_code *code)
{
    return code->len > 0 || code->spoilt;
}

void tw_code_add(struct tw_code *code, const void *bytes, size_t len);

// The code is complete. Nothing happens when none was begun.
void tw_code_end(struct tw_code *code, struct tw_driver *driver);

// Likewise, but gives the code instead of telling it: in `room`, to be wiped; empty when it is not framed as
// configured, which is counted.
struct tw_slice tw_code_take(struct tw_code *code, struct tw_driver *driver, uint8_t room[TW_CODE_ROOM]);

// What was begun will not be completed.
void tw_code_drop(struct tw_code *code, struct tw_driver *driver);

// What was read may be somebody's card: it does not stay.
void tw_code_forget(struct tw_code *code);

// Makes the AIM identifier of `code`, which begins with one of `maker`'s ("honeywell", "zebra",
// "datalogic"). Returns the length of that, 0 when it is none of theirs.
size_t tw_code_id_to_aim(const char *maker, struct tw_slice code, char aim[4]);

// Whether there is such a maker.
bool tw_code_id_known(const char *maker);

#endif
