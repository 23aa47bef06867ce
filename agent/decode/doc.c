// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/doc.h"

#include <stdlib.h>
#include <string.h>

#include "agent/decode/doc_scan.h"

#define SORT_FROM 32 // members; below, each key is compared with each

struct tw_doc {
    char *text; // a copy of what is read; texts are decoded where they stand
    size_t text_cap;
    struct tw_doc_node *nodes;
    size_t count, cap;
};

struct reader {
    struct tw_doc *doc;
    struct tw_doc_scan scan;
    int depth;
};

// FNV-1a (RFC 9923).
static uint32_t hash_of(const char *text, size_t len)
{
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (uint8_t)text[i]) * 16777619U;
    }
    return hash;
}

// ---- nodes

// NULL: out of memory. Valid until the next one is made.
static struct tw_doc_node *node_new(struct reader *reader, enum tw_doc_kind kind)
{
    struct tw_doc *doc = reader->doc;
    if (doc->count == doc->cap) {
        size_t cap = doc->cap == 0 ? 128 : doc->cap * 2;
        struct tw_doc_node *grown = realloc(doc->nodes, cap * sizeof *grown);
        if (grown == NULL) {
            (void)tw_doc_scan_fail(&reader->scan, TW_ERR_NOMEM, "out of memory");
            return NULL;
        }
        doc->nodes = grown;
        doc->cap = cap;
    }
    struct tw_doc_node *node = &doc->nodes[doc->count++];
    node->kind = kind;
    node->span = 1;
    node->key.text = NULL;
    return node;
}

static int read_text_node(struct reader *reader)
{
    struct tw_doc_node *node = node_new(reader, TW_DOC_TEXT);
    if (node == NULL) {
        return TW_ERR_NOMEM;
    }
    return tw_doc_scan_text(&reader->scan, &node->text, &node->size, &node->chars);
}

static int read_number(struct reader *reader)
{
    struct tw_doc_node *node = node_new(reader, TW_DOC_INTEGER);
    return node != NULL ? tw_doc_scan_number(&reader->scan, node) : TW_ERR_NOMEM;
}

static int read_word(struct reader *reader, const char *word, enum tw_doc_kind kind)
{
    size_t len = strlen(word);
    if (strncmp(reader->scan.at, word, len) != 0) {
        return tw_doc_scan_refuse(&reader->scan, "not JSON");
    }
    reader->scan.at += len;
    return node_new(reader, kind) != NULL ? TW_OK : TW_ERR_NOMEM;
}

// ---- objects and arrays

bool tw_doc_same_key(const struct tw_doc_key *one, const struct tw_doc_key *other)
{
    return one->hash == other->hash && one->len == other->len &&
           memcmp(one->text, other->text, one->len) == 0;
}

static int order_keys(const void *left, const void *right)
{
    const struct tw_doc_key *one = left;
    const struct tw_doc_key *other = right;
    if (one->len != other->len) {
        return one->len < other->len ? -1 : 1;
    }
    return memcmp(one->text, other->text, one->len);
}

static int check_many_keys(struct reader *reader, const struct tw_doc_node *object)
{
    struct tw_doc_key *keys = malloc(object->size * sizeof *keys);
    if (keys == NULL) {
        return tw_doc_scan_fail(&reader->scan, TW_ERR_NOMEM, "out of memory");
    }
    const struct tw_doc_node *member = object + 1;
    for (uint32_t i = 0; i < object->size; i++, member += member->span) {
        keys[i] = member->key;
    }
    qsort(keys, object->size, sizeof *keys, order_keys);
    const char *twice = NULL;
    for (uint32_t i = 1; i < object->size && twice == NULL; i++) {
        if (tw_doc_same_key(&keys[i - 1], &keys[i])) {
            twice = keys[i].text > keys[i - 1].text ? keys[i].text : keys[i - 1].text;
        }
    }
    free(keys);
    if (twice == NULL) {
        return TW_OK;
    }
    reader->scan.at = reader->doc->text + (twice - reader->doc->text); // where it is told
    return tw_doc_scan_fail(&reader->scan, TW_ERR_INVALID, "a key stands twice in one object");
}

static int check_keys(struct reader *reader, const struct tw_doc_node *object)
{
    if (object->size > SORT_FROM) {
        return check_many_keys(reader, object);
    }
    uint32_t hashes[SORT_FROM];
    const struct tw_doc_node *member = object + 1;
    for (uint32_t i = 0; i < object->size; i++, member += member->span) {
        for (uint32_t j = 0; j < i; j++) {
            if (hashes[j] == member->key.hash) {
                return check_many_keys(reader, object); // the same, or a rare chance
            }
        }
        hashes[i] = member->key.hash;
    }
    return TW_OK;
}

static int read_key(struct reader *reader, struct tw_doc_key *key)
{
    uint32_t chars = 0;
    tw_doc_scan_space(&reader->scan);
    if (*reader->scan.at != '"') {
        return tw_doc_scan_refuse(&reader->scan, "not JSON");
    }
    if (tw_doc_scan_text(&reader->scan, &key->text, &key->len, &chars) != TW_OK) {
        return reader->scan.error;
    }
    key->hash = hash_of(key->text, key->len);
    tw_doc_scan_space(&reader->scan);
    if (*reader->scan.at != ':') {
        return tw_doc_scan_refuse(&reader->scan, "not JSON");
    }
    reader->scan.at++;
    return TW_OK;
}

static int read_value(struct reader *reader);

static int read_members(struct reader *reader, char close, uint32_t *count)
{
    tw_doc_scan_space(&reader->scan);
    if (*reader->scan.at == close) {
        return TW_OK;
    }
    for (;;) {
        struct tw_doc_key key = {.text = NULL};
        size_t index = reader->doc->count;
        if ((close == '}' && read_key(reader, &key) != TW_OK) || read_value(reader) != TW_OK) {
            return reader->scan.error;
        }
        reader->doc->nodes[index].key = key;
        (*count)++;
        tw_doc_scan_space(&reader->scan);
        if (*reader->scan.at != ',') {
            return *reader->scan.at == close ? TW_OK : tw_doc_scan_refuse(&reader->scan, "not JSON");
        }
        reader->scan.at++;
    }
}

static int read_container(struct reader *reader, enum tw_doc_kind kind, char close)
{
    struct tw_doc *doc = reader->doc;
    size_t index = doc->count;
    uint32_t from = (uint32_t)(reader->scan.at - doc->text);
    uint32_t count = 0;
    if (node_new(reader, kind) == NULL) {
        return TW_ERR_NOMEM;
    }
    reader->scan.at++;
    if (read_members(reader, close, &count) != TW_OK) {
        return reader->scan.error;
    }
    reader->scan.at++;
    struct tw_doc_node *node = &doc->nodes[index];
    node->size = count;
    node->span = (uint32_t)(doc->count - index);
    node->bytes.from = from;
    node->bytes.to = (uint32_t)(reader->scan.at - doc->text);
    return kind == TW_DOC_OBJECT ? check_keys(reader, node) : TW_OK;
}

static int read_any(struct reader *reader)
{
    switch (*reader->scan.at) {
    case '"':
        return read_text_node(reader);
    case '{':
        return read_container(reader, TW_DOC_OBJECT, '}');
    case '[':
        return read_container(reader, TW_DOC_ARRAY, ']');
    case 't':
        return read_word(reader, "true", TW_DOC_TRUE);
    case 'f':
        return read_word(reader, "false", TW_DOC_FALSE);
    case 'n':
        return read_word(reader, "null", TW_DOC_NULL);
    default:
        return read_number(reader);
    }
}

static int read_value(struct reader *reader)
{
    if (reader->depth == TW_DOC_MAX_DEPTH) {
        return tw_doc_scan_fail(&reader->scan, TW_ERR_INVALID, "nested too deep");
    }
    reader->depth++;
    tw_doc_scan_space(&reader->scan);
    int rc = read_any(reader);
    reader->depth--;
    return rc;
}

// ---- a document

int tw_doc_new(struct tw_doc **out)
{
    struct tw_doc *doc = calloc(1, sizeof *doc);
    if (doc == NULL) {
        return TW_ERR_NOMEM;
    }
    *out = doc;
    return TW_OK;
}

void tw_doc_free(struct tw_doc *doc)
{
    if (doc != NULL) {
        if (doc->text != NULL) { // a request may hold a card
            explicit_bzero(doc->text, doc->text_cap);
        }
        if (doc->nodes != NULL) {
            explicit_bzero(doc->nodes, doc->count * sizeof *doc->nodes);
        }
        free(doc->text);
        free(doc->nodes);
        free(doc);
    }
}

static int take_text(struct tw_doc *doc, struct tw_slice text)
{
    if (text.len + 1 > doc->text_cap) {
        size_t cap = (text.len + 1) * 2;
        char *grown = realloc(doc->text, cap);
        if (grown == NULL) {
            return TW_ERR_NOMEM;
        }
        doc->text = grown;
        doc->text_cap = cap;
    }
    if (text.len > 0) {
        memcpy(doc->text, text.ptr, text.len);
    }
    doc->text[text.len] = '\0';
    return TW_OK;
}

// Where it went wrong, as people count: the text is the caller's, for ours is decoded in place.
static int tell_place(const struct tw_doc *doc, const struct tw_doc_scan *scan, struct tw_slice text,
                      struct tw_error_text *err)
{
    size_t at = (size_t)(scan->at - doc->text);
    size_t line = 1;
    size_t column = 1;
    for (size_t i = 0; i < at && i < text.len; i++) {
        bool ends = text.ptr[i] == '\n';
        line += ends;
        column = ends ? 1 : column + 1;
    }
    return tw_fail(err, scan->error, "reading JSON: line %zu, column %zu: %s", line, column, scan->why);
}

int tw_doc_read(struct tw_doc *doc, struct tw_slice text, const struct tw_doc_node **out,
                struct tw_error_text *err)
{
    if (text.len > TW_DOC_MAX_BYTES) {
        return tw_fail(err, TW_ERR_TOO_LARGE, "reading JSON: longer than %d bytes", TW_DOC_MAX_BYTES);
    }
    if (take_text(doc, text) != TW_OK) {
        return tw_fail(err, TW_ERR_NOMEM, "reading JSON: out of memory");
    }
    struct reader reader = {.doc = doc, .scan = {.at = doc->text, .end = doc->text + text.len}};
    struct tw_doc_scan *scan = &reader.scan;
    doc->count = 0;
    if (read_value(&reader) == TW_OK) {
        tw_doc_scan_space(scan);
        if (scan->at < scan->end) {
            (void)tw_doc_scan_fail(scan, TW_ERR_INVALID, "something follows the value");
        }
    }
    if (scan->error != TW_OK) {
        return tell_place(doc, scan, text, err);
    }
    *out = doc->nodes;
    return TW_OK;
}

// ---- asking

struct tw_doc_key tw_doc_key_of(const char *text)
{
    size_t len = strlen(text);
    return (struct tw_doc_key){.text = text, .len = (uint32_t)len, .hash = hash_of(text, len)};
}

static const struct tw_doc_node *find_between(const struct tw_doc_node *member,
                                              const struct tw_doc_node *stop, const struct tw_doc_key *key)
{
    while (member < stop && !tw_doc_same_key(&member->key, key)) {
        member += member->span;
    }
    return member < stop ? member : NULL;
}

const struct tw_doc_node *tw_doc_find(const struct tw_doc_node *object, const struct tw_doc_key *key,
                                      const struct tw_doc_node *hint)
{
    if (object == NULL || object->kind != TW_DOC_OBJECT) {
        return NULL;
    }
    const struct tw_doc_node *first = object + 1;
    const struct tw_doc_node *stop = object + object->span;
    const struct tw_doc_node *start = hint != NULL ? hint + hint->span : first;
    const struct tw_doc_node *found = find_between(start, stop, key);
    return found != NULL ? found : find_between(first, start, key);
}

const struct tw_doc_node *tw_doc_get(const struct tw_doc_node *object, const char *key)
{
    if (object == NULL || object->kind != TW_DOC_OBJECT) {
        return NULL;
    }
    size_t len = strlen(key);
    const struct tw_doc_node *member = object + 1;
    const struct tw_doc_node *stop = object + object->span;
    while (member < stop && (member->key.len != len || memcmp(member->key.text, key, len) != 0)) {
        member += member->span;
    }
    return member < stop ? member : NULL;
}

const char *tw_doc_text(const struct tw_doc_node *node)
{
    return node != NULL && node->kind == TW_DOC_TEXT ? node->text : NULL;
}

bool tw_doc_int(const struct tw_doc_node *node, int64_t *out)
{
    if (node == NULL || node->kind != TW_DOC_INTEGER) {
        return false;
    }
    *out = node->integer;
    return true;
}

bool tw_doc_is_true(const struct tw_doc_node *node)
{
    return node != NULL && node->kind == TW_DOC_TRUE;
}

// Between tokens white space may hold line ends; in texts they are always escaped.
void tw_doc_dump(const struct tw_doc_node *node, struct tw_slice text, struct tw_buf *out)
{
    bool inside = false;
    if (node == NULL || node->kind < TW_DOC_ARRAY) {
        tw_buf_add_text(out, "null");
        return;
    }
    for (size_t i = node->bytes.from; i < node->bytes.to; i++) {
        char c = (char)text.ptr[i];
        size_t len = inside && c == '\\' ? 2 : 1;
        inside = c == '"' ? !inside : inside;
        if (inside || strchr(" \t\r\n", c) == NULL) {
            tw_buf_add(out, &text.ptr[i], len);
        }
        i += len - 1;
    }
}
