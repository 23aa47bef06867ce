#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Memory and CPU of an idle agent, beside a probe that only links and initialises the same libraries;
then with a backlog: how much more it holds, and how long it takes to start.

What is compared runs at the same time, so that what both share counts alike. The idle agent is connected to
its broker, with a tap and a scanner, and has sold something before it was left alone; one with a backlog starts
with the broker away, beside one with nothing queued. PSS is that of /proc/PID/smaps_rollup, CPU time that of
/proc/PID/task/*/schedstat; to read them of a process that cannot be dumped, root is needed.
"""

import contextlib
import pathlib
import shutil
import tempfile
import time

import measuring
from measuring import StageError, cpu_ns, pss_bytes, rss_bytes, wait_until
from ring import Ring

from stage import Stage
from till import Tape
from wear import Api

WARM_UP_PRINTS = 5
REST_S = 6  # the agent gives back what it has free every five seconds
QUEUED, MANY = 100000, 1000000
MIB = 1 << 20


def warm_up(stage):
    """A few sales, as on any day; then the agent has nothing to do."""
    stage.play(Tape(Tape.own().prints()[:WARM_UP_PRINTS]))
    stage.settle()
    time.sleep(REST_S)


def measure(programs, seconds):
    """The figures of the idle agent, as one object."""
    with Stage(programs) as stage:
        probe = stage.program("bench/probe", [], stage.agent.environment)
        stage.others.append(probe)
        stage.start()
        probe.start()
        wait_until("the probe", lambda: "ready" in probe.tail(), 10, [probe])
        warm_up(stage)
        before = cpu_ns(stage.agent.pid)
        time.sleep(seconds)
        used = cpu_ns(stage.agent.pid) - before
        agent, libraries = pss_bytes(stage.agent.pid), pss_bytes(probe.pid)
        return {"agent_pss_bytes": agent, "libraries_pss_bytes": libraries, "above_libraries_bytes": agent - libraries,
                "agent_rss_bytes": rss_bytes(stage.agent.pid), "relay_pss_bytes": pss_bytes(stage.relay.pid),
                "cpu_share": used / 1e9 / seconds, "seconds": seconds}


def words(figures):
    mib = {name: f"{value / MIB:.2f} MiB" for name, value in figures.items() if name.endswith("_bytes")}
    return (f"idle tillwired: PSS {mib['agent_pss_bytes']}, {mib['above_libraries_bytes']} above its libraries "
            f"({mib['libraries_pss_bytes']}), RSS {mib['agent_rss_bytes']}, {figures['cpu_share'] * 100:.3f} % of a core; "
            f"tillwire-relay: PSS {mib['relay_pss_bytes']}")


def started(ring):
    """Starts the agent; seconds until it answers."""
    began = time.monotonic()
    ring.agent.start()
    wait_until("the agent", ring.is_agent_up, 120, [ring.agent], 0.005)
    return time.monotonic() - began


def with_backlog(given, state):
    """An agent on a copy of a state folder beside one with nothing queued, both when they have settled."""
    with Ring(given.programs, given.dir) as ring, Ring(given.programs, given.dir) as empty:
        ring.fill(0, state)
        began = {"start_s": started(ring), "start_empty_s": started(empty)}
        time.sleep(0.5 if given.brief else REST_S + 5)
        return {"queued": ring.metric("queue_events"), **began, "agent_pss_bytes": pss_bytes(ring.agent.pid),
                "empty_pss_bytes": pss_bytes(empty.agent.pid), "agent_rss_bytes": rss_bytes(ring.agent.pid),
                "disk_bytes": measuring.folder_bytes(ring.state)}


def while_queueing(given):
    """An agent that takes a backlog through its interface, with the broker away: what it grew by."""
    count = 200 if given.brief else QUEUED
    with Ring(given.programs, given.dir) as ring:
        ring.agent.start()
        wait_until("the agent", ring.is_agent_up, 20, [ring.agent])
        with contextlib.closing(Api(ring, False)) as api:
            api.send(100)  # its connections, and what only the first ones cost
            time.sleep(0.1 if given.brief else REST_S)
            before = rss_bytes(ring.agent.pid)
            for _ in range(count // 100):
                api.send(100)
            busy = rss_bytes(ring.agent.pid) - before  # with the code that resting lets go
            time.sleep(0.1 if given.brief else REST_S)
            return {"queued": ring.metric("queue_events"), "growth_bytes": rss_bytes(ring.agent.pid) - before, "busy_growth_bytes": busy}


def backlogs(given):
    """{what: figures} for the backlogs asked for."""
    sizes = [200] if given.brief else [QUEUED, MANY] if given.million else [QUEUED]
    figures = {}
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="tillwire-footprint-", dir=given.dir) as folder:
            with Ring(given.programs, given.dir) as ring:
                ring.fill(size)
                state = pathlib.Path(shutil.move(ring.state, folder))
            figures[f"{size} queued"] = with_backlog(given, state)
        if figures[f"{size} queued"]["queued"] < size:  # the agent's own devices come on top
            raise StageError(f"the agent does not say that {size} events are queued")
    return figures


def report_of(given):
    report = measuring.Report("footprint", seconds=given.seconds)
    idle = measure(given.programs, 1 if given.brief else given.seconds)
    report.add({"idle": idle, **backlogs(given)})
    growing = while_queueing(given)
    report.add({"taking a backlog": growing})
    report.ratio("PSS of the idle agent above its libraries", idle["above_libraries_bytes"] / MIB, "MiB", most=2)
    report.ratio("PSS of the idle agent", idle["agent_pss_bytes"] / MIB, "MiB")
    report.ratio("CPU of the idle agent", idle["cpu_share"] * 100, "% of a core", most=0.1)
    report.ratio(f"resident growth while {growing['queued']:.0f} are taken", growing["growth_bytes"] / MIB, "MiB", most=4)
    for name, figures in report.figures.items():
        if figures.get("queued") and "start_s" in figures:
            report.ratio(f"PSS with {name}, above nothing queued",
                         (figures["agent_pss_bytes"] - figures["empty_pss_bytes"]) / MIB, "MiB", most=4)
            report.ratio(f"start with {name}", figures["start_s"], "s")
            report.ratio(f"disk with {name}, an event", figures["disk_bytes"] / figures["queued"], "bytes", most=500)
    return report


def add_options(made):
    made.add_argument("--seconds", type=float, default=20, help="how long the idle agent is watched (default 20)")
    made.add_argument("--million", action="store_true", help="a backlog of 1,000,000 events as well")


if __name__ == "__main__":
    measuring.run(__doc__, report_of, add_options)
