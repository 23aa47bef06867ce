// SPDX-License-Identifier: Apache-2.0
//
// What a link consists of, for link.c (turns, mail, what the connection tells) and link_act.c (what the flow
// decided is done). Nobody else includes this.
//
// Threading: as the link. Memory: none of its own. Time: monotonic milliseconds. Errors: in the status.
#ifndef TW_LINK_STATE_H
#define TW_LINK_STATE_H

#include <pthread.h>

#include "agent/uplink/creds.h"
#include "agent/uplink/flow.h"
#include "agent/uplink/inbox.h"
#include "agent/uplink/mqtt.h"
#include "agent/uplink/shelf.h"
#include "tillwire/uplink.h"

// A PUBACK that this side gives in the broker's place.
struct tw_own_answer {
    uint64_t sequence;
    unsigned pass;
    int reason;
};

struct tw_link {
    struct tw_uplink_options options;
    struct tw_inbox *inbox;
    struct tw_flow *flow;
    struct tw_shelf shelf;
    struct tw_own_answer answers[TW_FLOW_WINDOW]; // for the flow, once it is through with a step
    size_t answer_count;
    struct tw_mqtt_options mqtt_options;
    struct tw_mqtt *mqtt; // NULL: none
    bool doomed;          // to be closed once out of its callbacks
    bool leaving;         // with a farewell
    bool broken;          // a publish failed: the next run will say why
    bool refused;         // a publish was refused: Mosquitto 2.0.11 hangs up after it, which says less
    bool more;            // the connection wants another turn without waiting
    unsigned receive_maximum;
    struct tw_flow_action unread; // a READ the journal had no room for; count 0: none
    const char *reason;           // of the reject being looked at
    struct tw_creds creds;
    bool by_clock; // for the next connection the journal's time does not count
    struct tw_proxy proxy;
    int64_t look_at; // when to look at the certificate files again, while connected
    char client_id[128];
    char why[sizeof((struct tw_uplink_status *)NULL)->why];
    char prefix[160], store_prefix[128]; // of the topics
    char will_topic[192];
    pthread_mutex_t lock; // of the status
    struct tw_uplink_status status;
};

// Gives the flow an event and does what it decides, then the same with the own answers that came of it.
void tw_link_step(struct tw_link *link, const struct tw_flow_event *event);
void tw_link_act(struct tw_link *link, const struct tw_flow_action *action);

// Sets the sentence of the status; "": fine.
void tw_link_say(struct tw_link *link, const char *why);
// Publishes `text` below the terminal's topic.
void tw_link_publish_text(struct tw_link *link, const char *topic, const char *text, bool retain);
// The hooks of a connection; the context is the link.
extern const struct tw_mqtt_hooks tw_link_hooks;

// For which time certificates have to be valid: see tw_creds_time.
int64_t tw_link_believed_ms(const struct tw_link *link);

#endif
