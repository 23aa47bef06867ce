// SPDX-License-Identifier: Apache-2.0
//
// Profiles: what the generic one makes of labels in many languages, how a shop's own rules come
// first, and that a bad rule is named and a hostile one cannot hang a reading (P8).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "agent/decode/profile.h"

static struct tw_profile *generic_profile(void)
{
    struct tw_profile *profile = NULL;
    struct tw_error_text err = {""};
    int rc = tw_profile_compile(tw_profile_generic(), &profile, &err);
    if (rc != TW_OK) {
        print_error("%s\n", err.text);
    }
    assert_int_equal(rc, TW_OK);
    return profile;
}

static const struct {
    const char *line;
    enum tw_is is;
    bool want;
} labels[] = {
    {"TOTAL 18.23", TW_IS_TOTAL, true},
    {"SUMME EUR 5,18", TW_IS_TOTAL, true},
    {"TOTAL À PAYER 5,18", TW_IS_TOTAL, true},
    {"TOTALE COMPLESSIVO 5,18", TW_IS_TOTAL, true},
    {"TOTAAL 5,18", TW_IS_TOTAL, true},
    {"YHTEENSÄ 5,18", TW_IS_TOTAL, true},
    {"Att betala 5,18", TW_IS_TOTAL, true},
    {"I ALT 5,18", TW_IS_TOTAL, true},
    {"SUMA PLN 5,18", TW_IS_TOTAL, true},
    {"CELKEM 5,18", TW_IS_TOTAL, true},
    {"ZA PLAČILO 5,18", TW_IS_TOTAL, true},
    {"ΣΥΝΟΛΟ 5,18", TW_IS_TOTAL, true},
    {"σύνολο 5,18", TW_IS_TOTAL, true},
    {"SUBTOTAL 18.23", TW_IS_TOTAL, false},
    {"SUBTOTAL 18.23", TW_IS_SUBTOTAL, true},
    {"Zwischensumme 18,23", TW_IS_SUBTOTAL, true},
    {"TOTAL SAVINGS 3.00", TW_IS_TOTAL, false},
    {"TOTAL SAVINGS 3.00", TW_IS_SAVED, true},
    {"Total excl. tax 28.82", TW_IS_NET, true},
    {"Total excl. tax 28.82", TW_IS_TAX, false},
    {"TOTAL VAT 1.20", TW_IS_TAX, true},
    {"Sales tax 1.73", TW_IS_TAX, true},
    {"MwSt 6% enth. 0,29", TW_IS_TAX, true},
    {"inkl. 7% MwSt 0,43", TW_IS_TAX, true},
    {"A: 20% MwSt von 3,08 = 0,51", TW_IS_TAX, true},
    {"di cui IVA 0,24", TW_IS_TAX, true},
    {"UST-ID DE999999999", TW_IS_TAX, false},
    {"TAXI FARE 12.00", TW_IS_TAX, false},
    {"Rückgeld 4,82", TW_IS_CHANGE, true},
    {"RENDU MONNAIE 4,82", TW_IS_CHANGE, true},
    {"Gegeben bar 20,00", TW_IS_CASH, true},
    {"ESPÈCES 20,00", TW_IS_CASH, true},
    {"BARILLA SPAGHETTI 1,99", TW_IS_CASH, false},
    {"EC-Karte € 13,62", TW_IS_CARD, true},
    {"VISA ****4270 12.30", TW_IS_CARD, true},
    {"GIFT CARD ****0093 5.00", TW_IS_GIFT_CARD, true},
    {"CARD SAVINGS -0.44", TW_IS_CARD, false},
    {"CARD SAVINGS -0.44", TW_IS_DISCOUNT, true},
    {"Kundenkarten-Rabatt -0,80", TW_IS_DISCOUNT, true},
    {"MFR COUPON -1.00", TW_IS_COUPON, true},
    {"PFAND 0,25", TW_IS_DEPOSIT, true},
    {"PANTS BLUE 25.00", TW_IS_DEPOSIT, false},
    {"PLASTIC BAG LEVY 0.22", TW_IS_FEE, true},
    {"COFFEE 0.22", TW_IS_FEE, false},
    {"VOID TOMATO SOUP -5.56", TW_IS_VOID_LINE, true},
    {"REFUND **", TW_IS_RETURN, true},
    {"RETOUR MARCHANDISE", TW_IS_RETURN, true},
    {"Returns within 30 days with receipt", TW_IS_RETURN, false},
    {"NO REFUNDS WITHOUT RECEIPT", TW_IS_RETURN, false},
    {"TRANSACTION VOIDED **", TW_IS_VOID, true},
    {"TICKET ANNULÉ ***", TW_IS_VOID, true},
    {"DUPLICATE RECEIPT ***", TW_IS_COPY, true},
    {"CUSTOMER COPY", TW_IS_COPY, false},
    {"TRAINING MODE", TW_IS_TRAINING, true},
    {"Running training shoes 59.00", TW_IS_TRAINING, false},
    {"Z-BERICHT Nr. 0318", TW_IS_REPORT, true},
    {"NO SALE ***", TW_IS_REPORT, true},
    {"Points balance 340", TW_IS_REPORT, false},
    {"- kein Beleg, keine Rechnung -", TW_IS_ORDER, true},
};

static void labels_are_known(void **state)
{
    (void)state;
    struct tw_profile *profile = generic_profile();
    struct tw_matcher *matcher = NULL;
    assert_int_equal(tw_matcher_new(profile, &matcher), TW_OK);
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        uint64_t set = tw_matcher_classify(matcher, tw_slice_of(labels[i].line), TW_IS_ALL);
        bool got = (set & TW_IS_BIT(labels[i].is)) != 0;
        if (got != labels[i].want) {
            print_error("\"%s\" %s %s\n", labels[i].line, got ? "is taken for" : "is not known as",
                        tw_is_name(labels[i].is));
        }
        assert_int_equal(got, labels[i].want);
        assert_true(set ==
                    tw_matcher_classify(matcher, tw_slice_of(labels[i].line), TW_IS_ALL)); // remembered alike
    }
    tw_matcher_free(matcher);
    tw_profile_free(profile);
}

static void check_value(struct tw_matcher *matcher, enum tw_is is, const char *line, const char *want)
{
    struct tw_slice value = {0};
    bool found = tw_matcher_value(matcher, is, tw_slice_of(line), &value);
    char got[80] = "";
    (void)snprintf(got, sizeof got, "%.*s", (int)value.len, found ? (const char *)value.ptr : "");
    if (strcmp(got, want) != 0) {
        print_error("%s of \"%s\"\n  - %s\n  + %s\n", tw_is_name(is), line, want, got);
    }
    assert_string_equal(got, want);
}

static void values_are_taken(void **state)
{
    (void)state;
    static const struct {
        enum tw_is is;
        const char *line, *want;
    } table[] = {
        {TW_IS_RECEIPT_NUMBER, "Date 2017-11-14 17:51  Reg 1 Tr 1000", "1000"},
        {TW_IS_RECEIPT_NUMBER, "Kassenbon Nr. 1006  Kasse 1", "1006"},
        {TW_IS_RECEIPT_NUMBER, "Store 424 Lane 2 #1001 2017-12-18 13:57:52", "1001"},
        {TW_IS_RECEIPT_NUMBER, "Receipt 0307115  Cashier 204", "0307115"},
        {TW_IS_RECEIPT_NUMBER, "Ticket n° 000880  le 21/11/2026", "000880"},
        {TW_IS_RECEIPT_NUMBER, "DOCUMENTO N. 0417-0042", "0417-0042"},
        {TW_IS_RECEIPT_NUMBER, "Račun št.: 0042-07-1234", "0042-07-1234"},
        {TW_IS_RECEIPT_NUMBER, "ΑΡ. ΑΠΟΔ. 0009143", "0009143"},
        {TW_IS_RECEIPT_NUMBER, "Invoice date 12/03/2024", ""},
        {TW_IS_RECEIPT_NUMBER, "Receipt 21.11.2026 10:00", ""},
        {TW_IS_RECEIPT_NUMBER, "Sale 20%", ""},
        {TW_IS_STORE, "STR 0042 REG 07 OP 17", "0042"},
        {TW_IS_WORKSTATION, "STR 0042 REG 07 OP 17", "07"},
        {TW_IS_OPERATOR, "STR 0042 REG 07 OP 17", "17"},
        {TW_IS_OPERATOR, "Es bediente Sie: Fr. Wendt", "Fr. Wendt"},
        {TW_IS_OPERATOR, "Server RT 96SRT000417", ""},
        {TW_IS_COUPON_CODE, "CPN# 10000091203", "10000091203"},
        {TW_IS_BRAND, "PIN MAESTRO ****1188", "MAESTRO"},
    };
    struct tw_profile *profile = generic_profile();
    struct tw_matcher *matcher = NULL;
    assert_int_equal(tw_matcher_new(profile, &matcher), TW_OK);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        check_value(matcher, table[i].is, table[i].line, table[i].want);
    }
    tw_matcher_free(matcher);
    tw_profile_free(profile);
}

static void own_rules_come_first(void **state)
{
    (void)state;
    static const struct tw_profile_rule rules[] = {
        {"ignore", "^SUMME DER HERZEN"},
        {"total", "^ENDSTAND"},
        {"receipt_number", "Zettel (?<value>\\d+)"},
    };
    const struct tw_profile_source source = {
        .name = "own", .decimal = ',', .columns = 40, .rules = rules, .rule_count = 3};
    struct tw_profile *profile = NULL;
    struct tw_matcher *matcher = NULL;
    assert_int_equal(tw_profile_compile(&source, &profile, NULL), TW_OK);
    assert_int_equal(tw_matcher_new(profile, &matcher), TW_OK);
    assert_int_equal(tw_profile_columns(profile), 40);
    assert_int_equal(tw_matcher_decimal(matcher), ',');
    uint64_t herzen = tw_matcher_classify(matcher, tw_slice_of("SUMME DER HERZEN 12,00"), TW_IS_ALL);
    assert_true((herzen & TW_IS_BIT(TW_IS_IGNORE)) != 0 && (herzen & TW_IS_BIT(TW_IS_TOTAL)) == 0);
    assert_true((tw_matcher_classify(matcher, tw_slice_of("ENDSTAND 12,00"), TW_IS_ALL) &
                 TW_IS_BIT(TW_IS_TOTAL)) != 0);
    assert_true(
        (tw_matcher_classify(matcher, tw_slice_of("SUMME 12,00"), TW_IS_ALL) & TW_IS_BIT(TW_IS_TOTAL)) != 0);
    check_value(matcher, TW_IS_RECEIPT_NUMBER, "Zettel 77", "77");
    check_value(matcher, TW_IS_RECEIPT_NUMBER, "Bon-Nr. 78", "78");
    tw_matcher_free(matcher);
    tw_profile_free(profile);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    static const struct tw_profile_rule unknown[] = {{"total", "^A"}, {"totl", "^B"}};
    static const struct tw_profile_rule broken[] = {{"total", "^(A"}};
    struct tw_profile *profile = NULL;
    struct tw_error_text err = {""};
    struct tw_profile_source source = {.name = "shop", .rules = unknown, .rule_count = 2};
    assert_int_equal(tw_profile_compile(&source, &profile, &err), TW_ERR_INVALID);
    assert_non_null(strstr(err.text, "shop"));
    assert_non_null(strstr(err.text, "rule 2"));
    assert_non_null(strstr(err.text, "totl"));
    source = (struct tw_profile_source){.name = "shop", .rules = broken, .rule_count = 1};
    assert_int_equal(tw_profile_compile(&source, &profile, &err), TW_ERR_INVALID);
    assert_non_null(strstr(err.text, "rule 1"));
    assert_non_null(strstr(err.text, "character"));
    assert_null(profile);
}

static void hostile_rule_gives_up(void **state)
{
    (void)state;
    static const struct tw_profile_rule rules[] = {{"total", "^(a+)+$"}};
    const struct tw_profile_source source = {.name = "hostile", .rules = rules, .rule_count = 1};
    struct tw_profile *profile = NULL;
    struct tw_matcher *matcher = NULL;
    assert_int_equal(tw_profile_compile(&source, &profile, NULL), TW_OK);
    assert_int_equal(tw_matcher_new(profile, &matcher), TW_OK);
    // Without a limit this takes 2^40 steps: the test would not end.
    uint64_t set =
        tw_matcher_classify(matcher, tw_slice_of("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), TW_IS_ALL);
    assert_true((set & TW_IS_BIT(TW_IS_TOTAL)) == 0);
    tw_matcher_free(matcher);
    tw_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_are_known),      cmocka_unit_test(values_are_taken),
        cmocka_unit_test(own_rules_come_first),  cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(hostile_rule_gives_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
