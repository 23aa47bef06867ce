// SPDX-License-Identifier: Apache-2.0
//
// The elements of one transaction as they stand in the file, so that they can be looked at in any order.
// Attributes are kept as children whose name begins with '@'; names are local, without prefix.
//
// Threading: one thread. Memory: bounded (tillwire/poslog.h), kept from one transaction to the next, wiped
// between. Time: none. Errors: what does not fit sets `over`, and a failed allocation `failed`; nothing is
// added then.
#ifndef TW_DECODE_POSLOG_TREE_H
#define TW_DECODE_POSLOG_TREE_H

#include "tillwire/poslog.h"

#define TW_POSLOG_NONE 0u // no node; the transaction itself is 1

struct tw_poslog_node {
    uint32_t name, text; // offsets; text 0: none
    uint32_t parent, next, child, last;
    uint32_t line, column; // of the file
};

struct tw_poslog_tree {
    struct tw_poslog_node *nodes;
    uint32_t count, cap;
    uint32_t open; // the node that is being read, TW_POSLOG_NONE: none
    struct tw_buf chars;
    bool over, failed;
};

// Forgets and wipes what it holds.
void tw_poslog_tree_clear(struct tw_poslog_tree *tree);
void tw_poslog_tree_free(struct tw_poslog_tree *tree);

struct tw_poslog_place {
    uint64_t line, column;
};
// An element begins within the open one; an attribute of the open one; the open one ends with this text.
void tw_poslog_tree_begin(struct tw_poslog_tree *tree, const char *name, struct tw_poslog_place place);
void tw_poslog_tree_attribute(struct tw_poslog_tree *tree, const char *name, const char *value);
void tw_poslog_tree_end(struct tw_poslog_tree *tree, struct tw_slice text);

// The name without the prefix of its namespace.
const char *tw_poslog_local(const char *name);

const char *tw_poslog_name(const struct tw_poslog_tree *tree, uint32_t node);
// NULL when it has none.
const char *tw_poslog_text(const struct tw_poslog_tree *tree, uint32_t node);
// The first child of that name, TW_POSLOG_NONE: none; `node` may be none.
uint32_t tw_poslog_child(const struct tw_poslog_tree *tree, uint32_t node, const char *name);
// The next sibling of the same name.
uint32_t tw_poslog_again(const struct tw_poslog_tree *tree, uint32_t node);
// The text of the child or attribute of that name (without '@'), NULL: none.
const char *tw_poslog_value(const struct tw_poslog_tree *tree, uint32_t node, const char *name);
// Whether that value is "true" or "1" (xs:boolean).
bool tw_poslog_flag(const struct tw_poslog_tree *tree, uint32_t node, const char *name);

#endif
