// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/coupon.h"

#include <string.h>

#include "agent/decode/gs1.h"

#define GCN_DIGITS 13
#define GCN_SERIAL 12 // digits, at most
#define NO_PREFIX  9  // in place of a length: the company is the primary one

// What is left to be read; `good` until something does not fit.
struct reader {
    const char *at;
    size_t left;
    bool good;
};

static void skip(struct reader *r, size_t count)
{
    r->good = r->good && count <= r->left;
    if (r->good) {
        r->at += count;
        r->left -= count;
    }
}

// A number of `count` digits, between the two.
static unsigned number(struct reader *r, size_t count, unsigned least, unsigned most)
{
    const char *at = r->at;
    unsigned value = 0;
    skip(r, count);
    for (size_t i = 0; r->good && i < count; i++) {
        value = value * 10 + (unsigned)(at[i] - '0');
    }
    r->good = r->good && value >= least && value <= most;
    return value;
}

// A length indicator between the two, and so many digits and `more`.
static void counted(struct reader *r, unsigned least, unsigned most, size_t more)
{
    size_t count = number(r, 1, least, most);
    skip(r, more + count);
}

static void company(struct reader *r)
{
    counted(r, 0, 6, 6);
}

// Of a further purchase.
static void other_company(struct reader *r)
{
    if (r->left > 0 && *r->at == '0' + NO_PREFIX) {
        skip(r, 1);
    } else {
        company(r);
    }
}

// How much of what has to be bought: value, its unit, the family of articles.
static void purchase(struct reader *r)
{
    counted(r, 1, 5, 0);
    unsigned unit = number(r, 1, 0, 9);
    r->good = r->good && (unit <= 4 || unit == 9);
    skip(r, 3);
}

static void date(struct reader *r)
{
    skip(r, 2);
    (void)number(r, 2, 1, 12);
    (void)number(r, 2, 0, 31);
}

static void miscellaneous(struct reader *r)
{
    unsigned save_code = number(r, 1, 0, 6);
    r->good = r->good && save_code != 3 && save_code != 4;
    (void)number(r, 1, 0, 2); // which purchase it applies to
    skip(r, 1);               // whether it is the store's
    (void)number(r, 1, 0, 1); // whether it may be multiplied
}

static void optional_field(struct reader *r, unsigned field)
{
    switch (field) {
    case 1: // second purchase
        (void)number(r, 1, 0, 3);
        purchase(r);
        other_company(r);
        return;
    case 2: // third purchase
        purchase(r);
        other_company(r);
        return;
    case 3: // expiry
    case 4: // start
        date(r);
        return;
    case 5: // serial number
        counted(r, 0, 9, 6);
        return;
    case 6: // retailer
        counted(r, 1, 7, 6);
        return;
    case 9:
        miscellaneous(r);
        return;
    default:
        r->good = false;
    }
}

static void north_american(struct reader *r)
{
    unsigned last = 0;
    company(r);
    skip(r, 6);          // offer
    counted(r, 1, 5, 0); // what is saved
    purchase(r);
    while (r->good && r->left > 0) {
        unsigned field = number(r, 1, last + 1, 9); // in ascending order
        optional_field(r, field);
        last = field;
    }
}

static void paperless(struct reader *r)
{
    (void)number(r, 1, 0, 1); // format
    company(r);               // that pays
    skip(r, 6);               // offer
    counted(r, 0, 9, 6);      // serial number
}

static void global(struct reader *r)
{
    const char *digits = r->at;
    skip(r, GCN_DIGITS);
    r->good = r->good && tw_gs1_check_valid(digits, GCN_DIGITS);
    skip(r, r->left < GCN_SERIAL ? r->left : GCN_SERIAL);
}

bool tw_coupon_valid(const char *identifier, const char *digits, size_t len)
{
    struct reader r = {digits, len, true};
    for (size_t i = 0; i < len; i++) {
        r.good = r.good && digits[i] >= '0' && digits[i] <= '9';
    }
    if (strcmp(identifier, "255") == 0) {
        global(&r);
    } else if (strcmp(identifier, "8110") == 0) {
        north_american(&r);
    } else {
        r.good = r.good && strcmp(identifier, "8112") == 0;
        paperless(&r);
    }
    return r.good && r.left == 0;
}
