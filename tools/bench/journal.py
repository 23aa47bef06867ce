#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How fast the journal accepts events, and what they take: sales of 600 bytes of JSON, built, numbered, sealed
and committed (P1), beside SQLite alone on the same disk.

One at a time it is compared with single-row commits; 64 at a time with as many, also where every sync takes 50 us
more, a hundredth of what an eMMC takes, and where it takes 5 ms more, as on an eMMC, with commits of 64 rows.
"64 callers" are threads, "64 open" one thread that keeps 64 on the way, as the agent's loop does; "and a reader"
composes and chains what is sent meanwhile.
"""

import measuring
from measuring import once

EVENTS, SLOW_EVENTS, QUEUED = 30000, 20000, 100000
SHORT_US = 50
SHORT = f"syncs of {SHORT_US} us more"
MIB = 1 << 20


def runs(given):
    events, slow_events, queued = (200, 200, 1000) if given.brief else (EVENTS, SLOW_EVENTS, given.queued)
    slow = measuring.slow_disk(given.programs)
    short = measuring.slow_disk(given.programs, SHORT_US)
    seconds = ["--seconds", 0.05 if given.brief else 1]

    def rows(count, environment=None):
        return lambda: once(given.programs, "disk_bench", "rows", "--dir", given.dir, "--rows", count, *seconds,
                            environment=environment)

    def journal(count, *options, environment=None):
        return lambda: once(given.programs, "journal_bench", "--dir", given.dir, "--events", count, *options,
                            environment=environment)
    return {"bare, 1 row": rows(1),
            "journal, 1 open": journal(events),
            "journal, 64 callers": journal(events, "--callers", 64),
            "journal, 64 open": journal(events, "--open", 64),
            "journal, 64 callers and a reader": journal(events, "--callers", 64, "--read"),
            "journal, 64 open and a reader": journal(events, "--open", 64, "--read"),
            f"bare, 1 row, {SHORT}": rows(1, short),
            f"journal, 64 callers and a reader, {SHORT}": journal(events, "--callers", 64, "--read", environment=short),
            f"journal, 64 open and a reader, {SHORT}": journal(events, "--open", 64, "--read", environment=short),
            "bare, 64 rows": rows(64),
            "bare, 64 rows, slow syncs": rows(64, slow),
            "bare, 1 row, slow syncs": rows(1, slow),
            "journal, 64 callers, slow syncs": journal(slow_events, "--callers", 64, environment=slow),
            "journal, 64 open, slow syncs": journal(slow_events, "--open", 64, environment=slow),
            "journal, a backlog": journal(queued, "--open", 64)}


def measure(given):
    report = measuring.Report("journal", bytes=600, slow_us=measuring.SLOW_US)
    report.add(measuring.in_turns(given.rounds, runs(given)))
    figures = report.figures
    bare, slow = figures["bare, 1 row"], figures["bare, 64 rows, slow syncs"]["per_s"]
    one, backlog = figures["journal, 1 open"], figures["journal, a backlog"]
    report.ratio("one at a time, p50, of a single-row commit's", one["p50_us"] / bare["p50_us"], "x", most=1.5)
    report.ratio("one at a time, p99, of a single-row commit's", one["p99_us"] / bare["p99_us"], "x", most=3)
    for name in ("64 callers", "64 open", "64 callers and a reader", "64 open and a reader"):
        report.ratio(f"{name}, of the single-row rate", figures[f"journal, {name}"]["per_s"] / bare["per_s"], "x", least=6)
    for name in ("64 callers and a reader", "64 open and a reader"):
        report.ratio(f"{name}, {SHORT}, of the single-row rate",
                     figures[f"journal, {name}, {SHORT}"]["per_s"] / figures[f"bare, 1 row, {SHORT}"]["per_s"], "x", least=6)
    for name in ("64 callers", "64 open"):
        report.ratio(f"{name}, slow syncs, of 64-row commits' rate",
                     figures[f"journal, {name}, slow syncs"]["per_s"] / slow, "x", least=0.5)
    report.ratio("disk an event of a backlog, running", backlog["disk_bytes"] / backlog["events"], "bytes", most=500)
    report.ratio("disk an event of a backlog, closed", backlog["closed_bytes"] / backlog["events"], "bytes", most=500)
    report.ratio("resident growth by a backlog", backlog["rss_growth_bytes"] / MIB, "MiB", most=4)
    return report


def add_options(made):
    made.add_argument("--queued", type=int, default=QUEUED, help=f"events of the backlog (default {QUEUED})")


if __name__ == "__main__":
    measuring.run(__doc__, measure, add_options)
