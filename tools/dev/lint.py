#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The house rules that no compiler knows.

Dependency direction, one home for each third-party header, headers that compile alone, lengths of
functions and files, density of #if, the licence line, the fixed top level, a README.md in each
folder, and what must not be in any file. To add a rule, write a function that takes a Tree and
yields Faults, decorate it with @rule, and give lint_test.py a bad tree for it.

Usage: tools/dev/lint.py [--quick] [FOLDER]     exit codes: 0 clean, 1 faults, 2 usage
  --quick   do not compile the headers
"""

import collections
import concurrent.futures
import pathlib
import re
import statistics
import subprocess
import sys

Fault = collections.namedtuple("Fault", "path line text")

TOP_FOLDERS = {"firmware", "agent", "include", "hal", "tests", "tools", ".ci"}
TOP_FILES = {"CMakeLists.txt", "CMakePresets.json", "README.md", "LICENSE"}

# Folder -> folders whose headers it may include ("tillwire" is include/tillwire).
MAY_INCLUDE = {
    "include": {"tillwire"},
    "hal": {"tillwire", "hal"},
    "firmware": {"tillwire", "firmware"},
    "agent": {"tillwire", "hal", "agent"},
}
# Third-party header -> where it may be included; two places for what is built twice. tools/ and tests/ may include any.
HOMES = {
    "uv.h": "agent/loop", "sqlite3.h": "agent/journal", "mosquitto.h": "agent/uplink", "mqtt_protocol.h": "agent/uplink",
    "openssl/sha.h": "agent/seal", "openssl/": "agent/uplink", "jansson.h": "agent/decode", "expat.h": "agent/decode", "pcre2.h": "agent/decode",
    "iconv.h": "agent/decode", "zstd.h": "agent/journal", "zdict.h": "agent/journal",
    "cyaml/": "agent/config", "microhttpd.h": "agent/desk", "mbedtls/": "agent/seal firmware/port/arm",
    "libserialport.h": "hal/io", "hidapi/": "hal/io", "libevdev/": "hal/io", "libudev.h": "hal/core", "systemd/": "agent/supervise", "curl/": "tools/cli",
    "cmocka.h": "tests", "umockdev.h": "tests",
}
# What the C library and the kernel bring.
SYSTEM = re.compile(
    r"(?:sys|linux|net|netinet|arpa|bits)/[\w-]+\.h"
    r"|(?:assert|ctype|dirent|dlfcn|errno|fcntl|float|fnmatch|getopt|glob|grp|inttypes|langinfo|libgen|limits|link|locale|math"
    r"|malloc|netdb|poll|pthread|pty|pwd|regex|sched|semaphore|setjmp|signal|spawn|stdalign|stdarg|stdatomic|stdbool"
    r"|stddef|stdint|stdio|stdlib|stdnoreturn|string|strings|syslog|termios|threads|time|ucontext|unistd|utime|wchar"
    r"|wctype|argp|argz|endian|byteswap|execinfo|fts|ftw|paths|search|utmp)\.h")

FUNCTION_MAX, FUNCTION_P90, FUNCTION_MEDIAN = 80, 40, 15
FILE_MAX, PUBLIC_HEADER_MAX = 500, 200
IFS_PER_1000_LINES = 2
IFS_ALLOWED = ("hal/", "firmware/port/")

HASH_COMMENT = {".py", ".cmake", ".yaml", ".yml", ".awk"}
SLASH_COMMENT = {".c", ".h", ".mjs", ".js"}
SPDX = "SPDX-License-Identifier: Apache-2.0"
FORBIDDEN = (
    (re.compile(r"\b(?:TO(?:DO)|FIX(?:ME))\b"), "unfinished work; finish it, or write it down where work is planned"),
    (re.compile(r"(?<![\w.$}])/(?:home|root|work|Users)/\w"), "a path of one machine"),
    (re.compile(r"https?://[\w.-]*(?:registry|mirror|artifactory|nexus)[\w.-]*"), "a package registry's address"),
    (re.compile(r'"resolved"\s*:'), "a package registry's address; npm config set omit-lockfile-registry-resolved true"),
)
RULES = []


def rule(function):
    RULES.append(function)
    return function


class Tree:
    """The files of a source tree that belong to it: tracked by git or new, but not ignored."""

    def __init__(self, root):
        self.root = pathlib.Path(root).resolve()
        self.paths = sorted(self._listed())
        self._texts = {}

    def _listed(self):
        git = subprocess.run(["git", "-C", self.root, "ls-files", "-co", "--exclude-standard", "-z"],
                             capture_output=True, text=True)
        if git.returncode == 0 and (self.root / ".git").exists():
            return [path for path in git.stdout.split("\0") if path and (self.root / path).is_file()]
        ignored = {"build", "node_modules", "__pycache__", ".git"}
        found = (path.relative_to(self.root) for path in self.root.rglob("*") if path.is_file())
        return [path.as_posix() for path in found if not ignored.intersection(path.parts)]

    def text(self, path):
        if path not in self._texts:
            data = (self.root / path).read_bytes()
            self._texts[path] = "" if b"\0" in data else data.decode("utf-8", "replace")
        return self._texts[path]

    def lines(self, path):
        return self.text(path).splitlines()

    def code(self, *suffixes):
        return [path for path in self.paths if path.endswith(suffixes)]


def includes_of(tree, path):
    for number, line in enumerate(tree.lines(path), 1):
        found = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if found:
            yield number, found[1], found[2]


# ---- dependencies ----

def generated(tree, name):
    """A header without a folder is one the build makes, unless a file of that name is in the tree."""
    return "/" not in name and not any(path.endswith("/" + name) for path in tree.paths)


@rule
def direction(tree):
    """agent -> hal -> include, firmware -> include; a driver never includes another."""
    for path in tree.code(".c", ".h"):
        allowed = MAY_INCLUDE.get(path.split("/")[0])
        for number, kind, name in includes_of(tree, path):
            if kind != '"':
                continue
            if "/" not in name and not generated(tree, name):
                yield Fault(path, number, f'include "{name}" from the root, as "folder/{name}"')
            elif "/" in name and allowed is not None and name.split("/")[0] not in allowed:
                yield Fault(path, number, f"{path.split('/')[0]}/ must not include {name}")
            elif is_other_driver(path, name):
                yield Fault(path, number, f"a driver must not include another: {name}")


def is_other_driver(path, name):
    own, other = (re.match(r"hal/drivers/(\w+)/", where) for where in (path, name))
    return bool(own and other and own[1] != other[1])


@rule
def homes(tree):
    """Each third-party header has one home."""
    for path in tree.code(".c", ".h"):
        for number, kind, name in includes_of(tree, path):
            if kind != "<" or SYSTEM.fullmatch(name):
                continue
            home = next((home for header, home in HOMES.items() if name == header or
                         header.endswith("/") and name.startswith(header)), None)
            if home is None:
                yield Fault(path, number, f"<{name}> has no home; give it one in tools/dev/lint.py")
            elif not path.startswith((*(own := [f"{folder}/" for folder in home.split()]), "tools/", "tests/")):
                yield Fault(path, number, f"<{name}> lives in {' and '.join(own)} only")


# ---- sizes ----

def function_lengths(tree, path):
    """(line, name, lines between the braces) of every function; .clang-format puts its braces in column 0."""
    start, name = None, ""
    for number, line in enumerate(tree.lines(path), 1):
        found = re.match(r"[A-Za-z_].*?(\w+)\(", line)
        if found and start is None:
            name = found[1]
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            yield start, name, number - start - 1
            start = None


@rule
def functions(tree):
    """Median, 90th percentile and longest function."""
    lengths = []
    for path in tree.code(".c", ".h"):
        for line, name, length in function_lengths(tree, path):
            lengths.append(length)
            if length > FUNCTION_MAX:
                yield Fault(path, line, f"{name} has {length} lines; {FUNCTION_MAX} is the most")
    if len(lengths) >= 10:
        median, p90 = statistics.median(lengths), statistics.quantiles(lengths, n=10)[8]
        if median > FUNCTION_MEDIAN:
            yield Fault(".", 0, f"half of the functions have over {median} lines; {FUNCTION_MEDIAN} is the most")
        if p90 > FUNCTION_P90:
            yield Fault(".", 0, f"a tenth of the functions have over {p90} lines; {FUNCTION_P90} is the most")


@rule
def files(tree):
    """Lengths of files and public headers."""
    for path in tree.code(".c", ".h", ".py"):
        most = PUBLIC_HEADER_MAX if path.startswith("include/") else FILE_MAX
        length = len(tree.lines(path))
        if length > most:
            yield Fault(path, length, f"{length} lines; {most} is the most")


@rule
def conditionals(tree):
    """#if is rare; include guards do not count."""
    found, lines = [], 0
    for path in tree.code(".c", ".h"):
        if path.startswith(IFS_ALLOWED):
            continue
        lines += len(tree.lines(path))
        found += [(path, number) for number, line in enumerate(tree.lines(path), 1)
                  if re.match(r"\s*#\s*if", line) and not re.match(r"#ifndef TW_\w+_H$", line)]
    allowed = max(2, lines * IFS_PER_1000_LINES // 1000)
    if len(found) > allowed:
        for path, number in found:
            yield Fault(path, number, f"one of {len(found)} #if in {lines} lines; {allowed} is the most")


# ---- files and folders ----

@rule
def licence(tree):
    """The SPDX line is the first, or the second behind #!."""
    for path in tree.paths:
        name, lines = pathlib.PurePath(path), tree.lines(path)
        script = bool(lines) and lines[0].startswith("#!")
        if name.suffix in SLASH_COMMENT and not script:
            wanted = f"// {SPDX}"
        elif name.suffix in HASH_COMMENT | {".sh"} or name.name == "CMakeLists.txt":
            wanted = f"# {SPDX}"
        elif script:
            wanted = f"// {SPDX}" if "node" in lines[0] else f"# {SPDX}"
        else:
            continue
        if wanted not in lines[script:script + 1]:
            yield Fault(path, 1 + script, f"the first line must be: {wanted}")


@rule
def guards(tree):
    """Include guards TW_NAME_H, no #pragma once."""
    for path in tree.code(".h"):
        if not re.search(r"^#ifndef TW_\w+_H\n#define TW_\w+_H$", tree.text(path), re.MULTILINE):
            yield Fault(path, 1, "include guard missing: #ifndef TW_NAME_H, #define TW_NAME_H")


@rule
def top_level(tree):
    """Nothing new at the top."""
    for path in tree.paths:
        first, *rest = path.split("/")
        fine = first in TOP_FOLDERS if rest else first in TOP_FILES or first.startswith(".")
        if not fine:
            yield Fault(path, 0, "does not belong at the top level")


@rule
def readmes(tree):
    """Folders of the first two levels say what lives there."""
    folders = {"/".join(path.split("/")[:depth]) for path in tree.paths for depth in (1, 2)
               if len(path.split("/")) > depth and not path.startswith(".")}
    for folder in sorted(folders):
        if f"{folder}/README.md" not in tree.paths:
            yield Fault(folder, 0, "README.md missing: what lives here, how to add one more")


@rule
def words(tree):
    """What must not be in any file."""
    for path in tree.paths:
        for number, line in enumerate(tree.lines(path), 1):
            for pattern, why in FORBIDDEN:
                if pattern.search(line):
                    yield Fault(path, number, why)


# ---- compiled ----

def package_flags():
    packages = "libcyaml libmicrohttpd jansson libmosquitto sqlite3 libuv libpcre2-8 libserialport hidapi-hidraw libevdev libudev libsystemd libcurl"
    done = subprocess.run(["pkg-config", "--cflags", *packages.split()], capture_output=True, text=True)
    return done.stdout.split()


def headers_alone(tree):
    """Every header compiles by itself."""
    flags = ["-std=c17", "-D_GNU_SOURCE", f"-I{tree.root}", f"-I{tree.root}/include", *package_flags()]

    def compile_one(path):
        done = subprocess.run(["gcc", *flags, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c", "-"],
                              input=f'#include "{tree.root / path}"\n', capture_output=True, text=True)
        return [Fault(path, 1, f"does not compile alone: {first_error(done.stderr)}")] if done.returncode else []

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for faults in pool.map(compile_one, tree.code(".h")):
            yield from faults


def first_error(text):
    return next((line for line in text.splitlines() if "error:" in line), text.strip()[:200])


def lint(root, quick=False):
    """All faults of the tree at `root`."""
    tree = Tree(root)
    rules = RULES if quick else [*RULES, headers_alone]
    return [fault for check in rules for fault in check(tree)]


def main(arguments):
    quick = "--quick" in arguments
    folders = [argument for argument in arguments if argument != "--quick"]
    if len(folders) > 1 or any(folder.startswith("-") for folder in folders):
        print(__doc__)
        return 0 if folders == ["--help"] else 2
    faults = lint(folders[0] if folders else pathlib.Path(__file__).parents[2], quick)
    for fault in faults:
        print(f"{fault.path}:{fault.line}: {fault.text}")
    print(f"lint: {len(faults)} faults" if faults else "lint: clean")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
