// SPDX-License-Identifier: Apache-2.0
//
// POSLog: the sales log that tills export as XML (ARTS / NRF, later OMG, "POSLog" 2.x to 6.x). A file holds
// one `<POSLog>` with any number of `<Transaction>`s, or one alone. They are read as the bytes come and given
// out one by one, so that a file of a gigabyte takes no more memory than its largest transaction. Real files
// rarely validate: elements are known by their local names, whatever prefix or namespace they are in, what is
// not known is passed over, and arithmetic decides where labels leave a doubt (agent/decode/README.md).
//
// Threading: a reader belongs to one thread. Memory: at most TW_POSLOG_MAX_BYTES of text and
// TW_POSLOG_MAX_NODES elements of one transaction, wiped behind each; what a fact points to is valid during
// the call. Time: none. Errors: a transaction that cannot be read is a fact, not an error; TW_ERR_DAMAGED
// when the file stops being XML (or has a DTD, which is never read), with one sentence that names line and
// column; TW_ERR_NOMEM.
#ifndef TW_POSLOG_H
#define TW_POSLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwire/bytes.h"
#include "tillwire/err.h"
#include "tillwire/sale.h"
#include "tillwire/scan.h"

#define TW_POSLOG_MAX_BYTES (1024 * 1024) // text of one transaction
#define TW_POSLOG_MAX_NODES 32768         // elements and attributes of one
#define TW_POSLOG_MAX_DEPTH 64            // elements in each other

enum tw_poslog_kind {
    TW_POSLOG_SALE = 0,
    TW_POSLOG_OTHER, // sign-on, no-sale, training, suspended, tender control: no sale, and nothing is wrong
    TW_POSLOG_UNPARSED, // meant as a sale, and could not be read
};

// One transaction, in the order of the file.
struct tw_poslog_fact {
    enum tw_poslog_kind kind;
    struct tw_sale *sale; // of a SALE, else NULL. The receiver may take it (set NULL)
    const char *reason;   // of an UNPARSED: `reason` of capture.unparsed, else NULL
    const char *detail;   // of an UNPARSED: one sentence with line and column; no text of the file in it
    struct tw_slice text; // its elements after the payment guard, NAME=VALUE a line: what is hashed
    size_t lines;         // line items
    size_t bytes;         // of the file
    size_t masked;        // card numbers masked by the guard
    uint64_t index;       // its place in the file, from 1
};
typedef void tw_poslog_fn(void *ctx, struct tw_poslog_fact *fact);

struct tw_poslog_options {
    const char *currency;              // ISO 4217, of the terminal; borrowed, and so are the rules
    const struct tw_scan_rules *rules; // loyalty patterns; may be NULL
    tw_poslog_fn *on_fact;
    void *ctx;
};

struct tw_poslog;

int TW_MUST_CHECK tw_poslog_new(const struct tw_poslog_options *options, struct tw_poslog **out);
void tw_poslog_free(struct tw_poslog *poslog); // NULL is allowed

// The next bytes of the file, in pieces of any size. After an error only tw_poslog_free is useful; the
// transaction it happened in was given out as UNPARSED.
int TW_MUST_CHECK tw_poslog_feed(struct tw_poslog *poslog, struct tw_slice bytes, struct tw_error_text *err);
// The file ends here. Once.
int TW_MUST_CHECK tw_poslog_finish(struct tw_poslog *poslog, struct tw_error_text *err);

#endif
