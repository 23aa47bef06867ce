// SPDX-License-Identifier: Apache-2.0
//
// The limits every match runs under, so that a pathological rule of a user's profile gives up early.
//
// Threading: pure. Memory: the context is the caller's (pcre2_match_context_free). Time: none.
// Errors: NULL when memory is out. Include pcre2.h with its width first.
#ifndef TW_PCRE_LIMITS_H
#define TW_PCRE_LIMITS_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

// Enough for any line of a receipt.
#define TW_PCRE_MATCH_LIMIT    20000
#define TW_PCRE_DEPTH_LIMIT    2000
#define TW_PCRE_HEAP_LIMIT_KIB 1024

static inline pcre2_match_context *tw_pcre_limits(void)
{
    pcre2_match_context *context = pcre2_match_context_create(NULL);
    if (context != NULL) {
        pcre2_set_match_limit(context, TW_PCRE_MATCH_LIMIT);
        pcre2_set_depth_limit(context, TW_PCRE_DEPTH_LIMIT);
        pcre2_set_heap_limit(context, TW_PCRE_HEAP_LIMIT_KIB);
    }
    return context;
}

#endif
