// SPDX-License-Identifier: Apache-2.0
//
// A sale as JSON: the data of a sale event (include/contract/schema/sale.json) out, the body of
// POST /v1/sales (sale-request.json) in, and what two witnesses of one sale make together.
//
// Threading: pure functions. Memory: results belong to the caller. Time: none.
// Errors: TW_ERR_INVALID, TW_ERR_REFUSED (payment data in a field that must be exact) name the
// field as a JSON Pointer (RFC 6901) and never quote a value; TW_ERR_NOMEM.
#ifndef TW_SALE_JSON_H
#define TW_SALE_JSON_H

#include "tillwire/bytes.h"
#include "tillwire/err.h"
#include "tillwire/json.h"
#include "tillwire/sale.h"
#include "tillwire/scan.h"

struct tw_sale_witness {
    const char *device;
    const char *via;    // "receipt", "poslog", "api"
    const char *sha256; // hex
};

// What the lane knows beside the sale. Borrowed; NULL where not known.
struct tw_sale_context {
    const char *transaction_id, *store, *workstation, *business_day;
    const char *printed_time; // RFC 3339 with offset
    const char *currency;
    const char *customer_scheme, *customer_pseudonym; // both or none
    const char *corrects;
    const struct tw_sale_witness *witnesses;
    size_t witness_count;
};

// Appends the event data as compact JSON, keys in the order of the schema. Texts are cut to the schema's
// lengths.
void tw_sale_write(const struct tw_sale *sale, const struct tw_sale_context *context, struct tw_buf *out);
// The same as a value.
int TW_MUST_CHECK tw_sale_to_json(const struct tw_sale *sale, const struct tw_sale_context *context,
                                  tw_json **out);

// Reads a request body. Every text passes the payment guard first. On failure `field` (if not NULL) gets the
// JSON Pointer of what is wrong, or "": it is no JSON object.
int TW_MUST_CHECK tw_sale_from_request(struct tw_slice body, const struct tw_scan_rules *rules,
                                       struct tw_sale **out, struct tw_error_text *err, char *field,
                                       size_t field_size);

enum tw_merge { TW_MERGE_AGREE = 0, TW_MERGE_CHANGED, TW_MERGE_ANOTHER };

// Compares the data of one sale from two witnesses. CHANGED when the new one adds or contradicts: then
// `merged` gets the data of the correction (new facts win, old ones fill its nulls, witnesses of
// both, `corrects` = `old_id`). ANOTHER when it is another sale under the same number: both are known from a
// POSLog alone, whose numbers repeat, and it says another time or operator.
int TW_MUST_CHECK tw_sale_merge(struct tw_slice old_data, struct tw_slice new_data, const char *old_id,
                                struct tw_buf *merged, enum tw_merge *out);

#endif
