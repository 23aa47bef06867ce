// SPDX-License-Identifier: Apache-2.0
//
// One MQTT 5 connection over TLS 1.3 with a client certificate, from its making to its end: the only
// place where libmosquitto is called. It is never connected again: a new connection is a new object,
// so that nothing of an old one is resent behind the journal's back. The owner polls its descriptor.
//
// Threading: one thread. Memory: options and hooks outlive the connection; messages are copied.
// Time: keep-alive by the system's monotonic clock, in libmosquitto. Errors: a sentence that names
// host or file and what to do.
#ifndef TW_MQTT_H
#define TW_MQTT_H

#include <stdbool.h>
#include <stddef.h>

#include "agent/uplink/proxy.h"
#include "agent/uplink/reach.h"
#include "agent/uplink/tls.h"
#include "tillwire/bytes.h"
#include "tillwire/err.h"

#define TW_MQTT_KEEPALIVE_S 30
// The largest packet taken from the broker: a members page is at most 64 KiB.
#define TW_MQTT_MAX_BYTES (256 * 1024)
#define TW_MQTT_REACH_MS  5000

struct tw_mqtt;

struct tw_mqtt_options {
    struct tw_address address;
    const char *ca, *cert, *key;  // PEM files
    struct tw_tls *tls;           // made from them; NULL: made for each connection
    const char *alpn;             // for that; NULL: none
    const struct tw_proxy *proxy; // NULL: none
    const char *client_id;
    const char *will_topic; // NULL: no will; retained, QoS 1
    const char *will;
    unsigned receive_maximum; // QoS 1 messages the broker may have open towards this side
    int cancel_fd;            // readable: give a running tw_mqtt_open up; -1: none
};

// Called from within tw_mqtt_run; they may publish and subscribe, not close.
struct tw_mqtt_hooks {
    // CONNACK: how many QoS 1 publishes the broker takes open.
    void (*on_ready)(void *ctx, unsigned receive_maximum);
    // SUBACK: whether every topic was granted.
    void (*on_subscribed)(void *ctx, bool granted);
    // PUBACK of `mid` with its reason code.
    void (*on_puback)(void *ctx, int mid, int reason);
    // Both are borrowed for the call.
    void (*on_message)(void *ctx, const char *topic, struct tw_slice payload);
};

// Once a process, before and after all others.
int TW_MUST_CHECK tw_mqtt_library_begin(struct tw_error_text *err);
void tw_mqtt_library_end(void);

// Reaches the broker (at most TW_MQTT_REACH_MS and the resolver's time) and begins TLS and CONNECT;
// `on_ready` tells when they are through. TW_ERR_CLOSED: called off. TW_ERR_IO.
int TW_MUST_CHECK tw_mqtt_open(const struct tw_mqtt_options *options, const struct tw_mqtt_hooks *hooks,
                               void *ctx, struct tw_mqtt **out, struct tw_error_text *err);

int tw_mqtt_fd(const struct tw_mqtt *mqtt);
// The reason code of a refusing CONNACK or of the broker's DISCONNECT; 0: none came.
int tw_mqtt_reason(const struct tw_mqtt *mqtt);
// To be called right before each poll(2); gives the events to wait for.
short tw_mqtt_prepare(struct tw_mqtt *mqtt);

// Reads, writes and keeps alive; call it when poll says so and at least every half keep-alive.
// `more` is true when it should be called again without waiting. TW_ERR_CLOSED: the connection is
// gone and the text says why.
int TW_MUST_CHECK tw_mqtt_run(struct tw_mqtt *mqtt, short revents, bool *more, struct tw_error_text *err);

int TW_MUST_CHECK tw_mqtt_subscribe(struct tw_mqtt *mqtt, const char *const *topics, size_t count);

struct tw_mqtt_message {
    const char *topic;
    struct tw_slice payload;
    bool retain;
    const char *content_type; // NULL: none
};
// QoS 1, and only while connected. TW_ERR_CLOSED: not connected, nothing is queued.
int TW_MUST_CHECK tw_mqtt_publish(struct tw_mqtt *mqtt, const struct tw_mqtt_message *message, int *mid);
// While corked, publishes share TCP segments.
void tw_mqtt_cork(struct tw_mqtt *mqtt, bool corked);

// With `wait_ms` > 0 sends what is queued and a DISCONNECT within that time (then there is no will).
void tw_mqtt_close(struct tw_mqtt *mqtt, int wait_ms);

#endif
