// SPDX-License-Identifier: Apache-2.0
#include "agent/member/page.h"

// The deepest a members object is: object, array, object, and room for fields of later versions. The
// parser recurses, and this thread's stack is small.
#define MAX_DEPTH 16

static bool is_shallow(struct tw_slice text)
{
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (quoted) {
            i += c == '\\' ? 1 : 0;
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > MAX_DEPTH) {
                return false;
            }
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return true;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int tw_member_key(const char *pseudonym, uint8_t out[TW_MEMBER_KEY])
{
    uint8_t key[TW_MEMBER_KEY];
    unsigned version = 0;
    const char *at = pseudonym;
    if (at == NULL || *at++ != 'v' || *at == '0') {
        return TW_ERR_INVALID;
    }
    for (int digits = 0; *at >= '0' && *at <= '9' && digits < 4; digits++) {
        version = version * 10 + (unsigned)(*at++ - '0');
    }
    if (version == 0 || *at++ != ':') {
        return TW_ERR_INVALID;
    }
    key[0] = (uint8_t)(version >> 8);
    key[1] = (uint8_t)version;
    for (size_t i = 2; i < TW_MEMBER_KEY; i++, at += 2) {
        int high = hex_digit(at[0]);
        int low = high >= 0 ? hex_digit(at[1]) : -1;
        if (low < 0) {
            return TW_ERR_INVALID;
        }
        key[i] = (uint8_t)(high << 4 | low);
    }
    if (*at != '\0') {
        return TW_ERR_INVALID;
    }
    memcpy(out, key, sizeof key);
    return TW_OK;
}

static bool is_null(const tw_json *value)
{
    struct tw_error_text why;
    return value == NULL || tw_json_unpack(value, &why, "n") == TW_OK;
}

// A text member of 1 to `max` bytes; null (where allowed) is an empty slice.
static bool read_text(const tw_json *object, const char *name, size_t max, bool nullable,
                      struct tw_slice *out)
{
    const tw_json *value = tw_json_get(object, name);
    if (nullable && is_null(value)) {
        *out = tw_slice_of("");
        return true;
    }
    *out = tw_slice_of(tw_json_text(value));
    return out->len >= 1 && out->len <= max;
}

int tw_members_page_entry(const struct tw_members_page *page, size_t index, struct tw_members_entry *out)
{
    const tw_json *member = tw_json_at(page->members, index);
    const tw_json *points = tw_json_get(member, "points");
    struct tw_members_entry entry = {.has_points = !is_null(points)};
    bool good = tw_member_key(tw_json_text(tw_json_get(member, "pseudonym")), entry.key) == TW_OK &&
                read_text(member, "scheme", 32, false, &entry.scheme) &&
                read_text(member, "tier", 64, true, &entry.tier) &&
                (!entry.has_points || tw_json_int(points, &entry.points) == TW_OK);
    if (!good) {
        return TW_ERR_DAMAGED;
    }
    *out = entry;
    return TW_OK;
}

int tw_members_page_gone(const struct tw_members_page *page, size_t index, uint8_t out[TW_MEMBER_KEY])
{
    int rc = tw_member_key(tw_json_text(tw_json_at(page->gone, index)), out);
    return rc == TW_OK ? TW_OK : TW_ERR_DAMAGED;
}

static int check(struct tw_members_page *page)
{
    struct tw_error_text why;
    tw_json *members = NULL;
    tw_json *gone = NULL;
    int rc = tw_json_unpack(page->json, &why, "{s:I, s:I, s:I, s:I, s:o, s:o}", "version", &page->version,
                            "base", &page->base, "page", &page->page, "pages", &page->pages, "members",
                            &members, "gone", &gone);
    struct tw_error_text ignored;
    if (rc != TW_OK || tw_json_unpack(members, &ignored, "[]") != TW_OK ||
        tw_json_unpack(gone, &ignored, "[]") != TW_OK) {
        return TW_ERR_DAMAGED;
    }
    bool good = page->version >= 0 && page->base >= 0 && page->pages >= 1 &&
                page->pages <= TW_MEMBERS_MAX_PAGES && page->page >= 1 && page->page <= page->pages &&
                (page->base == 0 || page->base <= page->version);
    page->members = members;
    page->gone = gone;
    page->member_count = tw_json_size(members);
    page->gone_count = tw_json_size(gone);
    return good ? TW_OK : TW_ERR_DAMAGED;
}

static int check_elements(const struct tw_members_page *page)
{
    struct tw_members_entry entry;
    uint8_t key[TW_MEMBER_KEY];
    int rc = TW_OK;
    for (size_t i = 0; i < page->member_count && rc == TW_OK; i++) {
        rc = tw_members_page_entry(page, i, &entry);
    }
    for (size_t i = 0; i < page->gone_count && rc == TW_OK; i++) {
        rc = tw_members_page_gone(page, i, key);
    }
    return rc;
}

int tw_members_page_read(struct tw_slice payload, struct tw_members_page *out)
{
    struct tw_members_page page = {0};
    struct tw_error_text why;
    if (payload.len > TW_MEMBERS_MAX_PAGE) {
        return TW_ERR_TOO_LARGE;
    }
    if (!is_shallow(payload)) {
        return TW_ERR_DAMAGED;
    }
    int rc = tw_json_parse(payload, &page.json, &why);
    if (rc != TW_OK) {
        return rc == TW_ERR_NOMEM ? rc : TW_ERR_DAMAGED;
    }
    rc = check(&page);
    if (rc == TW_OK) {
        rc = check_elements(&page);
    }
    if (rc != TW_OK) {
        tw_members_page_free(&page);
        return rc;
    }
    *out = page;
    return TW_OK;
}

void tw_members_page_free(struct tw_members_page *page)
{
    tw_json_free(page->json);
    *page = (struct tw_members_page){0};
}
