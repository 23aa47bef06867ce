// SPDX-License-Identifier: Apache-2.0
//
// The centre's reading of JSON: any bytes are taken with the same value, or refused with the same error and a
// sentence, as the agent's library does; and what is shown of a value can be read again. A NUL byte is
// refused wherever it stands (RFC 8259, section 2), though that library passes over one behind a number or a
// word.
#include "tests/fakes/doc_twin.h"
#include "tests/fuzz/target.h"
#include "tillwire/json.h"

static void show_again(struct tw_doc *doc, struct tw_slice text, const struct tw_doc_node *root)
{
    struct tw_buf shown = {0};
    uint32_t span = root->span;
    const struct tw_doc_node *again = NULL;
    if (root->kind != TW_DOC_ARRAY && root->kind != TW_DOC_OBJECT) {
        return;
    }
    tw_doc_dump(root, text, &shown);
    fuzz_require(tw_buf_status(&shown) == TW_OK && memchr(shown.ptr, '\n', shown.len) == NULL);
    fuzz_require(tw_doc_read(doc, tw_buf_slice(&shown), &again, NULL) == TW_OK && again->span == span);
    tw_buf_free(&shown);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct tw_slice text = tw_slice_make(data, size);
    const struct tw_doc_node *root = NULL;
    struct tw_error_text err = {""};
    struct tw_doc *doc = NULL;
    tw_json *value = NULL;
    fuzz_require(tw_doc_new(&doc) == TW_OK);
    // A second text on top of the first: arrays are kept from one to the next.
    for (int i = 0; i < 2; i++) {
        int rc = tw_doc_read(doc, text, &root, &err);
        int other =
            size > 0 && memchr(data, '\0', size) != NULL ? TW_ERR_INVALID : tw_json_parse(text, &value, NULL);
        fuzz_require(rc == other && (rc == TW_OK ? doc_twin_same(root, value) : err.text[0] != '\0'));
        tw_json_free(value);
        value = NULL;
        if (rc == TW_OK) {
            show_again(doc, text, root);
        }
    }
    tw_doc_free(doc);
    return 0;
}
