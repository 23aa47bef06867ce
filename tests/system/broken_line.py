#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The line between the agent and its broker does everything that lines, proxies and brokers do (P2, P3, P4).

Each fault of tests/fault/proxy.py in turn, thousands of packets long: nothing is lost, doubled or out of order,
what is sent arrives while the fault lasts, the agent does not grow, does not spin and does not storm the broker.
Usage: broken_line.py [--seed N]
"""

import contextlib
import os
import pathlib
import time
import unittest

import support
from feeder import Account, Feeder
from process import free_port, wait_until
from proof import has_sales, prove
from proxy import BadLine
from stage import CLIENT
from support import on_stage

SEED = 1
WARM_UP, EVENTS = 1000, 300
# One packet in so many: often enough that each fault meets a phase of EVENTS several times.
GARBLED = {"delay": 60, "duplicate": 10, "reorder": 5, "drop_puback": 40, "drop_ack": 10, "foreign_ack": 2, "refuse": 100,
           "orphan": 10, "blackhole": 400}
DRAIN_S = 60
CPU_RATIO = 3  # a packet that is sent again costs what it costs
CPU_IDLE = 0.03  # of the time that passes: waiting is free
GROWTH_BYTES = 1536 * 1024


class Agent:
    """What the agent costs."""

    def __init__(self, process):
        self._proc = pathlib.Path(f"/proc/{process.pid}")

    def cpu_s(self):
        fields = (self._proc / "stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def rss_bytes(self):
        lines = (self._proc / "status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


class BrokenLineTest(support.StageTest):
    @contextlib.contextmanager
    def on_line(self, ack="central"):
        """A stage whose agent reaches the broker through a bad line; at the end everything is proven."""
        with on_stage(seed=SEED, but=("relay", "agent")) as stage:
            line = BadLine(stage, free_port(), CLIENT, SEED)
            stage.write_config(broker_port=line.port)
            stage.config.write_text(stage.config.read_text().replace("ack: central", f"ack: {ack}"))
            line.start()
            stage.agent.start()
            wait_until("the agent", lambda: stage.metric("uplink_connected") == 1, 20, [stage.agent])
            feeder = Feeder(stage.ports["desk"], Account(stage.work / "account.db"), SEED, mouths=8)
            try:
                yield stage, line, feeder
            finally:
                line.stop()
                feeder.close()
            found, sums = prove(stage.centre.path, feeder.account.path)
            self.assertFalse({what: count for what, count in found.items() if count}, sums)
            self.assertEqual(sums["arrived_total"], sums["accepted_total"])
            self.assertEqual(sums["epochs"], 1)

    def pass_through(self, stage, line, feeder, faults, count=EVENTS):
        """Sells `count` times while the line does `faults`, and waits until the centre has it all."""
        line.tell(faults=faults)
        feeder.allowed += count
        end = time.monotonic() + DRAIN_S
        while not has_sales(stage.centre.path, feeder.allowed):
            feeder.turn(0.02)
            if "pit" in line.tell()["done"] and "pit" in faults:
                line.tell(faults={})
            if line.wants_orphan:
                line.wants_orphan = False
                stage.central.kill()
                stage.central.start()
                line.tell(resume=True)
            stage.agent.must_be_alive()
            self.assertLess(time.monotonic(), end, f"{faults}: does not get through; {stage.get('/v1/status')[1]}")
        return line.tell()["done"]

    def test_line_that_garbles(self):
        with self.on_line() as (stage, line, feeder):
            agent = Agent(stage.agent)
            began = agent.cpu_s()
            self.pass_through(stage, line, feeder, {}, WARM_UP)
            each_s = (agent.cpu_s() - began) / WARM_UP
            for faults in [{name: every} for name, every in GARBLED.items()] + [GARBLED]:
                with self.subTest(faults=list(faults)):
                    size, cpu, start = agent.rss_bytes(), agent.cpu_s(), time.monotonic()
                    done = self.pass_through(stage, line, feeder, faults)
                    self.assertTrue(set(faults) & set(done), "the fault did not happen")
                    used, took = agent.cpu_s() - cpu, time.monotonic() - start
                    self.assertLess(used, CPU_RATIO * each_s * EVENTS + CPU_IDLE * took + 0.05)
                    self.assertLess(agent.rss_bytes(), size + GROWTH_BYTES)
                    print(f"{' '.join(faults):100.100} {took:6.1f} s {used:5.2f} s CPU", flush=True)
            # Lost PUBACKs take room in the window until the line counts as dead; nothing else is a reason.
            self.assertLessEqual(stage.metric("uplink_reconnects_total"), 2)

    def test_line_that_garbles_the_brokers_word(self):
        """With `ack: broker` PUBACKs are all there is: what was not confirmed comes again, and once is enough."""
        faults = {"delay": 60, "duplicate": 10, "reorder": 5, "drop_puback": 150, "refuse": 150}
        with self.on_line("broker") as (stage, line, feeder):
            self.pass_through(stage, line, feeder, faults)
            wait_until("the last PUBACKs", lambda: stage.metric("queue_events") == 0, DRAIN_S, [stage.agent])
            self.assertLessEqual(set(faults), set(line.tell()["done"]))

    @unittest.skipIf(support.BRIEF, "this is about time")
    def test_line_that_breaks(self):
        with self.on_line() as (stage, line, feeder):
            agent = Agent(stage.agent)
            self.pass_through(stage, line, feeder, {}, WARM_UP)
            cpu, start, size = agent.cpu_s(), time.monotonic(), agent.rss_bytes()
            self.pass_through(stage, line, feeder, {"pit": 50})
            self.pass_through(stage, line, feeder, {"truncate": 250})
            line.tell(cut=True)
            self.pass_through(stage, line, feeder, {"narrow": 1})
            done = line.tell()["done"]
            cuts = done["pit"] + done["truncate"] + 1
            self.assertEqual(done["pit"], 1)
            self.assertGreater(done["truncate"], 0)
            self.assertGreater(done["narrow"], 0)
            self.assertLessEqual(stage.metric("uplink_reconnects_total"), cuts)  # or two of them met while it waited
            took = time.monotonic() - start
            self.assertLess(agent.cpu_s() - cpu, 1 + CPU_IDLE * took)
            self.assertLess(agent.rss_bytes(), size + GROWTH_BYTES)
            print(f"{cuts} connections cut, {took:.1f} s", flush=True)


if __name__ == "__main__":
    [SEED] = support.numbers(seed=SEED)
    support.main()
