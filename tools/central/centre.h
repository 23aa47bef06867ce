// SPDX-License-Identifier: Apache-2.0
//
// The centre at work: what it hears on one MQTT connection, what it makes of it in the store, and
// what it answers. What was heard since the last commit is one transaction; acknowledgements, rejects and
// output follow its commit (P2).
//
// Threading: one thread. Memory: lists of what waits for the commit. Time: none; the caller turns it.
// Errors: a store that fails ends the program: the terminals keep what was not acknowledged.
#ifndef TW_CENTRAL_CENTRE_H
#define TW_CENTRAL_CENTRE_H

#include "agent/uplink/mqtt.h"
#include "tillwire/seal.h"
#include "tools/central/options.h"
#include "tools/central/schema.h"
#include "tools/central/store.h"

struct tw_centre;

// Borrows all of them.
struct tw_centre_parts {
    const struct tw_central_options *options;
    struct tw_centre_store *store;
    const struct tw_schema_set *schemas;
    struct tw_seal *seal;
};
int TW_MUST_CHECK tw_centre_new(const struct tw_centre_parts *parts, struct tw_centre **out);
void tw_centre_free(struct tw_centre *centre);

// The hooks for a connection, with the centre as their context.
const struct tw_mqtt_hooks *tw_centre_hooks(void);
// The connection to answer on; NULL: none.
void tw_centre_use(struct tw_centre *centre, struct tw_mqtt *mqtt);
// Whether the connection is subscribed, or the broker has refused that.
bool tw_centre_is_ready(const struct tw_centre *centre);
bool tw_centre_is_refused(const struct tw_centre *centre);

// Reads the members file (again) and publishes what changed.
int TW_MUST_CHECK tw_centre_load_members(struct tw_centre *centre, struct tw_error_text *err);

// Whether what was heard since the last commit is enough for one.
bool tw_centre_is_due(const struct tw_centre *centre);
// Commits what was heard since the last time, then answers and prints.
int TW_MUST_CHECK tw_centre_commit(struct tw_centre *centre, struct tw_error_text *err);

#endif
