// SPDX-License-Identifier: Apache-2.0
//
// The uplink: brings the journal's rows to the centre over MQTT 5 and TLS 1.3, in order, a bounded
// window at a time, and brings acknowledgements and member data back. What it decides is a pure
// state machine (agent/uplink/flow.h); this object is the thin shell with libmosquitto.
//
// Threading: one own thread runs all of libmosquitto; every function is safe from any thread.
// Callbacks run on the uplink thread and must not block. Memory: options are copied.
// Time: monotonic from the clock. Errors: nothing the network does is an error of a function; it
// shows in the status.
#ifndef TW_UPLINK_H
#define TW_UPLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "tillwire/bytes.h"
#include "tillwire/clock.h"
#include "tillwire/err.h"
#include "tillwire/journal.h"

struct tw_uplink;

enum tw_ack_mode { TW_ACK_CENTRAL = 0, TW_ACK_BROKER };

struct tw_uplink_options {
    const char *url;             // "mqtts://host:port", port default 8883
    const char *ca, *cert, *key; // files, PEM; read again when they change
    const char *proxy;           // "socks5://[user[:password]@]host[:port]"; NULL: none
    const char *alpn;            // protocol to ask for in TLS; NULL: "mqtt" on port 443, else none
    enum tw_ack_mode ack;
    const char *tenant, *store, *terminal;
    struct tw_journal *journal;
    const struct tw_clock *clock;
    struct tw_seal *seal; // jitter
    // A members object came (rsp/members or the store's members topic); the bytes are borrowed.
    void (*on_members)(void *ctx, struct tw_slice payload);
    void *ctx;
    // For tests; 0: as it should be. Between two looks at the certificate files (10 s), and within which time
    // new ones are taken up (60 s).
    int64_t look_ms, renew_ms;
};

// Checks url, proxy, ids and that the files can be read and hold PEM: a sentence says what is wrong and what
// to do. Journal, clock and seal are not needed for it.
int TW_MUST_CHECK tw_uplink_check(const struct tw_uplink_options *options, struct tw_error_text *err);

// Checks likewise; starts the thread. Does not wait for a connection; a key that does not belong to the
// certificate shows in the status.
int TW_MUST_CHECK tw_uplink_start(const struct tw_uplink_options *options, struct tw_uplink **out,
                                  struct tw_error_text *err);
// Publishes state online:false, disconnects, ends the thread; at most a second.
void tw_uplink_stop(struct tw_uplink *uplink);

// The member store wants pages since `version` (it asks again every 10 s until wanted is false).
// Every new connection asks once by itself.
void tw_uplink_want_members(struct tw_uplink *uplink, uint64_t version, bool wanted);

// The centre wants everything from sequence `from` (1 on) of the present epoch again.
void tw_uplink_resync(struct tw_uplink *uplink, uint64_t from);

struct tw_uplink_status {
    bool connected;
    int64_t since_ms; // monotonic, of the last change of `connected`
    uint64_t published, acknowledged, rejected, reconnects, no_subscriber;
    uint64_t through; // last acknowledgement believed
    unsigned window;  // events that may be open
    unsigned open;    // events that are
    char why[256];    // one sentence on the last failure; empty when fine
};
void tw_uplink_status(struct tw_uplink *uplink, struct tw_uplink_status *out);

#endif
