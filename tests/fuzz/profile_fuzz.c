// SPDX-License-Identifier: Apache-2.0
//
// A shop's rules for its receipts: lines of KIND, a blank and an expression; behind an empty line, lines of a
// receipt. Rules are compiled or refused with a sentence, and what a line is does not depend on when it is
// asked.
#include "agent/decode/profile.h"
#include "tests/fuzz/target.h"

#define RULES_MAX 8
#define LINES_MAX 8

// Takes a line off the text; NULL at its end.
static char *take_line(char **text)
{
    char *line = *text;
    char *end = line != NULL ? strchr(line, '\n') : NULL;
    if (end != NULL) {
        *end++ = '\0';
    }
    *text = end;
    return line;
}

static size_t read_rules(char **text, struct tw_profile_rule rules[RULES_MAX])
{
    size_t count = 0;
    for (char *line = take_line(text); line != NULL && *line != '\0' && count < RULES_MAX;
         line = take_line(text)) {
        char *blank = strchr(line, ' ');
        if (blank != NULL) {
            *blank = '\0';
            rules[count++] = (struct tw_profile_rule){.is = line, .match = blank + 1};
        }
    }
    return count;
}

static void classify(const struct tw_profile *profile, char *text)
{
    struct tw_matcher *matcher = NULL;
    fuzz_require(tw_matcher_new(profile, &matcher) == TW_OK);
    for (unsigned i = 0; i < LINES_MAX && text != NULL; i++) {
        struct tw_slice line = tw_slice_of(take_line(&text));
        struct tw_slice value = {0};
        uint64_t one = tw_matcher_classify(matcher, line, TW_IS_BIT(TW_IS_TOTAL));
        uint64_t all = tw_matcher_classify(matcher, line, TW_IS_ALL);
        fuzz_require((all & TW_IS_BIT(TW_IS_TOTAL)) == one && (all & ~TW_IS_ALL) == 0);
        if (tw_matcher_value(matcher, TW_IS_RECEIPT_NUMBER, line, &value)) {
            fuzz_require(value.ptr >= line.ptr && value.ptr + value.len <= line.ptr + line.len);
        }
    }
    tw_matcher_free(matcher);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tw_profile_rule rules[RULES_MAX];
    struct tw_error_text err = {""};
    struct tw_profile *profile = NULL;
    char *whole = fuzz_text(data, size);
    char *text = whole;
    const struct tw_profile_source source = {
        .name = "fuzz", .rules = rules, .rule_count = read_rules(&text, rules)};
    if (tw_profile_compile(&source, &profile, &err) == TW_OK) {
        classify(profile, text);
        tw_profile_free(profile);
    } else {
        fuzz_require(profile == NULL && err.text[0] != '\0');
    }
    free(whole);
    return 0;
}
