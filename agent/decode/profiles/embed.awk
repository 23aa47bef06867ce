# SPDX-License-Identifier: Apache-2.0
# Writes profiles/generic.yaml as a C table. It knows only the flat form that file keeps to: one rule a line,
# `  - {is: NAME, match: 'EXPRESSION'}`, with '' for an apostrophe.
BEGIN {
    print "// Made from profiles/generic.yaml at build; do not edit."
    print "#include \"agent/decode/profile.h\""
    print "static const struct tw_profile_rule rules[] = {"
}
/^ *- \{is: / {
    line = $0
    sub(/^ *- \{is: */, "", line)
    name = line
    sub(/,.*/, "", name)
    sub(/^[^,]*, *match: '/, "", line)
    if (sub(/'\} *$/, "", line) != 1) {
        print FILENAME ":" FNR ": a rule is one line ending in '}" > "/dev/stderr"
        exit failed = 1
    }
    gsub(/''/, "'", line)
    gsub(/\\/, "\\\\\\\\", line)
    gsub(/"/, "\\\"", line)
    gsub(/\?/, "\\?", line) # no trigraphs
    print "    {\"" name "\", \"" line "\"},"
    count++
    next
}
/^ *- / {
    print FILENAME ":" FNR ": not a rule" > "/dev/stderr"
    exit failed = 1
}
END {
    if (failed) {
        exit 1
    }
    print "};"
    print "const struct tw_profile_source *tw_profile_generic(void)"
    print "{"
    print "    static const struct tw_profile_source source = {.name = \"generic\", .rules = rules,"
    print "                                                    .rule_count = sizeof rules / sizeof rules[0]};"
    print "    return &source;"
    print "}"
}
