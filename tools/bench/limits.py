#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the machine can do without the agent: syncs, SQLite's transactions, libmosquitto's QoS 1 over TLS.

The other scripts measure again, in turns with the agent, what they compare with.
"""

import contextlib

import measuring
from measuring import once
from ring import Ring

MESSAGES = 30000


def disk(given):
    """The runs that need only a disk."""
    seconds = 0.05 if given.brief else 1
    options = ["--dir", given.dir, "--seconds", seconds]
    slow = measuring.slow_disk(given.programs)
    runs = {"sync": lambda: once(given.programs, "disk_bench", "sync", *options)}
    for rows in (1, 64, 100):
        for name, environment in (("", None), (", slow syncs", slow)):
            def run(rows=rows, environment=environment):
                return once(given.programs, "disk_bench", "rows", "--rows", rows, *options, environment=environment)
            runs[f"{rows} row{'s' * (rows > 1)}{name}"] = run
    return runs


def mqtt(given, ring):
    """The runs that need a broker; somebody listens, so that there is somebody to send to."""
    messages = 200 if given.brief else MESSAGES

    def run(window):
        with contextlib.closing(ring.count(10**9)):
            return ring.publish(messages, window)
    return {f"QoS 1, window {window}": lambda window=window: run(window) for window in (1, 20, 100)[given.brief:]}


def measure(given):
    report = measuring.Report("limits", messages=MESSAGES, bytes=600, slow_us=measuring.SLOW_US)
    with Ring(given.programs, given.dir) as ring:
        ring.start_broker()
        report.add(measuring.in_turns(given.rounds, {**disk(given), **mqtt(given, ring)}))
    for name, what in (("sync", "fdatasync of 4 KiB"), ("1 row", "SQLite, a commit of 1 row")):
        for figure, unit in (("p50_us", "us"), ("p99_us", "us"), ("per_s", "/s")):
            report.ratio(f"{what}{', ' + figure[:3] if unit == 'us' else ''}", report.figures[name][figure], unit)
    for name, figures in report.figures.items():
        if "rows" in name:
            report.ratio(f"SQLite, rows in commits of {name}", figures["per_s"], "/s")
        elif "QoS" in name:
            report.ratio(f"libmosquitto, TLS, {name}", figures["per_s"], "/s")
    return report


if __name__ == "__main__":
    measuring.run(__doc__, measure)
