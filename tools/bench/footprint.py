#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Memory and CPU of an idle agent, beside a probe that only links and initialises the same libraries.

Usage: tools/bench/footprint.py [--json] [--seconds N] [--programs DIR]

Both run at the same time, so that what they share counts alike for both. The agent is connected to
its broker, with a tap and a scanner, and has sold something before it was left alone. PSS is that of
/proc/PID/smaps_rollup, CPU time that of /proc/PID/task/*/schedstat; to read them of a process that
cannot be dumped, root is needed. Exit codes: 0 measured, 1 could not be measured.
"""

import argparse
import json
import pathlib
import re
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/sim"))

from process import StageError, wait_until  # noqa: E402
from stage import Stage  # noqa: E402
from till import Tape  # noqa: E402

WARM_UP_PRINTS = 5
REST_S = 3


def pss_bytes(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)[1]) * 1024


def rss_bytes(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+) kB", text, re.MULTILINE)[1]) * 1024


def cpu_ns(pid):
    """Time on a processor of all threads."""
    return sum(int(file.read_text().split()[0]) for file in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"))


def warm_up(stage):
    """A few sales, as on any day; then the agent has nothing to do."""
    stage.play(Tape(Tape.own().prints()[:WARM_UP_PRINTS]))
    stage.settle()
    time.sleep(REST_S)


def measure(programs, seconds):
    """The figures, as one object."""
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
    mib = {name: f"{value / 2**20:.2f} MiB" for name, value in figures.items() if name.endswith("_bytes")}
    return (f"idle tillwired: PSS {mib['agent_pss_bytes']}, {mib['above_libraries_bytes']} above its libraries "
            f"({mib['libraries_pss_bytes']}), RSS {mib['agent_rss_bytes']}, {figures['cpu_share'] * 100:.3f} % of a core; "
            f"tillwire-relay: PSS {mib['relay_pss_bytes']}")


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "build")
    given = parser.parse_args()
    try:
        figures = measure(given.programs, given.seconds)
    except PermissionError:
        sys.exit("footprint: the agent cannot be dumped (P6), so only root may read its PSS; run this as root")
    except StageError as error:
        sys.exit(f"footprint: {error}")
    print(json.dumps(figures) if given.json else words(figures))


if __name__ == "__main__":
    main()
