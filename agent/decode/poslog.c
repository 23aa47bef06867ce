// SPDX-License-Identifier: Apache-2.0
//
// From bytes to transactions: expat underneath, one tree a transaction. What a file may cost is bounded: a
// DTD ends it (no entities, so none that grow), so do elements in each other beyond TW_POSLOG_MAX_DEPTH, and
// a tag or comment that is longer than TOKEN_MAX, and more different names than any log has, which expat
// would have to keep.
#include "tillwire/poslog.h"

#include <expat.h>
#include <stdlib.h>
#include <string.h>

#include "agent/decode/codepage.h"
#include "agent/decode/poslog_names.h"
#include "agent/decode/poslog_sale.h"

#define TOKEN_MAX (256 * 1024)
#define PIECE     (64 * 1024) // given to expat at once
#define TEXT_MAX  4096        // of one element; what is beyond is cut off

struct tw_poslog {
    struct tw_poslog_options with;
    struct tw_guard guard;
    XML_Parser xml;
    struct tw_poslog_tree tree;
    struct tw_poslog_names names;
    char text[TEXT_MAX]; // of the innermost element so far
    size_t text_len;
    unsigned depth, inside; // elements open; depth of the transaction that is read, 0: none
    uint64_t begin;         // of that in the file
    uint64_t count;         // transactions so far
    uint64_t fed;
    bool is_poslog;  // by its root
    const char *why; // we stopped expat; else NULL
    struct tw_buf witness;
    int rc;
};

// ---- expat's memory, wiped when it is given back: it may hold card numbers (P6) ----

union block {
    size_t size;
    max_align_t align;
};

static void *take_memory(size_t size)
{
    union block *block = size < SIZE_MAX / 2 ? malloc(sizeof *block + size) : NULL;
    if (block == NULL) {
        return NULL;
    }
    block->size = size;
    return block + 1;
}

static void give_memory(void *memory)
{
    if (memory != NULL) {
        union block *block = (union block *)memory - 1;
        explicit_bzero(memory, block->size);
        free(block);
    }
}

static void *change_memory(void *memory, size_t size)
{
    void *changed = take_memory(size);
    if (changed != NULL && memory != NULL) {
        size_t old = ((union block *)memory - 1)->size;
        memcpy(changed, memory, old < size ? old : size);
        give_memory(memory);
    }
    return changed;
}

// ---- giving out ----

// Where in the file expat is.
static uint64_t offset_of(const struct tw_poslog *poslog)
{
    XML_Index at = XML_GetCurrentByteIndex(poslog->xml);
    return at > 0 ? (uint64_t)at : 0;
}

static bool is_white(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct tw_slice trimmed(const char *text, size_t len)
{
    while (len > 0 && is_white(text[len - 1])) {
        len--;
    }
    while (len > 0 && is_white(text[0])) {
        text++;
        len--;
    }
    return tw_slice_make(text, len);
}

// The elements that have a text, one a line; a line end within one becomes a blank.
static size_t write_witness(struct tw_poslog *poslog)
{
    struct tw_buf *out = &poslog->witness;
    tw_buf_clear(out);
    for (uint32_t node = 1; node <= poslog->tree.count; node++) {
        const char *text = tw_poslog_text(&poslog->tree, node);
        if (text == NULL) {
            continue;
        }
        tw_buf_add_text(out, tw_poslog_name(&poslog->tree, node));
        tw_buf_add(out, "=", 1);
        size_t from = out->len;
        tw_buf_add_text(out, text);
        for (size_t i = from; i < out->len; i++) {
            out->ptr[i] = is_white((char)out->ptr[i]) ? ' ' : out->ptr[i];
        }
        tw_buf_add(out, "\n", 1);
    }
    return out->len > 0 && !out->failed ? tw_guard_mask(&poslog->guard, (char *)out->ptr, out->len) : 0;
}

static void give_out(struct tw_poslog *poslog, const struct tw_poslog_verdict *verdict, const char *detail)
{
    struct tw_poslog_fact fact = {.kind = verdict->kind,
                                  .sale = verdict->sale,
                                  .reason = verdict->reason,
                                  .detail = detail,
                                  .lines = verdict->lines,
                                  .index = poslog->count};
    fact.masked = write_witness(poslog);
    fact.text = tw_buf_slice(&poslog->witness);
    fact.bytes = (size_t)(offset_of(poslog) - poslog->begin);
    if (poslog->witness.failed) {
        poslog->rc = TW_ERR_NOMEM;
    } else {
        poslog->with.on_fact(poslog->with.ctx, &fact);
    }
    tw_sale_free(fact.sale);
}

static struct tw_poslog_place place_of(const struct tw_poslog *poslog)
{
    return (struct tw_poslog_place){XML_GetCurrentLineNumber(poslog->xml),
                                    XML_GetCurrentColumnNumber(poslog->xml) + 1};
}

static void end_transaction(struct tw_poslog *poslog)
{
    struct tw_poslog_verdict verdict = {0};
    char detail[256];
    if (poslog->tree.failed) {
        poslog->rc = TW_ERR_NOMEM;
    } else if (poslog->tree.over) {
        verdict = (struct tw_poslog_verdict){.kind = TW_POSLOG_UNPARSED,
                                             .reason = "too_long",
                                             .what = "is longer than a transaction may be",
                                             .node = 1};
    } else {
        poslog->rc = tw_poslog_judge(&poslog->tree, &poslog->with, &verdict);
    }
    if (poslog->rc == TW_OK) {
        uint32_t node = verdict.node != TW_POSLOG_NONE ? verdict.node : 1;
        (void)snprintf(detail, sizeof detail, "Transaction %llu %s (line %u, column %u).",
                       (unsigned long long)poslog->count, verdict.what != NULL ? verdict.what : "",
                       poslog->tree.nodes[node - 1].line, poslog->tree.nodes[node - 1].column);
        give_out(poslog, &verdict, verdict.reason != NULL ? detail : NULL);
    }
    poslog->inside = 0;
    tw_poslog_tree_clear(&poslog->tree);
    if (poslog->rc != TW_OK) {
        (void)XML_StopParser(poslog->xml, XML_FALSE);
    }
}

// ---- what expat tells ----

static void stop(struct tw_poslog *poslog, const char *why)
{
    poslog->why = why;
    (void)XML_StopParser(poslog->xml, XML_FALSE);
}

// Of a parser that was stopped some calls may still come.
static bool is_over(const struct tw_poslog *poslog)
{
    return poslog->why != NULL || poslog->rc != TW_OK;
}

static void note_names(struct tw_poslog *poslog, const XML_Char *name, const XML_Char **attributes)
{
    int rc = tw_poslog_names_add(&poslog->names, name);
    for (size_t i = 0; rc == TW_OK && attributes[i] != NULL; i += 2) {
        rc = tw_poslog_names_add(&poslog->names, attributes[i]);
    }
    if (rc == TW_ERR_TOO_LARGE) {
        stop(poslog, "more different names of elements and attributes than a sales log has");
    } else if (rc != TW_OK) {
        poslog->rc = rc;
        (void)XML_StopParser(poslog->xml, XML_FALSE);
    }
}

static void XMLCALL on_start(void *ctx, const XML_Char *name, const XML_Char **attributes)
{
    struct tw_poslog *poslog = ctx;
    const char *local = tw_poslog_local(name);
    if (is_over(poslog)) {
        return;
    }
    note_names(poslog, name, attributes);
    if (is_over(poslog)) {
        return;
    }
    poslog->depth++;
    poslog->text_len = 0;
    if (poslog->depth > TW_POSLOG_MAX_DEPTH) {
        stop(poslog, "too many elements in each other");
        return;
    }
    if (poslog->depth == 1) {
        poslog->is_poslog = strcmp(local, "POSLog") == 0 || strcmp(local, "Transaction") == 0;
    }
    if (poslog->inside == 0 && strcmp(local, "Transaction") == 0) {
        poslog->inside = poslog->depth;
        poslog->begin = offset_of(poslog);
        poslog->count++;
        poslog->is_poslog = true;
    }
    if (poslog->inside > 0) {
        tw_poslog_tree_begin(&poslog->tree, local, place_of(poslog));
        for (size_t i = 0; attributes[i] != NULL; i += 2) {
            tw_poslog_tree_attribute(&poslog->tree, tw_poslog_local(attributes[i]), attributes[i + 1]);
        }
    }
}

static void XMLCALL on_end(void *ctx, const XML_Char *name)
{
    struct tw_poslog *poslog = ctx;
    (void)name;
    if (is_over(poslog)) {
        return;
    }
    if (poslog->inside > 0) {
        tw_poslog_tree_end(&poslog->tree, trimmed(poslog->text, poslog->text_len));
    }
    poslog->text_len = 0;
    if (poslog->inside == poslog->depth) {
        end_transaction(poslog);
    }
    poslog->depth--;
}

static void XMLCALL on_text(void *ctx, const XML_Char *text, int len)
{
    struct tw_poslog *poslog = ctx;
    size_t room = sizeof poslog->text - poslog->text_len;
    size_t take = (size_t)len < room ? (size_t)len : room;
    if (poslog->inside > 0) {
        memcpy(poslog->text + poslog->text_len, text, take);
        poslog->text_len += take;
    }
}

static void XMLCALL on_doctype(void *ctx, const XML_Char *name, const XML_Char *system,
                               const XML_Char *public, int has_internal_subset)
{
    (void)name;
    (void)system;
    (void)public;
    (void)has_internal_subset;
    stop(ctx, "a document type declaration (DTD), which is never read");
}

// The encodings of one byte a character that iconv knows; expat brings UTF-8, UTF-16, ISO-8859-1 and
// US-ASCII.
static int XMLCALL on_encoding(void *ctx, const XML_Char *name, XML_Encoding *out)
{
    const char *names[256] = {name};
    struct tw_codepages pages;
    const struct tw_codepage *page = NULL;
    size_t unknown = 0;
    (void)ctx;
    tw_codepages_init(&pages, names);
    int rc = tw_codepages_get(&pages, 0, &page);
    for (size_t i = 0; rc == TW_OK && page != NULL && i < 256; i++) {
        out->map[i] = i < 0x80 ? (int)i : page->high[i - 0x80];
        unknown += out->map[i] == 0xFFFD;
    }
    out->data = NULL;
    out->convert = NULL;
    out->release = NULL;
    bool known = rc == TW_OK && page != NULL && unknown < 64; // else it is unknown, or has longer characters
    tw_codepages_free(&pages);
    return known ? XML_STATUS_OK : XML_STATUS_ERROR;
}

// ---- errors ----

// The file is not XML any more: what it was in the middle of is told, and so is the place.
static int broken(struct tw_poslog *poslog, const char *why, bool truncated, struct tw_error_text *err)
{
    struct tw_poslog_place place = place_of(poslog);
    char detail[256];
    (void)snprintf(detail, sizeof detail, "The file is not XML from line %llu, column %llu on: %s.",
                   (unsigned long long)place.line, (unsigned long long)place.column, why);
    const struct tw_poslog_verdict verdict = {
        .kind = TW_POSLOG_UNPARSED, .reason = truncated ? "truncated" : "malformed", .lines = 0};
    if (poslog->inside == 0) {
        poslog->count++;
        poslog->begin = offset_of(poslog);
    }
    give_out(poslog, &verdict, detail);
    return tw_fail(err, TW_ERR_DAMAGED,
                   "line %llu, column %llu: %s; what stands before it was read, have the rest exported again",
                   (unsigned long long)place.line, (unsigned long long)place.column, why);
}

static int failure(struct tw_poslog *poslog, struct tw_error_text *err)
{
    enum XML_Error code = XML_GetErrorCode(poslog->xml);
    if (poslog->rc != TW_OK || code == XML_ERROR_NO_MEMORY) {
        return tw_fail(err, poslog->rc != TW_OK ? poslog->rc : TW_ERR_NOMEM,
                       "reading a POSLog: out of memory");
    }
    bool truncated = code == XML_ERROR_NO_ELEMENTS || code == XML_ERROR_UNCLOSED_TOKEN ||
                     code == XML_ERROR_PARTIAL_CHAR || code == XML_ERROR_UNCLOSED_CDATA_SECTION;
    return broken(poslog, poslog->why != NULL ? poslog->why : XML_ErrorString(code), truncated, err);
}

// ---- the public side ----

int tw_poslog_new(const struct tw_poslog_options *options, struct tw_poslog **out)
{
    static const XML_Memory_Handling_Suite memory = {take_memory, change_memory, give_memory};
    struct tw_poslog *poslog = calloc(1, sizeof *poslog);
    XML_Parser xml = poslog != NULL ? XML_ParserCreate_MM(NULL, &memory, NULL) : NULL;
    if (xml == NULL) {
        free(poslog);
        return TW_ERR_NOMEM;
    }
    poslog->with = *options;
    poslog->guard = tw_scan_guard(options->rules);
    poslog->xml = xml;
    XML_SetUserData(xml, poslog);
    XML_SetElementHandler(xml, on_start, on_end);
    XML_SetCharacterDataHandler(xml, on_text);
    XML_SetStartDoctypeDeclHandler(xml, on_doctype);
    XML_SetUnknownEncodingHandler(xml, on_encoding, NULL);
    *out = poslog;
    return TW_OK;
}

void tw_poslog_free(struct tw_poslog *poslog)
{
    if (poslog == NULL) {
        return;
    }
    XML_ParserFree(poslog->xml);
    tw_poslog_tree_free(&poslog->tree);
    tw_poslog_names_free(&poslog->names);
    tw_buf_free(&poslog->witness);
    explicit_bzero(poslog->text, sizeof poslog->text);
    free(poslog);
}

int tw_poslog_feed(struct tw_poslog *poslog, struct tw_slice bytes, struct tw_error_text *err)
{
    while (bytes.len > 0) {
        size_t len = bytes.len < PIECE ? bytes.len : PIECE;
        if (XML_Parse(poslog->xml, (const char *)bytes.ptr, (int)len, 0) != XML_STATUS_OK) {
            return failure(poslog, err);
        }
        bytes.ptr += len;
        bytes.len -= len;
        poslog->fed += len;
        if (poslog->fed - offset_of(poslog) > TOKEN_MAX) {
            return broken(poslog, "a tag or comment without end", false, err);
        }
    }
    return TW_OK;
}

int tw_poslog_finish(struct tw_poslog *poslog, struct tw_error_text *err)
{
    if (XML_Parse(poslog->xml, "", 0, 1) != XML_STATUS_OK) {
        return failure(poslog, err);
    }
    if (!poslog->is_poslog) {
        return broken(poslog, "no POSLog and no Transaction in it", false, err);
    }
    return TW_OK;
}
