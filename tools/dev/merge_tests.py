#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes one ctest run of several build trees, so that there is one summary.

Usage: tools/dev/merge_tests.py OUT NAME=TREE[:REGEX]...

Writes OUT/CTestTestfile.cmake with the tests of each TREE, as NAME/TEST; with a REGEX only those
whose name it matches. Fixtures and resource locks keep to their tree.
"""

import json
import pathlib
import re
import subprocess
import sys

OWN_TO_TREE = {"FIXTURES_REQUIRED", "FIXTURES_SETUP", "FIXTURES_CLEANUP", "DEPENDS"}
# ctest adds these to its answer; they are not for set_tests_properties.
NOT_PROPERTIES = {"_BACKTRACE_TRIPLES"}


def quote(text):
    """A bracket argument: taken as it is."""
    marks = "="
    while f"]{marks}]" in text:
        marks += "="
    return f"[{marks}[{text}]{marks}]"


def property_text(name, key, value):
    """The value as CMake writes it; what names other tests or fixtures gets the tree's name."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, list):
        parts = [f"{name}/{part}" if key in OWN_TO_TREE else str(part) for part in value]
        return ";".join(parts)
    return str(value)


def tests_of(tree, pattern):
    """The tests of a build tree, as ctest tells them."""
    told = subprocess.run(["ctest", "--test-dir", tree, "--show-only=json-v1"], check=True, capture_output=True, text=True)
    tests = json.loads(told.stdout)["tests"]
    missing = [test["name"] for test in tests if "command" not in test and re.search(pattern, test["name"])]
    if missing:
        raise SystemExit(f"{tree}: no program for {', '.join(missing)}; build the tree first")
    return [test for test in tests if re.search(pattern, test["name"])]


def written(name, test):
    """The lines for one test."""
    full = quote(f"{name}/{test['name']}")
    yield f"add_test({full} {' '.join(map(quote, test['command']))})"
    for given in test.get("properties", []):
        if given["name"] not in NOT_PROPERTIES:
            value = property_text(name, given["name"], given["value"])
            yield f"set_tests_properties({full} PROPERTIES {given['name']} {quote(value)})"


def main(arguments):
    if len(arguments) < 2:
        print(__doc__)
        return 2
    out, *trees = arguments
    lines = []
    for given in trees:
        name, rest = given.split("=", 1)
        tree, _, pattern = rest.partition(":")
        for test in tests_of(tree, pattern or ""):
            lines += written(name, test)
    pathlib.Path(out).mkdir(parents=True, exist_ok=True)
    pathlib.Path(out, "CTestTestfile.cmake").write_text("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
