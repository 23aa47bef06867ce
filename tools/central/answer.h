// SPDX-License-Identifier: Apache-2.0
//
// What the centre says to its terminals: acknowledgements, rejects, pages of members. A reject always goes
// out before the first acknowledgement that covers it, since that removes the row. Where both were lost with
// a connection, a later acknowledgement may reach the terminal on its next one before the centre has heard of
// that; so each names the session that it belongs to (include/contract/names.md, Topics), and the terminal
// waits for the one that follows the repeated rejects.
//
// Threading: one thread. Memory: rejects wait in a list for the commit. Time: none. Errors: what does not go
// out is repeated when the terminal says that it is online.
#ifndef TW_CENTRAL_ANSWER_H
#define TW_CENTRAL_ANSWER_H

#include "agent/uplink/mqtt.h"
#include "tools/central/intake.h"
#include "tools/central/store.h"

struct tw_answers;

// NULL: out of memory.
struct tw_answers *tw_answers_new(void);
// NULL is allowed.
void tw_answers_free(struct tw_answers *answers);

// The connection to answer on (NULL: none). What was heard on the one before, and answered there, counts no
// more.
void tw_answers_use(struct tw_answers *answers, struct tw_mqtt *mqtt);
struct tw_mqtt *tw_answers_mqtt(const struct tw_answers *answers);
// False: there is no connection, or it takes nothing.
bool tw_answers_publish(struct tw_answers *answers, const char *topic, struct tw_slice payload);

// The terminal said on this connection that it is online, in `session` (0: it names none).
void tw_answers_heard(const struct tw_answers *answers, struct tw_epoch *epoch, uint64_t session);
void tw_answers_ack(struct tw_answers *answers, const struct tw_epoch *epoch);
// One that does not go out leaves the epoch as if it had not been heard.
void tw_answers_reject(struct tw_answers *answers, struct tw_epoch *epoch, uint64_t sequence,
                       const char *reason);

// Keeps the reject of an event until it is committed. TW_ERR_NOMEM.
int TW_MUST_CHECK tw_answers_keep_reject(struct tw_answers *answers, struct tw_epoch *epoch,
                                         const struct tw_judgement *event);
// After the commit: the rejects that were kept, then an acknowledgement for each epoch of the list.
void tw_answers_committed(struct tw_answers *answers, const struct tw_epoch *dirty);

#endif
