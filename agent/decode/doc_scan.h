// SPDX-License-Identifier: Apache-2.0
//
// Inside of tw_doc: JSON's texts and numbers (RFC 8259, sections 6 and 7), one after another, in a text that
// may be written to and has a NUL behind it.
//
// Threading: a scan belongs to one thread. Memory: texts stay where they are, decoded and with a NUL. Time:
// none. Errors: the first one stays in the scan; `at` is where it was.
#ifndef TW_DECODE_DOC_SCAN_H
#define TW_DECODE_DOC_SCAN_H

#include <stdint.h>

#include "agent/decode/doc.h"
#include "tillwire/err.h"

struct tw_doc_scan {
    char *at;
    const char *end; // a NUL stands there
    int error;
    const char *why;
};

// Keep the first error; give the one that was handed in.
int tw_doc_scan_fail(struct tw_doc_scan *scan, int error, const char *why);
// TW_ERR_INVALID: `why`, or that the text ends.
int tw_doc_scan_refuse(struct tw_doc_scan *scan, const char *why);

static inline void tw_doc_scan_space(struct tw_doc_scan *scan)
{
    while (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t') {
        scan->at++;
    }
}

// `at` stands on the opening quote; afterwards behind the closing one, which became a NUL. `len` in bytes,
// `chars` in code points.
int TW_MUST_CHECK tw_doc_scan_text(struct tw_doc_scan *scan, const char **text, uint32_t *len,
                                   uint32_t *chars);
// Gives `node` kind and value: what has neither fraction nor exponent is an integer.
int TW_MUST_CHECK tw_doc_scan_number(struct tw_doc_scan *scan, struct tw_doc_node *node);

#endif
