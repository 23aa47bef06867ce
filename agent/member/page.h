// SPDX-License-Identifier: Apache-2.0
//
// One members object as it comes from the centre (include/contract/schema/members.json), checked whole
// before any of it is used: a page with one bad member in it is damaged and not taken.
//
// Threading: pure; one thread at a time. Memory: a page owns its JSON until tw_members_page_free.
// Time: none. Errors: TW_ERR_DAMAGED, TW_ERR_TOO_LARGE, TW_ERR_NOMEM.
#ifndef TW_AGENT_MEMBER_PAGE_H
#define TW_AGENT_MEMBER_PAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "tillwire/bytes.h"
#include "tillwire/json.h"

#define TW_MEMBERS_MAX_PAGE  (256 * 1024) // bytes; the centre sends at most 64 KiB
#define TW_MEMBERS_MAX_PAGES 100000
#define TW_MEMBER_KEY        34 // key version (two bytes, big-endian), then the 32 bytes of the HMAC

struct tw_members_page {
    int64_t version, base, page, pages;
    size_t member_count, gone_count;
    tw_json *json;
    const tw_json *members, *gone; // borrowed from `json`
};

struct tw_members_entry {
    uint8_t key[TW_MEMBER_KEY];
    struct tw_slice scheme, tier; // `tier` empty: none
    bool has_points;
    int64_t points;
};

int TW_MUST_CHECK tw_members_page_read(struct tw_slice payload, struct tw_members_page *out);
void tw_members_page_free(struct tw_members_page *page);

// Elements of a page that was read; they were checked, so these cannot fail for index < count.
int TW_MUST_CHECK tw_members_page_entry(const struct tw_members_page *page, size_t index,
                                        struct tw_members_entry *out);
int TW_MUST_CHECK tw_members_page_gone(const struct tw_members_page *page, size_t index,
                                       uint8_t out[TW_MEMBER_KEY]);

// "v1:" and 64 hex digits as the key it is stored under; TW_ERR_INVALID.
int TW_MUST_CHECK tw_member_key(const char *pseudonym, uint8_t out[TW_MEMBER_KEY]);

#endif
