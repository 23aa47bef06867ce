// SPDX-License-Identifier: Apache-2.0
#include "agent/decode/poslog_tree.h"

#include <stdlib.h>
#include <string.h>

void tw_poslog_tree_clear(struct tw_poslog_tree *tree)
{
    if (tree->chars.len > 0) {
        explicit_bzero(tree->chars.ptr, tree->chars.len); // may hold card numbers (P6)
    }
    tw_buf_clear(&tree->chars);
    tree->count = 0;
    tree->open = TW_POSLOG_NONE;
    tree->over = false;
    tree->failed = false;
}

void tw_poslog_tree_free(struct tw_poslog_tree *tree)
{
    tw_poslog_tree_clear(tree);
    tw_buf_free(&tree->chars);
    free(tree->nodes);
    *tree = (struct tw_poslog_tree){0};
}

// ---- growing ----

// Where the text begins that was added with its NUL; 0 when there was no room: offset 0 is nobody's. The
// buffer is made anew by hand, so that no copy with a card number is left behind.
static uint32_t add_chars(struct tw_poslog_tree *tree, const char *sign, struct tw_slice text)
{
    size_t need = strlen(sign) + text.len + 2;
    if (tree->chars.len + need > TW_POSLOG_MAX_BYTES) {
        tree->over = true;
        return 0;
    }
    if (tree->chars.len + need >= tree->chars.cap) {
        struct tw_buf grown = {0};
        (void)tw_buf_reserve(&grown, 2 * tree->chars.cap + need + 4096);
        tw_buf_add(&grown, tree->chars.ptr, tree->chars.len);
        if (grown.failed) {
            tree->failed = true;
            tw_buf_free(&grown);
            return 0;
        }
        if (tree->chars.ptr != NULL) {
            explicit_bzero(tree->chars.ptr, tree->chars.len);
        }
        tw_buf_free(&tree->chars);
        tree->chars = grown;
    }
    if (tree->chars.len == 0) {
        tw_buf_add(&tree->chars, "", 1);
    }
    uint32_t at = (uint32_t)tree->chars.len;
    tw_buf_add_text(&tree->chars, sign);
    tw_buf_add(&tree->chars, text.ptr, text.len);
    tw_buf_add(&tree->chars, "", 1);
    return at;
}

static bool make_room(struct tw_poslog_tree *tree)
{
    if (tree->count < tree->cap) {
        return true;
    }
    uint32_t cap = tree->cap == 0 ? 256 : 2 * tree->cap;
    struct tw_poslog_node *grown =
        tree->cap < TW_POSLOG_MAX_NODES ? realloc(tree->nodes, cap * sizeof *grown) : NULL;
    if (grown == NULL) {
        tree->over = tree->over || tree->cap >= TW_POSLOG_MAX_NODES;
        tree->failed = tree->failed || tree->cap < TW_POSLOG_MAX_NODES;
        return false;
    }
    tree->nodes = grown;
    tree->cap = cap;
    return true;
}

static struct tw_poslog_node *at(const struct tw_poslog_tree *tree, uint32_t node)
{
    return &tree->nodes[node - 1];
}

// The new last child of the open node, TW_POSLOG_NONE where it does not fit.
static uint32_t add_node(struct tw_poslog_tree *tree, const char *sign, const char *name)
{
    if (tree->over || tree->failed || !make_room(tree)) {
        return TW_POSLOG_NONE;
    }
    uint32_t chars = add_chars(tree, sign, tw_slice_of(name));
    if (chars == 0) {
        return TW_POSLOG_NONE;
    }
    uint32_t node = ++tree->count;
    *at(tree, node) = (struct tw_poslog_node){.name = chars, .parent = tree->open};
    if (tree->open != TW_POSLOG_NONE) {
        struct tw_poslog_node *parent = at(tree, tree->open);
        if (parent->last != TW_POSLOG_NONE) {
            at(tree, parent->last)->next = node;
        } else {
            parent->child = node;
        }
        parent->last = node;
    }
    return node;
}

void tw_poslog_tree_begin(struct tw_poslog_tree *tree, const char *name, struct tw_poslog_place place)
{
    uint32_t node = add_node(tree, "", name);
    if (node != TW_POSLOG_NONE) {
        at(tree, node)->line = (uint32_t)place.line;
        at(tree, node)->column = (uint32_t)place.column;
        tree->open = node;
    }
}

void tw_poslog_tree_attribute(struct tw_poslog_tree *tree, const char *name, const char *value)
{
    uint32_t node = add_node(tree, "@", name);
    if (node != TW_POSLOG_NONE) {
        uint32_t text = add_chars(tree, "", tw_slice_of(value));
        at(tree, node)->text = text;
    }
}

void tw_poslog_tree_end(struct tw_poslog_tree *tree, struct tw_slice text)
{
    if (tree->over || tree->failed || tree->open == TW_POSLOG_NONE) {
        return;
    }
    uint32_t chars = text.len > 0 ? add_chars(tree, "", text) : 0;
    at(tree, tree->open)->text = chars;
    tree->open = at(tree, tree->open)->parent;
}

// ---- looking ----

const char *tw_poslog_local(const char *name)
{
    const char *colon = strrchr(name, ':');
    return colon != NULL ? colon + 1 : name;
}

const char *tw_poslog_name(const struct tw_poslog_tree *tree, uint32_t node)
{
    return (const char *)tree->chars.ptr + at(tree, node)->name;
}

const char *tw_poslog_text(const struct tw_poslog_tree *tree, uint32_t node)
{
    uint32_t text = node != TW_POSLOG_NONE ? at(tree, node)->text : 0;
    return text != 0 ? (const char *)tree->chars.ptr + text : NULL;
}

static uint32_t named(const struct tw_poslog_tree *tree, uint32_t node, const char *name)
{
    while (node != TW_POSLOG_NONE && strcmp(tw_poslog_name(tree, node), name) != 0) {
        node = at(tree, node)->next;
    }
    return node;
}

uint32_t tw_poslog_child(const struct tw_poslog_tree *tree, uint32_t node, const char *name)
{
    return node != TW_POSLOG_NONE ? named(tree, at(tree, node)->child, name) : TW_POSLOG_NONE;
}

uint32_t tw_poslog_again(const struct tw_poslog_tree *tree, uint32_t node)
{
    return named(tree, at(tree, node)->next, tw_poslog_name(tree, node));
}

const char *tw_poslog_value(const struct tw_poslog_tree *tree, uint32_t node, const char *name)
{
    char attribute[64];
    const char *value = tw_poslog_text(tree, tw_poslog_child(tree, node, name));
    if (value == NULL) {
        (void)snprintf(attribute, sizeof attribute, "@%s", name);
        value = tw_poslog_text(tree, tw_poslog_child(tree, node, attribute));
    }
    return value;
}

bool tw_poslog_flag(const struct tw_poslog_tree *tree, uint32_t node, const char *name)
{
    const char *value = tw_poslog_value(tree, node, name);
    return value != NULL && (strcmp(value, "true") == 0 || strcmp(value, "1") == 0);
}
