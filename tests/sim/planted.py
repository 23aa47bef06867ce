#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plants each bug of planted/*.patch by hand, builds the simulator with it, and expects it to be found.

Usage: tests/sim/planted.py [--work DIR] [--days N] [NAME]...     all patches when none is named

A patch begins with a sentence on what it breaks and a line `Found as: P1 …`, the promises one of which the
simulator must name within N store-days. The sources are copied to DIR; nothing here is changed. Before the
first bug the simulator must find nothing. Exit codes: 0 each was found, 1 one was not, 2 it cannot be tried.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
NEEDED = ("CMakeLists.txt", "agent", "hal", "include", "tests", "tools/dev")
PARTS = "agent/decode;agent/seal;agent/journal;agent/uplink;tests"


def run(*command, **options):
    return subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)


def must(*command, **options):
    done = run(*command, **options)
    if done.returncode != 0:
        print(f"planted: {' '.join(map(str, command))} failed:\n{done.stdout[-3000:]}")
        sys.exit(2)


def copy_sources(tree):
    ignore = shutil.ignore_patterns("node_modules", "build", ".git", "corpus", "__pycache__")
    for name in NEEDED:
        source, target = ROOT / name, tree / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=ignore)
        else:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


class Bench:
    def __init__(self, work):
        self.tree, self.build = work / "tree", work / "build"
        shutil.rmtree(self.tree, ignore_errors=True)
        self.tree.mkdir(parents=True)
        copy_sources(self.tree)
        for patch in HERE.glob("planted/*.patch"):
            self.touch(patch)
        must("cmake", "-S", self.tree, "-B", self.build, "-DCMAKE_BUILD_TYPE=Release", f"-DTW_PARTS={PARTS}")

    def play(self, days):
        """The simulator's exit code and the last line it printed, as JSON."""
        must("cmake", "--build", self.build, "--target", "sim", "--parallel", os.cpu_count() or 2)
        done = run(self.build / "tests/sim", "--days", days)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        return done.returncode, json.loads(lines[-1]) if lines else {}, done.stdout

    def patch(self, patch, *options):
        must("patch", "--quiet", "--strip=1", "--force", *options, "--input", patch, cwd=self.tree)
        self.touch(patch)

    def touch(self, patch):
        """What was built of the files with or without the bug, now or in an earlier run, is older."""
        for line in patch.read_text().splitlines():
            if line.startswith("+++ b/"):
                os.utime(self.tree / line[6:])


def expected(patch):
    for line in patch.read_text().splitlines():
        if line.startswith("Found as: "):
            return line[len("Found as: "):].split()
    sys.exit(f"planted: {patch.name} does not say as what it is found")


def try_one(bench, patch, days):
    bench.patch(patch)
    code, figures, output = bench.play(days)
    bench.patch(patch, "--reverse")
    found = code == 1 and figures.get("promise") in expected(patch)
    said = f"{figures.get('promise')}, seed {figures.get('seed')}" if code == 1 else f"nothing in {days} days"
    print(f"planted: {patch.stem}: {'found' if found else 'NOT FOUND'}: {said}", flush=True)
    if not found:
        print(output[-2000:])
    return found


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--days", type=int, default=500)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    patches = sorted(HERE.glob("planted/*.patch"))
    patches = [patch for patch in patches if not arguments.names or patch.stem in arguments.names]
    work = arguments.work or pathlib.Path(tempfile.mkdtemp(prefix="tillwire-planted-"))
    bench = Bench(work)
    code, _, output = bench.play(5)
    if code != 0:
        print(f"planted: without a bug the simulator must find nothing:\n{output[-2000:]}")
        return 2
    found = [try_one(bench, patch, arguments.days) for patch in patches]
    if not arguments.work:
        shutil.rmtree(work)
    return 0 if found and all(found) else 1


if __name__ == "__main__":
    sys.exit(main())
