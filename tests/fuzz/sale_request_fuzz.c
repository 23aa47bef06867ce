// SPDX-License-Identifier: Apache-2.0
//
// The body of POST /v1/sales: any bytes give a sale, or an error with a sentence and the place of the field.
// What a sale is written as can be read, and a second witness that says the same adds nothing.
#include "tests/fuzz/target.h"
#include "tillwire/sale_json.h"

// Made once: rules are immutable.
static const struct tw_scan_rules *rules(void)
{
    static const struct tw_card_rule club = {"club", "^6009200\\d{9}$", "luhn"};
    static struct tw_scan_rules *made;
    fuzz_require(made != NULL || tw_scan_rules_new(&club, 1, &made, NULL) == TW_OK);
    return made;
}

static void check_sale(struct tw_sale *sale)
{
    static const struct tw_sale_context context = {
        .transaction_id = "0042/07/2026-11-22/1", .store = "0042", .workstation = "07", .currency = "EUR"};
    struct tw_buf data = {0};
    struct tw_buf merged = {0};
    tw_json *read = NULL;
    enum tw_merge outcome = TW_MERGE_CHANGED;
    tw_sale_write(sale, &context, &data);
    fuzz_require(tw_buf_status(&data) == TW_OK);
    fuzz_require(tw_json_parse(tw_buf_slice(&data), &read, NULL) == TW_OK);
    int rc = tw_sale_merge(tw_buf_slice(&data), tw_buf_slice(&data), "old", &merged, &outcome);
    fuzz_require(rc == TW_OK && outcome == TW_MERGE_AGREE);
    tw_json_free(read);
    tw_buf_free(&merged);
    tw_buf_free(&data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_sale *sale = NULL;
    struct tw_error_text err = {""};
    char field[64] = "?";
    int rc = tw_sale_from_request(tw_slice_make(data, size), rules(), &sale, &err, field, sizeof field);
    if (rc == TW_OK) {
        check_sale(sale);
        tw_sale_free(sale);
    } else {
        fuzz_require(sale == NULL && err.text[0] != '\0' && (field[0] == '/' || field[0] == '\0'));
    }
    return 0;
}
