// SPDX-License-Identifier: Apache-2.0
//
// agent/decode/poslog*: what becomes of a POSLog, however it is cut. Real logs (TILLWIRE_DATA) against
// figures that were added up by hand.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/fakes/poslog_play.h"

#define HEAD                                                                                                 \
    "<RetailStoreID>42</RetailStoreID><WorkstationID>7</WorkstationID><SequenceNumber>12</SequenceNumber>"   \
    "<BusinessDayDate>2026-11-22</BusinessDayDate><EndDateTime>2026-11-22T10:15:07</EndDateTime>"            \
    "<OperatorID>17</OperatorID><CurrencyCode>EUR</CurrencyCode>"
#define ITEM(name, amount)                                                                                   \
    "<LineItem><Sale><ItemID>4006381333931</ItemID><Description>" name "</Description>"                      \
    "<RegularSalesUnitPrice>" amount "</RegularSalesUnitPrice><ExtendedAmount>" amount "</ExtendedAmount>"   \
    "<Quantity>1</Quantity></Sale></LineItem>"
#define CASH(amount)  "<LineItem><Tender TenderType=\"Cash\"><Amount>" amount "</Amount></Tender></LineItem>"
#define TOTAL(amount) "<Total TotalType=\"TransactionGrandAmount\">" amount "</Total>"
#define RETAIL(content)                                                                                      \
    "<Transaction>" HEAD "<RetailTransaction>" content "</RetailTransaction></Transaction>"
#define POSLOG(content)  "<POSLog xmlns=\"http://www.nrf-arts.org/IXRetail/namespace/\">" content "</POSLog>"
#define SALE_OF(content) POSLOG(RETAIL(content))
#define HEADED           "1 sale 42/7/2026-11-22/12 at 2026-11-22T10:15:07 by 17:"
#define TEA              "[item 4006381333931 TEA x1 at 250 = 250]"

static struct tw_scan_rules *rules(void)
{
    const struct tw_card_rule cards[] = {{"club", "^6009200\\d{9}$", "luhn"}, {"farm", "^95\\d{9}$", NULL}};
    struct tw_scan_rules *made = NULL;
    struct tw_error_text err = {0};
    assert_int_equal(tw_scan_rules_new(cards, 2, &made, &err), TW_OK);
    return made;
}

// The same whole, byte by byte and in random pieces.
static void expect_bytes(struct tw_slice file, int rc, const char *expected)
{
    static const size_t longest[] = {0, 1, 7, 100};
    struct tw_scan_rules *cards = rules();
    for (size_t i = 0; i < sizeof longest / sizeof longest[0]; i++) {
        struct poslog_play play;
        poslog_play(&play, cards, "EUR", file, longest[i], 7);
        assert_string_equal((const char *)play.out.ptr, expected);
        assert_int_equal(play.rc, rc);
        assert_true((rc == TW_OK) == (play.err.text[0] == '\0'));
        poslog_play_free(&play);
    }
    tw_scan_rules_free(cards);
}

static void expect(const char *file, const char *expected)
{
    expect_bytes(tw_slice_of(file), TW_OK, expected);
}

// ---- sales

static void a_sale_is_read(void **state)
{
    (void)state;
    expect(
        SALE_OF(ITEM("TEA", "2.50") ITEM("CAKE", "3") CASH("10.00") TOTAL(
            "5.50") "<LineItem><Tender TenderType=\"Cash\"><Amount>-4.50</Amount><TenderChange><Amount>-4.50"
                    "</Amount></TenderChange></Tender></LineItem>"),
        HEADED " " TEA " [item 4006381333931 CAKE x1 at 300 = 300] total 550 cash 1000 change 450 ok\n");
    // Change as the standard has it, within the tender; a single transaction; any prefix.
    expect("<p:Transaction xmlns:p=\"urn:x\">"
           "<p:RetailTransaction><p:ReceiptNumber>0815</p:ReceiptNumber><p:LineItem><p:Sale>"
           "<p:ExtendedAmount>2.50</p:ExtendedAmount></p:Sale></p:LineItem><p:LineItem><p:Tender "
           "TenderType=\"p:Cash\"><p:Amount>5</p:Amount><p:TenderChange><p:Amount>2.50</p:Amount></"
           "p:TenderChange>"
           "</p:Tender></p:LineItem><p:Total TotalType=\"p:TransactionGrandAmount\">2.50</p:Total>"
           "</p:RetailTransaction></p:Transaction>",
           "1 sale -/-/-/0815 at - by -: [item - x1 = 250] total 250 cash 500 change 250 ok\n");
}

// What the standard leaves open is decided by arithmetic.
static void discounts_are_in_the_amount_or_not(void **state)
{
    (void)state;
#define CUT(amount)                                                                                          \
    "<LineItem><Sale><Description>TEA</Description><ExtendedAmount>" amount "</ExtendedAmount>"              \
    "<RetailPriceModifier><Amount Action=\"Subtract\">0.50</Amount></RetailPriceModifier></Sale></LineItem>"
    static const char told[] = HEADED " [item TEA x1 = 250] [discount - x- = -50] total 200 cash 200 ok\n";
    expect(SALE_OF(CUT("2.50") CASH("2.00") TOTAL("2.00")), told);
    expect(SALE_OF(CUT("2.00") CASH("2.00") TOTAL("2.00")), told);
    expect(
        SALE_OF(ITEM("TEA",
                     "2.50") "<LineItem><Discount><Amount>0.50</Amount></Discount></LineItem>"
                             "<LineItem><LoyaltyReward><Amount>0.20</Amount></LoyaltyReward></LineItem>" CASH(
                                 "1.80") TOTAL("1.80")),
        HEADED " " TEA " [discount - x- = -50] [discount - x- = -20] total 180 cash 180 ok\n");
}

static void tax_and_rounding_are_added(void **state)
{
    (void)state;
    expect(
        SALE_OF(ITEM("TEA",
                     "2.50") "<LineItem><Tax><Amount>0.47</Amount></Tax></LineItem>"
                             "<LineItem><Rounding RoundingDirection=\"Down\">0.02</Rounding></LineItem>" CASH(
                                 "2.95") TOTAL("2.95")),
        HEADED " " TEA " tax 47 rounding -2 total 295 cash 295 ok\n");
}

// TRAPS: returns come as <Return>, or as <Sale> of -1, and with either sign.
static void returns_are_negative(void **state)
{
    (void)state;
    static const char told[] = "1 return 42/7/2026-11-22/12 at 2026-11-22T10:15:07 by 17:"
                               " [item TEA x%s = -250] total -250 cash -250 ok\n";
    char expected[256];
#define BACK(element, amount, quantity)                                                                      \
    "<LineItem><" element "><Description>TEA</Description><ExtendedAmount>" amount "</ExtendedAmount>"       \
    "<Quantity>" quantity "</Quantity></" element "></LineItem>"
    (void)snprintf(expected, sizeof expected, told, "1");
    expect(SALE_OF(BACK("Return", "2.50", "1") CASH("2.50") TOTAL("2.50")), expected);
    expect(SALE_OF(BACK("Return", "-2.50", "1") CASH("-2.50") TOTAL("-2.50")), expected);
    (void)snprintf(expected, sizeof expected, told, "-1");
    expect(SALE_OF(BACK("Sale", "-2.50", "-1") CASH("-2.50") TOTAL("-2.50")), expected);
    expect(SALE_OF(BACK("Sale", "2.50", "-1") CASH("2.50") TOTAL("2.50")), expected);
    // In exchange for something dearer it is a sale.
    expect(SALE_OF(BACK("Return", "2.50", "1") ITEM("CAKE", "3.00") CASH("0.50") TOTAL("0.50")),
           HEADED " [item TEA x1 = -250] [item 4006381333931 CAKE x1 at 300 = 300] total 50 cash 50 ok\n");
}

static void voided_lines_do_not_count(void **state)
{
    (void)state;
#define VOIDED(amount, quantity)                                                                             \
    "<LineItem VoidFlag=\"true\"><Sale><ItemID>4006381333931</ItemID><Description>TEA</Description>"         \
    "<RegularSalesUnitPrice>2.50</RegularSalesUnitPrice><ExtendedAmount>" amount "</ExtendedAmount>"         \
    "<Quantity>" quantity "</Quantity></Sale></LineItem>"
    static const char told[] =
        HEADED " [item voided 4006381333931 TEA x1 at 250 = 250] " TEA " total 250 cash 250 ok\n";
    expect(SALE_OF(VOIDED("2.50", "1") ITEM("TEA", "2.50") CASH("2.50") TOTAL("2.50")), told);
    // One that counts backwards takes back the last one like it (NCR).
    expect(SALE_OF(ITEM("TEA", "2.50") ITEM("TEA", "2.50") VOIDED("-2.50", "-1") CASH("2.50") TOTAL("2.50")),
           HEADED " " TEA " [item voided 4006381333931 TEA x1 at 250 = 250] total 250 cash 250 ok\n");
    // With what was taken off it; what was taken off others stays.
#define OFF(flag, amount)                                                                                    \
    "<LineItem" flag "><Sale><Description>TEA</Description><ExtendedAmount>" amount "</ExtendedAmount>"      \
    "<RetailPriceModifier><Amount Action=\"Subtract\">1.00</Amount></RetailPriceModifier></Sale></LineItem>"
    expect(SALE_OF(OFF("", "5.00") OFF("", "10.00") ITEM("TEA", "2.50") OFF(" VoidFlag=\"true\"", "-10.00")
                       CASH("6.50") TOTAL("6.50")),
           HEADED " [item TEA x1 = 500] [discount - x- = -100] [item voided TEA x1 = 1000] "
                  "[discount voided - x- = -100] " TEA " total 650 cash 650 ok\n");
    // So do tenders.
    expect(SALE_OF(ITEM("TEA", "2.50") CASH(
               "2.50") "<LineItem VoidFlag=\"true\"><Tender TenderType=\"Cash\"><Amount>"
                       "-2.50</Amount></Tender></LineItem><LineItem><Tender "
                       "TenderType=\"Voucher\"><Amount>2.50</Amount></Tender></LineItem>" TOTAL("2.50")),
           HEADED " " TEA " total 250 voucher 250 ok\n");
}

// The first that says when the sale was made; never when the message was.
static void times_are_those_of_the_sale(void **state)
{
    (void)state;
#define TIMED(times, at)                                                                                     \
    expect("<Transaction>" times "<RetailTransaction>" ITEM("TEA", "2.50")                                   \
               TOTAL("2.50") "</RetailTransaction></Transaction>",                                           \
           "1 sale -/-/-/- at " at " by -: " TEA " total 250 open\n")
#define MESSAGE "<POSLogDateTime TypeCode=\"Message\">2026-11-22T23:00:00</POSLogDateTime>"
#define BEGIN   "<BeginDateTime>2026-11-22T10:14:00</BeginDateTime>"
    TIMED(MESSAGE BEGIN, "2026-11-22T10:14:00");
    TIMED(MESSAGE, "-");
    TIMED("<POSLogDateTime>2026-11-22T23:00:00</POSLogDateTime>", "-");
    TIMED(MESSAGE "<POSLogDateTime TypeCode=\"Transaction\">2026-11-22T10:15:00</POSLogDateTime>",
          "2026-11-22T10:15:00");
    TIMED(BEGIN "<EndDateTime>2026-11-22T10:15:07</EndDateTime>", "2026-11-22T10:15:07");
}

static void what_is_no_sale_is_counted(void **state)
{
    (void)state;
    expect(POSLOG("<Transaction>" HEAD "<ControlTransaction><NoSale/></ControlTransaction></Transaction>"
                  "<Transaction TrainingModeFlag=\"true\">" HEAD
                  "<RetailTransaction>" ITEM("TEA", "2.50") CASH("2.50")
                      TOTAL("2.50") "</RetailTransaction></Transaction>"
                                    "<Transaction>" HEAD "<TenderControlTransaction/></Transaction>"
                                    "<Transaction>" HEAD
                                    "<RetailTransaction TransactionStatus=\"Suspended\">" ITEM("TEA", "2.50")
                                        TOTAL("2.50") "</RetailTransaction></Transaction>"),
           "1 other\n2 other\n3 other\n4 other\n");
    expect(POSLOG(""), "");
}

static void what_was_cancelled_is_void(void **state)
{
    (void)state;
    static const char told[] =
        "1 void 42/7/2026-11-22/12 at 2026-11-22T10:15:07 by 17: " TEA " total 250 open\n";
    expect(POSLOG("<Transaction CancelFlag=\"true\">" HEAD "<RetailTransaction>" ITEM("TEA", "2.50")
                      TOTAL("2.50") "</RetailTransaction></Transaction>"),
           told);
    expect(POSLOG("<Transaction>" HEAD "<RetailTransaction TransactionStatus=\"PostVoided\">" ITEM(
               "TEA", "2.50") TOTAL("2.50") "</RetailTransaction></Transaction>"),
           told);
}

// ---- what cannot be read (P8)

static void one_bad_transaction_harms_no_other(void **state)
{
    (void)state;
    static const char good[] =
        "sale 42/7/2026-11-22/12 at 2026-11-22T10:15:07 by 17: " TEA " total 250 cash 250 ok\n";
    char expected[1024];
    (void)snprintf(
        expected, sizeof expected,
        "1 %s2 malformed: Transaction 2 holds an amount that is no number of this currency (line 2, "
        "column 410).\n"
        "3 no_total: Transaction 3 has no total (line 3, column 264).\n"
        "4 currency: Transaction 4 is in another currency than the terminal's (line 4, column 1).\n5 %s",
        good, good);
#define GOOD RETAIL(ITEM("TEA", "2.50") CASH("2.50") TOTAL("2.50"))
    expect(POSLOG(GOOD "\n" RETAIL(ITEM("TEA", "2.5O") CASH("2.50") TOTAL("2.50")) "\n" RETAIL(
               ITEM("TEA", "2.50")
                   CASH("2.40")) "\n"
                                 "<Transaction><CurrencyCode>CHF</CurrencyCode><RetailTransaction>" TOTAL(
                                     "1.00") "</RetailTransaction></Transaction>" GOOD),
           expected);
}

// What the schema of a sale does not allow is not told as one: no such day, numbers with control characters,
// sums beyond all measure.
static void what_the_contract_forbids_is_left_out(void **state)
{
    (void)state;
    expect("<Transaction><SequenceNumber>1\n2</SequenceNumber><BusinessDayDate>2026-06-31</BusinessDayDate>"
           "<EndDateTime>2026-06-31T10:15:07</EndDateTime><RetailTransaction>" ITEM("TEA", "2.50")
               TOTAL("2.50") "</RetailTransaction></Transaction>",
           "1 sale -/-/-/- at - by -: " TEA " total 250 open\n");
#define HUGE "<LineItem><Tax><Amount>999999999.99</Amount></Tax></LineItem>"
    expect(SALE_OF(ITEM("TEA", "2.50") HUGE HUGE TOTAL("2.50")),
           "1 malformed: Transaction 1 holds sums beyond what a sale may have (line 1, column 324).\n");
}

static void a_file_that_stops_being_xml_is_read_up_to_there(void **state)
{
    (void)state;
    static const char file[] = POSLOG(GOOD GOOD);
    static const char good[] =
        "sale 42/7/2026-11-22/12 at 2026-11-22T10:15:07 by 17: " TEA " total 250 cash 250 ok\n";
    struct tw_scan_rules *cards = rules();
    for (size_t len = 0; len < sizeof file - 1; len++) {
        struct poslog_play play;
        poslog_play(&play, cards, "EUR", tw_slice_make(file, len), 50, (uint32_t)len);
        assert_int_equal(play.rc, TW_ERR_DAMAGED);
        assert_int_equal(play.unparsed, 1);
        assert_non_null(strstr(play.err.text, "line 1, column"));
        assert_non_null(strstr((const char *)play.out.ptr, "truncated: "));
        size_t whole = 0;
        for (const char *at = (const char *)play.out.ptr; (at = strstr(at, good)) != NULL; at++) {
            whole++;
        }
        assert_int_equal(whole, play.sales);
        poslog_play_free(&play);
    }
    tw_scan_rules_free(cards);
    expect_bytes(tw_slice_of("<POSLog>" GOOD "\n</oops>"), TW_ERR_DAMAGED,
                 "1 sale 42/7/2026-11-22/12 at 2026-11-22T10:15:07 by 17: " TEA " total 250 cash 250 ok\n"
                 "2 malformed: The file is not XML from line 2, column 3 on: mismatched tag.\n");
    expect_bytes(
        tw_slice_of("<html/>"), TW_ERR_DAMAGED,
        "1 malformed: The file is not XML from line 1, column 8 on: no POSLog and no Transaction in it.\n");
}

// No DTD, so no entities: neither those that grow nor those that fetch.
static void document_types_are_refused(void **state)
{
    (void)state;
    static const char *const files[] = {
        "<!DOCTYPE P [<!ENTITY a \"aaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]><POSLog>&b;</POSLog>",
        "<!DOCTYPE P SYSTEM \"file:///etc/passwd\"><POSLog/>",
        "<!DOCTYPE P [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><POSLog>&e;</POSLog>"};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct poslog_play play;
        poslog_play(&play, NULL, "EUR", tw_slice_of(files[i]), 1, 1);
        assert_int_equal(play.rc, TW_ERR_DAMAGED);
        assert_int_equal(play.unparsed, 1);
        assert_non_null(strstr(play.err.text, "document type declaration"));
        poslog_play_free(&play);
    }
}

static void add_many(struct tw_buf *out, const char *text, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tw_buf_add_text(out, text);
    }
}

static void what_is_endless_is_bounded(void **state)
{
    (void)state;
    struct {
        const char *head, *text, *tail;
        size_t count;
        const char *why;
        int rc;
    } cases[] = {
        {"<POSLog>", "<a>", "", 200, "too many elements in each other", TW_ERR_DAMAGED},
        {"<POSLog><Transaction x=\"", "aaaaaaaaaaaaaaaa", "", 20000, "a tag or comment without end",
         TW_ERR_DAMAGED},
        {"<POSLog><!--", "aaaaaaaaaaaaaaaa", "", 20000, "a tag or comment without end", TW_ERR_DAMAGED},
        {"<POSLog><Transaction>", "<a>aaaaaaaaaaaa</a>", "</Transaction></POSLog>", 40000, "is longer than",
         TW_OK},
        {"<POSLog><Transaction>", "<a/>", "</Transaction></POSLog>", 40000, "is longer than", TW_OK},
        {"<POSLog><Transaction><RetailTransaction>" TOTAL("1"),
         "<LineItem><Sale><Amount>1</Amount></Sale></LineItem>",
         "</RetailTransaction></Transaction></POSLog>", 1001, "has more lines or tenders", TW_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tw_buf file = {0};
        struct poslog_play play;
        tw_buf_add_text(&file, cases[i].head);
        add_many(&file, cases[i].text, cases[i].count);
        tw_buf_add_text(&file, cases[i].tail);
        poslog_play(&play, NULL, "EUR", tw_buf_slice(&file), 9000, 3);
        assert_int_equal(play.rc, cases[i].rc);
        assert_non_null(strstr((const char *)play.out.ptr, cases[i].why));
        assert_true(play.out.len < 300);
        poslog_play_free(&play);
        tw_buf_free(&file);
    }
}

// expat keeps every name to the end of the file, so what makes up new ones is ended.
static void names_without_end_are_bounded(void **state)
{
    (void)state;
    for (int form = 0; form < 4; form++) {
        struct tw_buf file = {0};
        struct poslog_play play;
        tw_buf_add_text(&file, "<POSLog>" GOOD);
        for (unsigned n = 0; n < (form < 3 ? 5000 : 40); n++) {
            switch (form) {
            case 0:
                tw_buf_printf(&file, "<n%u/>", n);
                break;
            case 1:
                tw_buf_printf(&file, "<a n%u='1'/>", n);
                break;
            case 2:
                tw_buf_printf(&file, "<p%u:a/>", n);
                break;
            default: // few, but long
                tw_buf_printf(&file, "<n%05000u/>", n);
                break;
            }
        }
        tw_buf_add_text(&file, "</POSLog>");
        poslog_play(&play, NULL, "EUR", tw_buf_slice(&file), 9000, 3);
        assert_int_equal(play.rc, TW_ERR_DAMAGED);
        assert_int_equal(play.sales, 1);
        assert_non_null(strstr(play.err.text, "more different names"));
        poslog_play_free(&play);
        tw_buf_free(&file);
    }
}

// A text of a megabyte is no reason to fail: what is beyond is cut off.
static void long_texts_are_cut(void **state)
{
    (void)state;
    struct tw_buf file = {0};
    struct poslog_play play;
    tw_buf_add_text(&file,
                    "<POSLog><Transaction><RetailTransaction>" TOTAL("1") "<LineItem><Sale><Amount>1</Amount>"
                                                                          "<Description>");
    add_many(&file, "aaaaaaaaaaaaaaaa", 65536);
    tw_buf_add_text(&file, "</Description></Sale></LineItem></RetailTransaction></Transaction></POSLog>");
    poslog_play(&play, NULL, "EUR", tw_buf_slice(&file), 9000, 3);
    assert_int_equal(play.rc, TW_OK);
    assert_int_equal(play.sales, 1);
    assert_int_equal(strlen(play.first->lines[0].description), 4096);
    poslog_play_free(&play);
    tw_buf_free(&file);
}

// ---- encodings

static void encodings_are_read(void **state)
{
    (void)state;
    static const char told[] =
        "1 sale -/-/-/- at - by -: [item K\xc3\xa4se \xe2\x82\xac x1 = 100] total 100 open\n";
#define ENCODED(name, text)                                                                                  \
    "<?xml version=\"1.0\" encoding=\"" name                                                                 \
    "\"?><Transaction><RetailTransaction><LineItem><Sale><Description>" text                                 \
    "</Description><ExtendedAmount>1</ExtendedAmount></Sale></LineItem>" TOTAL(                              \
        "1") "</RetailTransaction></Transaction>"
    expect(ENCODED("UTF-8", "K\xc3\xa4se \xe2\x82\xac"), told);
    expect(ENCODED("windows-1252", "K\xe4se \x80"), told);
    expect(ENCODED("ISO-8859-15", "K\xe4se \xa4"), told);
    expect(ENCODED("ISO-8859-1", "K\xe4se &#8364;"), told);
    expect("\xef\xbb\xbf" ENCODED("utf-8", "K\xc3\xa4se \xe2\x82\xac"), told);
    struct poslog_play play;
    poslog_play(&play, NULL, "EUR", tw_slice_of(ENCODED("x-nobody-knows", "a")), 0, 1);
    assert_int_equal(play.rc, TW_ERR_DAMAGED);
    assert_non_null(strstr(play.err.text, "unknown encoding"));
    poslog_play_free(&play);
}

static void utf16_is_read(void **state)
{
    (void)state;
    static const char text[] = RETAIL(ITEM("TEA", "2.50") CASH("2.50") TOTAL("2.50"));
    struct tw_buf file = {0};
    tw_buf_add(&file, "\xff\xfe", 2);
    for (size_t i = 0; i < sizeof text - 1; i++) {
        tw_buf_add(&file, (char[]){text[i], 0}, 2);
    }
    expect_bytes(tw_buf_slice(&file), TW_OK, HEADED " " TEA " total 250 cash 250 ok\n");
    tw_buf_free(&file);
}

// ---- people and cards

// TRAPS: the member's number stands where a payment card belongs.
static void p6_a_card_number_is_a_member_or_forgotten(void **state)
{
    (void)state;
#define PAID(number)                                                                                         \
    SALE_OF(ITEM(                                                                                            \
        "TEA 4111 1111 1111 1111",                                                                           \
        "2.50") "<LineItem><Tender TenderType=\"CreditDebit\"><Amount>2.50</Amount>"                         \
                "<CreditDebit CardType=\"Credit\" CreditDescription=\"Visa\"><PrimaryAccountNumber>" number  \
                "</PrimaryAccountNumber></CreditDebit></Tender></LineItem>" TOTAL("2.50"))
    struct tw_scan_rules *cards = rules();
    struct poslog_play play;
    poslog_play(&play, cards, "EUR", tw_slice_of(PAID("4111111111111111")), 3, 1);
    assert_null(strstr((const char *)play.texts.ptr, "4111111111111111"));
    assert_null(strstr((const char *)play.texts.ptr, "4111 1111 1111"));
    assert_non_null(strstr((const char *)play.texts.ptr, "PrimaryAccountNumber=************1111\n"));
    assert_int_equal(play.masked, 2);
    assert_non_null(strstr((const char *)play.out.ptr, "TEA **** **** **** 1111"));
    assert_non_null(strstr((const char *)play.out.ptr, "card 250 Visa *1111 ok"));
    poslog_play_free(&play);
    poslog_play(&play, cards, "EUR", tw_slice_of(PAID("************4242")), 3, 1);
    assert_non_null(strstr((const char *)play.out.ptr, "card 250 Visa *4242 ok"));
    poslog_play_free(&play);
    poslog_play(&play, cards, "EUR", tw_slice_of(PAID("6009200000009310")), 3, 1);
    assert_string_equal(play.first->card, "6009200000009310");
    assert_string_equal(play.first->card_scheme, "club");
    poslog_play_free(&play);
    tw_scan_rules_free(cards);
}

// A receipt number that may be a card number is no number.
static void p6_numbers_that_must_be_exact_are_left_out(void **state)
{
    (void)state;
    expect("<Transaction><SequenceNumber>4111111111111111</SequenceNumber><OperatorID>5555555555554444</"
           "OperatorID>"
           "<RetailTransaction><LineItem><Sale><ItemID>4111111111111111</ItemID><ExtendedAmount>1</"
           "ExtendedAmount>"
           "</Sale></LineItem>" TOTAL("1") "</RetailTransaction></Transaction>",
           "1 sale -/-/-/- at - by -: [item - x1 = 100] total 100 open\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sale_is_read),
        cmocka_unit_test(discounts_are_in_the_amount_or_not),
        cmocka_unit_test(tax_and_rounding_are_added),
        cmocka_unit_test(returns_are_negative),
        cmocka_unit_test(voided_lines_do_not_count),
        cmocka_unit_test(times_are_those_of_the_sale),
        cmocka_unit_test(what_is_no_sale_is_counted),
        cmocka_unit_test(what_was_cancelled_is_void),
        cmocka_unit_test(one_bad_transaction_harms_no_other),
        cmocka_unit_test(what_the_contract_forbids_is_left_out),
        cmocka_unit_test(a_file_that_stops_being_xml_is_read_up_to_there),
        cmocka_unit_test(document_types_are_refused),
        cmocka_unit_test(what_is_endless_is_bounded),
        cmocka_unit_test(names_without_end_are_bounded),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(encodings_are_read),
        cmocka_unit_test(utf16_is_read),
        cmocka_unit_test(p6_a_card_number_is_a_member_or_forgotten),
        cmocka_unit_test(p6_numbers_that_must_be_exact_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
