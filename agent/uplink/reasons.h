// SPDX-License-Identifier: Apache-2.0
//
// MQTT 5's reason codes as a table: what each says, what the person who reads it can do, and what the
// uplink does when it comes in a PUBACK or ends a connection. MQTT 5 sections 3.2.2.2, 3.4.2.1 and 3.14.2.1.
//
// Threading: pure. Memory: the texts are static. Time: none. Errors: none; a code that is not in the
// table is treated as 0x80, "unspecified error".
#ifndef TW_REASONS_H
#define TW_REASONS_H

#define TW_REASON_NO_SUBSCRIBERS 0x10
#define TW_REASON_TAKEN_OVER     0x8e
#define TW_REASON_TOO_LARGE      0x95
#define TW_REASON_FIRST_ERROR    0x80

// Of a PUBACK.
enum tw_reason_publish {
    TW_REASON_TAKEN = 0, // the broker has it
    TW_REASON_HOLD,      // it has not: all wait, then one event finds out whether it is better
    TW_REASON_ROW,       // likewise, but it is about this event: refused again all alone it is given up
};

// Of a CONNACK or DISCONNECT.
enum tw_reason_end {
    TW_REASON_SOON = 0, // the ordinary back-off
    TW_REASON_LATER,    // at once the longest: only a person can change it
};

struct tw_reason {
    int code;
    enum tw_reason_publish publish;
    enum tw_reason_end end;
    const char *says;   // with "it" for the broker
    const char *remedy; // what to do; "" where nothing is to be done
};

// The row of `code`. For one that is not in the table `says` is NULL.
const struct tw_reason *tw_reason_find(int code);

// What a PUBACK of this code means.
enum tw_reason_publish tw_reason_of_publish(int code);

#endif
