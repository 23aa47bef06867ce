// SPDX-License-Identifier: Apache-2.0
//
// The receipt reader: printer bytes in, facts out. It owns a page model, applies the payment
// guard to every page before anything is kept, decides where one receipt ends and the next
// begins (a cut may fall in the middle of one), and reads the sale by a profile.
//
// Threading: one thread at a time; no globals, no clock, no I/O. Memory: bounded by the page's
// limits; facts are valid during the callback only. Time: regular expressions run under PCRE2
// match and depth limits, so a page takes bounded time.
// Errors: TW_ERR_NOMEM; any byte sequence is acceptable input (P8).
#ifndef TW_READER_H
#define TW_READER_H

#include "tillwire/bytes.h"
#include "tillwire/guard.h"
#include "tillwire/page.h"
#include "tillwire/sale.h"
#include "tillwire/scan.h"
#include <stdbool.h>

struct tw_profile; // a compiled receipt profile, see below
struct tw_reader;

// Why something is not a sale; the `reason` of capture.unparsed.
enum tw_unparsed {
    TW_UNPARSED_NOT_A_SALE = 0, // text, but nothing that is a sale's
    TW_UNPARSED_NO_TOTAL,       // items but no total
    TW_UNPARSED_TOO_LONG,       // beyond TW_PAGE_MAX_*
    TW_UNPARSED_TRUNCATED,      // the connection closed in the middle
    TW_UNPARSED_RASTER_ONLY,    // pictures only
    TW_UNPARSED_UNKNOWN,
};
const char *tw_unparsed_name(enum tw_unparsed reason); // "not_a_sale", …

struct tw_reader_fact {
    struct tw_sale *sale;    // NULL: could not be read as a sale. The receiver may take it (set NULL)
    enum tw_unparsed reason; // when sale is NULL
    const char *detail;      // one sentence for a person, no receipt text in it; may be NULL
    struct tw_slice text;    // the receipt's lines after the payment guard, '\n' between: what is hashed
    size_t lines;
    size_t bytes;               // printer bytes it was made from
    size_t masked;              // card numbers masked by the guard
    bool copy;                  // says of itself that it is a copy
    uint64_t end;               // stream offset after it: everything before is accounted for
    struct tw_page_state state; // printer state at `end`
};

// In stream order. Blank paper gives a fact without sale and with lines == 0, only to move `end`.
typedef void tw_reader_fn(void *ctx, struct tw_reader_fact *fact);

struct tw_reader_options {
    const struct tw_profile *profile;  // borrowed
    const struct tw_scan_rules *rules; // loyalty patterns; borrowed; may be NULL
    tw_reader_fn *on_fact;
    void *ctx;
};

int TW_MUST_CHECK tw_reader_new(const struct tw_reader_options *options, struct tw_reader **out);
void tw_reader_free(struct tw_reader *reader);
int TW_MUST_CHECK tw_reader_feed(struct tw_reader *reader, struct tw_slice bytes);
// The connection closed: whatever is there is all there is.
int TW_MUST_CHECK tw_reader_close(struct tw_reader *reader);
// Nothing came for a while (the caller's clock): a receipt that is complete is given out now.
int TW_MUST_CHECK tw_reader_idle(struct tw_reader *reader);
// Nothing was printed since the paper ended: what was printed before will hardly go on.
bool tw_reader_is_between(const struct tw_reader *reader);
// Start again at absolute `offset`, forgetting what was unfinished.
void tw_reader_restore(struct tw_reader *reader, uint64_t offset, const struct tw_page_state *state);

// Profiles. `yaml`-free here: the configuration part loads the file into this plain form.
struct tw_profile_rule {
    const char *is;    // what a matching line is: see agent/decode/README.md
    const char *match; // PCRE2, UTF, caseless
};
struct tw_profile_source {
    const char *name;
    unsigned columns; // 0: default
    char decimal;     // '.', ',' or 0 for automatic
    const struct tw_profile_rule *rules;
    size_t rule_count;
};
// The built-in profile: agent/decode/profiles/generic.yaml, compiled in. Static.
const struct tw_profile_source *tw_profile_generic(void);
// Compiles; `err` names profile, rule number and the position in the expression.
int TW_MUST_CHECK tw_profile_compile(const struct tw_profile_source *source, struct tw_profile **out,
                                     struct tw_error_text *err);
void tw_profile_free(struct tw_profile *profile);

// What each line was taken for, for `tillwire receipt read`: called once a line, before its fact.
typedef void tw_reader_line_fn(void *ctx, const char *text, const char *taken_for, int64_t amount_minor,
                               bool has_amount);
void tw_reader_trace(struct tw_reader *reader, tw_reader_line_fn *on_line, void *ctx);

#endif
