#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How fast a backlog leaves: events of 600 bytes of JSON that were queued offline, drained by the real agent,
with the broker, who takes them and the agent on the same processors.

Both ways of acknowledging: by the broker, with a subscriber that counts, and by the reference centre, which
checks each event against its schema and commits it. Beside each, in the same run on the same broker, what
libmosquitto alone does with messages of 600 bytes and the same window of 100. What is published is
larger: the event's envelope comes on top.
"""

import contextlib
import json
import pathlib
import shutil
import subprocess
import tempfile
import time

import measuring
from measuring import cpu_ns, rss_bytes, wait_until
from ring import Ring

EVENTS = 100000
POLL_S, LIMIT_S = 0.05, 600


def queued(ring):
    """Events that wait, None while nobody answers."""
    try:
        status, text = ring.get("/metrics")
    except OSError:
        return None
    lines = [line for line in text.splitlines() if line.startswith("tillwire_queue_events ")]
    return int(float(lines[0].split()[1])) if status == 200 and lines else None


def watch_drain(ring, events):
    """Starts the agent and waits until nothing is queued; rate between the first and the last that left."""
    ring.agent.start()

    def begun():
        """When, and how many were left; 0 where so few were queued that all had left at the first look."""
        left = queued(ring)
        return (time.monotonic(), left) if left is not None and left < events else None
    first, at_first = wait_until("the agent to begin", begun, 60, [ring.agent], POLL_S / 5)
    wait_until("the backlog to leave", lambda: queued(ring) == 0, LIMIT_S, [ring.agent], POLL_S)
    seconds = time.monotonic() - first
    return {"per_s": at_first / seconds, "seconds": seconds, "cpu_s_100k": cpu_ns(ring.agent.pid) / 1e9 * 1e5 / events,
            "rss_bytes": rss_bytes(ring.agent.pid)}


def libmosquitto(ring, given):
    with contextlib.closing(ring.count(10**9)):
        return ring.publish(min(given.events, EVENTS))["per_s"]


def to_broker(ring, events):
    """Drains while somebody counts."""
    with contextlib.closing(ring.count(events)) as counter:
        figures = watch_drain(ring, events)
        counted = counter.result(10)
    return {**figures, "lost": events - counted["distinct"], "doubled": counted["doubled"], "disorder": counted["disorder"]}


def to_centre(ring, events):
    """Drains into the reference centre and asks it what it has."""
    ring.central.start()
    wait_until("the centre", lambda: "listening" in ring.central.tail(), 20, [ring.central])
    figures = watch_drain(ring, events)
    ring.central.stop()
    report = json.loads(subprocess.run(
        [ring.programs / "tillwire-central", "--report", "--json", "--database", ring.centre.path],
        capture_output=True, text=True).stdout)
    return {**figures, "lost": events - ring.centre.transactions(), "doubled": ring.centre.doubled(), "resent": report["duplicates"],
            "disorder": report["gaps"] + (not report["chain_ok"])}


def drain(given, template, ack):
    """One drain and its limit."""
    with Ring(given.programs, given.dir, ack) as ring:
        ring.fill(given.events, template)
        ring.start_broker()
        limit = libmosquitto(ring, given)
        return {**{"broker": to_broker, "central": to_centre}[ack](ring, given.events), "libmosquitto_per_s": limit}


def measure(given):
    given.events = 500 if given.brief else given.events
    report = measuring.Report("drain", events=given.events, bytes=600, window=100)
    with tempfile.TemporaryDirectory(prefix="tillwire-drain-", dir=given.dir) as folder:
        with Ring(given.programs, given.dir) as ring:
            ring.fill(given.events)
            template = pathlib.Path(shutil.copytree(ring.state, pathlib.Path(folder) / "state"))
        modes = given.ack.split(",")
        report.add(measuring.in_turns(given.rounds, {
            f"ack: {ack}": lambda ack=ack: drain(given, template, ack) for ack in modes}))
    for ack, least in (("broker", 0.6), ("central", 0.4)):
        if ack not in modes:
            continue
        figures = report.figures[f"ack: {ack}"]
        report.ratio(f"ack: {ack}, of libmosquitto's own rate", figures["per_s"] / figures["libmosquitto_per_s"], "x", least=least)
        report.ratio(f"ack: {ack}, events a second", figures["per_s"], "/s")
        report.ratio(f"ack: {ack}, CPU of the agent for 100,000 events", figures["cpu_s_100k"], "s")
        report.ratio(f"ack: {ack}, lost, doubled or out of order",
                     figures["lost"] + figures["doubled"] + figures["disorder"], most=0)
    return report


def add_options(made):
    made.add_argument("--events", type=int, default=EVENTS, help=f"how many (default {EVENTS})")
    made.add_argument("--ack", default="broker,central", help="which ways of acknowledging (default both)")


if __name__ == "__main__":
    measuring.run(__doc__, measure, add_options)
