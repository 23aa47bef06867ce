#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one script of this folder with tiny numbers: it must end, and its JSON must have what readers of it use.

Usage: smoke.py NAME.py     TILLWIRE_PROGRAMS names the build. What the figures say does not matter here.
"""

import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77  # what ctest is told to take for "skipped"

# What must be among the figures.
FIGURES = {
    "limits.py": {"sync": "p50_us", "1 row": "per_s", "64 rows": "per_s", "100 rows": "per_s", "64 rows, slow syncs": "per_s",
                  "QoS 1, window 100": "per_s"},
    "journal.py": {"bare, 1 row": "p99_us", "journal, 1 open": "p99_us", "journal, 64 callers": "per_s",
                   "journal, 64 open and a reader": "composed_per_s", "journal, 64 open, slow syncs": "per_s",
                   "journal, a backlog": "disk_bytes"},
    "drain.py": {"ack: broker": "per_s", "ack: central": "cpu_s_100k"},
    "wear.py": {"api, 1 a second": "bytes_an_event", "api, keyed, 1 a second": "events", "tap, bursts of 100": "events"},
    "online.py": {"kept open, 16 at once": "us_a_sale"},
    "relay.py": {"TCP, relay": "p99_us", "9600 baud, relay": "p99_us", "921600 baud, direct": "p50_us"},
    "footprint.py": {"idle": "above_libraries_bytes", "200 queued": "start_s", "taking a backlog": "growth_bytes"},
    "peers/peers.py": {"tillwire": "drain_rate", "tillwire-core": "cpu_100k"},
}
# What must be right whatever the speed.
PROMISED = ("lost, doubled or out of order", "lost, in all phases", "bytes changed")


def faults(script, document):
    """What is missing or wrong in a document."""
    for key in ("bench", "settings", "figures", "ratios", "machine"):
        if key not in document:
            yield f"no {key}"
    for run, figure in FIGURES[script].items():
        if not isinstance(document["figures"].get(run, {}).get(figure), (int, float)):
            yield f"figures: no {figure} of {run}"
    for line in document["ratios"]:
        if not {"what", "value", "unit"} <= set(line):
            yield f"a ratio without its parts: {line}"
        if line["what"].endswith(PROMISED) and not line["met"]:
            yield f"{line['what']}: {line['value']}"


def main(script):
    if os.geteuid() != 0 and script not in ("limits.py", "journal.py", "relay.py"):
        print("skipped: only root may read the figures of a process that cannot be dumped")
        return SKIPPED
    harness = pathlib.Path(os.environ.get("TILLWIRE_PEERBENCH", HERE.parents[2] / "shared/peerbench"))
    if script == "peers/peers.py" and not harness.exists():
        print("skipped: no data")
        return SKIPPED
    programs = os.environ.get("TILLWIRE_PROGRAMS", HERE.parents[1] / "build")
    only = ["--only", "tillwire,tillwire-core"] if script == "peers/peers.py" else []
    done = subprocess.run([sys.executable, "-B", HERE / script, "--brief", "--json", "--programs", programs, *only],
                          stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        print(f"{script}: exit code {done.returncode}")
        return 1
    found = list(faults(script, json.loads(done.stdout)))
    print("\n".join(found) or "as expected")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
