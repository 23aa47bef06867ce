// SPDX-License-Identifier: Apache-2.0
//
// Why a connection failed, in one sentence for the person who has to mend it: from what libmosquitto
// and its OpenSSL wrote while it failed and from the broker's reason codes.
//
// Threading: pure. Memory: the caller's. Time: none. Errors: none.
#ifndef TW_WHY_H
#define TW_WHY_H

#include <stdbool.h>

#include "tillwire/err.h"

struct tw_flow_action;
struct tw_mqtt_options;
struct tw_tls;

struct tw_why {
    bool answered;    // a CONNACK came
    int reason;       // of the CONNACK or the DISCONNECT; 0: none
    char log[512];    // the lines so far
    char server[128]; // where the broker wants the terminal instead
};

// Takes a line of the log of level error.
void tw_why_note(struct tw_why *why, const char *line);

// Takes the broker's Server Reference.
void tw_why_server(struct tw_why *why, const char *server);

// Makes the sentence. `tls` knows of certificates (NULL: nothing); `rest` is what to say where nothing
// better is known.
void tw_why_say(const struct tw_why *why, const struct tw_mqtt_options *options, const struct tw_tls *tls,
                const char *rest, struct tw_error_text *err);

// The sentence of a TW_FLOW_ALARM; `prefix` is the terminal's topic with its last slash.
void tw_why_alarm(const struct tw_flow_action *action, const char *prefix, struct tw_error_text *err);

#endif
