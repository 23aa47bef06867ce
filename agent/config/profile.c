// SPDX-License-Identifier: Apache-2.0
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config/file.h"
#include "tillwire/config.h"

static int check_profile(const char *path, const struct tw_file_profile *file, struct tw_error_text *err)
{
    const char *decimal = file->decimal != NULL ? file->decimal : "auto";
    if (strcmp(decimal, "auto") != 0 && strcmp(decimal, ".") != 0 && strcmp(decimal, ",") != 0) {
        return tw_fail(err, TW_ERR_INVALID, "%s:%u: key 'decimal' has the value '%s': use '.', ',' or 'auto'",
                       path, tw_file_line(path, "decimal", NULL, 1), decimal);
    }
    if (file->rules_count == 0) {
        return tw_fail(err, TW_ERR_INVALID,
                       "%s: required key 'rules' is missing; a profile without rules reads nothing", path);
    }
    for (unsigned i = 0; i < file->rules_count; i++) {
        if (file->rules[i].is == NULL || file->rules[i].match == NULL) {
            return tw_fail(err, TW_ERR_INVALID, "%s: rule %u needs both 'is' and 'match'", path, i + 1);
        }
    }
    return TW_OK;
}

static int compile(const char *path, const struct tw_file_profile *file, struct tw_profile **out,
                   struct tw_error_text *err)
{
    int rc = check_profile(path, file, err);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_profile_rule *rules = calloc(file->rules_count, sizeof *rules);
    if (rules == NULL) {
        return tw_fail(err, TW_ERR_NOMEM, "reading the profile %s: out of memory", path);
    }
    for (unsigned i = 0; i < file->rules_count; i++) {
        rules[i] = (struct tw_profile_rule){.is = file->rules[i].is, .match = file->rules[i].match};
    }
    const struct tw_profile_source source = {
        .name = file->name != NULL ? file->name : path,
        .columns = file->columns != NULL ? *file->columns : 0,
        .decimal = file->decimal == NULL || strcmp(file->decimal, "auto") == 0 ? '\0' : file->decimal[0],
        .rules = rules,
        .rule_count = file->rules_count,
    };
    rc = tw_profile_compile(&source, out, err);
    free(rules);
    return rc;
}

int tw_config_profile(const char *config_path, const char *name, struct tw_profile **out,
                      struct tw_error_text *err)
{
    if (name == NULL || strcmp(name, "generic") == 0) {
        return tw_profile_compile(tw_profile_generic(), out, err);
    }
    char path[8192];
    if (strchr(name, '/') != NULL) {
        (void)snprintf(path, sizeof path, "%s", name);
    } else {
        char folder[4096];
        (void)snprintf(folder, sizeof folder, "%s", config_path);
        (void)snprintf(path, sizeof path, "%s/profiles/%s.yaml", dirname(folder), name);
    }
    struct tw_file_profile *file = NULL;
    int rc = tw_file_profile_load(path, &file, err);
    if (rc == TW_OK) {
        rc = compile(path, file, out, err);
        tw_file_profile_free(file);
    }
    return rc;
}
