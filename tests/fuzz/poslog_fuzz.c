// SPDX-License-Identifier: Apache-2.0
//
// A POSLog: any bytes give sales that can be written and read, facts with reasons, or an error with a place;
// and the same, however they are cut (but for the place of an error outside of all transactions).
#include "tests/fakes/poslog_play.h"
#include "tests/fuzz/target.h"
#include "tillwire/sale_json.h"

static const struct tw_scan_rules *rules(void)
{
    static const struct tw_card_rule club = {"club", "^6009200\\d{9}$", "luhn"};
    static struct tw_scan_rules *made;
    fuzz_require(made != NULL || tw_scan_rules_new(&club, 1, &made, NULL) == TW_OK);
    return made;
}

static void check_sale(const struct tw_sale *sale)
{
    static const struct tw_sale_context context = {
        .transaction_id = "0042/07/2026-11-22/1", .store = "0042", .workstation = "07", .currency = "EUR"};
    struct tw_buf data = {0};
    tw_json *read = NULL;
    tw_sale_write(sale, &context, &data);
    fuzz_require(tw_buf_status(&data) == TW_OK);
    fuzz_require(tw_json_parse(tw_buf_slice(&data), &read, NULL) == TW_OK);
    const int64_t minor = tw_sale_discount_minor(sale);
    fuzz_require(minor <= TW_MONEY_MAX && minor >= -TW_MONEY_MAX);
    fuzz_require(sale->total.has && sale->line_count <= TW_SALE_MAX_LINES);
    fuzz_require(sale->card == NULL || sale->card_scheme != NULL);
    tw_json_free(read);
    tw_buf_free(&data);
}

// Where a file stops being XML expat finds in one place or another, by how it is cut.
static size_t facts_of(const struct poslog_play *play)
{
    const char *broken = strstr((const char *)play->out.ptr, " The file is not XML");
    while (broken != NULL && broken != (const char *)play->out.ptr && broken[-1] != '\n') {
        broken--;
    }
    return broken != NULL ? (size_t)(broken - (const char *)play->out.ptr) : play->out.len;
}

static bool same_facts(const struct poslog_play *one, const struct poslog_play *other)
{
    size_t len = facts_of(one);
    return len == facts_of(other) && memcmp(one->out.ptr, other->out.ptr, len) == 0 &&
           one->sales == other->sales && one->unparsed == other->unparsed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct poslog_play whole;
    struct poslog_play cut;
    poslog_play(&whole, rules(), "EUR", tw_slice_make(data, size), 0, 0);
    poslog_play(&cut, rules(), "EUR", tw_slice_make(data, size), 1 + size / 3, (uint32_t)size);
    fuzz_require(whole.rc == TW_OK || whole.rc == TW_ERR_DAMAGED);
    fuzz_require((whole.rc == TW_OK) == (whole.err.text[0] == '\0') && whole.rc == cut.rc);
    fuzz_require(same_facts(&whole, &cut));
    if (whole.first != NULL) {
        check_sale(whole.first);
    }
    poslog_play_free(&whole);
    poslog_play_free(&cut);
    return 0;
}
