// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/doc_twin.h"

#include <string.h>

static bool same_members(const struct tw_doc_node *node, json_t *value)
{
    const struct tw_doc_node *member = node + 1;
    const char *key;
    json_t *other;
    bool good = node->size == json_object_size(value);
    json_object_foreach(value, key, other) // in the order in which they stand
    {
        good = good && strcmp(member->key.text, key) == 0 && tw_doc_get(node, key) == member &&
               doc_twin_same(member, other);
        member += member->span;
    }
    return good && member == node + node->span;
}

static bool same_elements(const struct tw_doc_node *node, json_t *value)
{
    const struct tw_doc_node *element = node + 1;
    size_t index;
    json_t *other;
    bool good = node->size == json_array_size(value);
    json_array_foreach(value, index, other)
    {
        good = good && element->key.text == NULL && doc_twin_same(element, other);
        element += element->span;
    }
    return good && element == node + node->span;
}

static bool same_text(const struct tw_doc_node *node, const json_t *value)
{
    uint32_t chars = 0;
    for (size_t i = 0; i < node->size; i++) {
        chars += ((unsigned char)node->text[i] & 0xC0) != 0x80;
    }
    return node->size == json_string_length(value) && chars == node->chars &&
           memcmp(node->text, json_string_value(value), node->size + 1) == 0;
}

bool doc_twin_same(const struct tw_doc_node *node, json_t *value)
{
    double real = json_real_value(value);
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return node->kind == TW_DOC_OBJECT && same_members(node, value);
    case JSON_ARRAY:
        return node->kind == TW_DOC_ARRAY && same_elements(node, value);
    case JSON_STRING:
        return node->kind == TW_DOC_TEXT && same_text(node, value);
    case JSON_INTEGER:
        return node->kind == TW_DOC_INTEGER && node->integer == json_integer_value(value);
    case JSON_REAL:
        return node->kind == TW_DOC_REAL && !(node->real < real) && !(node->real > real);
    case JSON_TRUE:
        return node->kind == TW_DOC_TRUE;
    case JSON_FALSE:
        return node->kind == TW_DOC_FALSE;
    default:
        return node->kind == TW_DOC_NULL;
    }
}
