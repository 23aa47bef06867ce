// SPDX-License-Identifier: Apache-2.0
//
// The folders of POSLog files of a lane_world, played by hand, and the transactions that are in them.
//
// Threading: the test's thread. Memory: none of its own. Time: the real clock. Errors: cmocka assertions.
#ifndef TW_FAKE_EXPORT_WORLD_H
#define TW_FAKE_EXPORT_WORLD_H

#include <time.h>

#include "agent/lane/poslog.h"
#include "tests/fakes/lane_world.h"

#define HEAD(till, number, time)                                                                             \
    "<Transaction><RetailStoreID>42</RetailStoreID><WorkstationID>" till                                     \
    "</WorkstationID><SequenceNumber>" number                                                                \
    "</SequenceNumber><BusinessDayDate>2026-11-22</BusinessDayDate><EndDateTime>" time                       \
    "</EndDateTime><OperatorID>17</OperatorID><CurrencyCode>EUR</CurrencyCode><RetailTransaction>"
#define ITEM(name, gtin, amount)                                                                             \
    "<LineItem><Sale><ItemID>" gtin "</ItemID><Description>" name "</Description><ExtendedAmount>" amount    \
    "</ExtendedAmount><Quantity>1</Quantity></Sale></LineItem>"
#define CASH(amount)                     "<LineItem><Tender TenderType=\"Cash\"><Amount>" amount "</Amount></Tender></LineItem>"
#define TOTAL(amount)                    "<Total TotalType=\"TransactionGrandAmount\">" amount "</Total>"
#define END                              "</RetailTransaction></Transaction>"
#define TEA(amount)                      ITEM("TEA", "4006381333931", amount) CASH(amount) TOTAL(amount) END
#define SALE(till, number, time, amount) HEAD(till, number, time) TEA(amount)
#define AT                               "2026-11-22T10:15:07"

// The folder of that name in the configuration of the world: "export", "till-8".
struct tw_lane_poslog *export_folder(const struct world *world, const char *name);
// Its files "done", "failed" or "waiting".
int64_t export_files(const struct world *world, const char *name, const char *what);
// Files that were put away in all folders.
int64_t export_put_away(struct world *world);
// Until another file was put away.
void export_wait_for_answer(struct world *world, int64_t before);
// All that was submitted is answered, and what was submitted upon that: nothing more is to come.
void export_let_be(struct world *world);
// A file begins; its next bytes, as they are wanted; a whole one, until it is put away; one of these
// transactions, in "export".
void export_begin(struct world *world, const char *name);
void export_feed(struct world *world, const char *name, struct tw_slice text);
void export_drop_text(struct world *world, const char *name, struct tw_slice text);
void export_drop(struct world *world, const char *transactions);
// The text at data/KEY of an event; "" for null.
void export_expect_data(struct world *world, uint64_t sequence, const char *key, const char *expected);
// How many an event has.
size_t export_witnesses(struct world *world, uint64_t sequence);
// A time as tills write it.
void export_local_time(time_t at, char out[20]);
// A sale of that time.
void export_drop_at(struct world *world, const char *number, time_t at);

#endif
