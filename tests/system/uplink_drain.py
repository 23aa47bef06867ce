#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How fast a backlog leaves: EVENTS of 600 bytes queued with the broker away, then drained, with the
agent, the broker and the centre on this machine. Prints one line of JSON for each mode.

usage: uplink_drain.py [EVENTS]      (TILLWIRE_PROGRAMS names the build)"""

import json
import os
import sys
import time

from uplink_stage import Feed, Stage, wait_until


def cpu_s(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def drain(mode, count):
    with Stage() as stage:
        feed = Feed(stage, ack=mode)
        feed.add(count)
        stage.start_broker()
        stage.start_central("-q")
        wait_until("connected", lambda: feed.status()["connected"] and "listening" in stage.text("central.err"))
        before = feed.status()["acknowledged"]
        began, cpu = time.monotonic(), cpu_s(feed.process.pid)
        wait_until("drained", lambda: feed.status()["through"] >= count, 300)
        took = time.monotonic() - began
        used = cpu_s(feed.process.pid) - cpu
        wait_until("stored", lambda: stage.report()[0]["distinct"] == count, 300)
        report, _ = stage.report()
        feed.quit()
    print(json.dumps({"mode": mode, "events": count, "seconds": round(took, 3),
                      "per_s": round((count - before) / took), "agent_cpu_s": round(used, 2),
                      "duplicates": report["duplicates"], "gaps": report["gaps"], "chain_ok": report["chain_ok"]}))


if __name__ == "__main__":
    for ack in ("central", "broker"):
        drain(ack, int(sys.argv[1]) if len(sys.argv) > 1 else 20000)
