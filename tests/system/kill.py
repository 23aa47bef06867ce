#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL of agent, centre, broker and each pair of them, at random moments of the tape.

P1 to P5: nothing lost, nothing doubled, no gap, and the printer got every byte.
Usage: kill.py [--runs N] [--seed N]
"""

import collections
import random
import time

import support
from process import wait_until
from support import on_stage
from till import Tape

VICTIMS = (("agent",), ("central",), ("broker",), ("agent", "central"), ("agent", "broker"), ("central", "broker"))
RUNS, SEED, KILLS = 5, 1, 3


def key_of(sale):
    """What tells the sales of the tape apart, whoever the customer was."""
    return sale["kind"], sale["receipt_number"], sale["total"]


class Executioner:
    """Kills one set of victims after the other while the tape plays."""

    def __init__(self, stage, victims, moments, chance):
        self._sets = [[getattr(stage, name) for name in names] for names in victims]
        self._moments = collections.deque(sorted(moments))
        self._chance = chance
        self._prints = 0
        self._dead = ()
        self._down_until = 0

    def after(self, step):
        """Called after each step of the tape: now and then somebody dies, or rises again."""
        self._prints += step["do"] == "print"
        if self._dead and time.monotonic() > self._down_until:
            self.revive()
        elif not self._dead and self._moments and self._prints >= self._moments[0]:
            self._moments.popleft()
            self._dead = self._sets.pop(0)
            time.sleep(self._chance.uniform(0, 0.05))  # in the middle of whatever it does
            for process in self._dead:
                process.kill()
            self._down_until = time.monotonic() + self._chance.uniform(0, 0.4)
        time.sleep(self._chance.uniform(0, 0.04))

    def revive(self):
        for process in self._dead:
            process.start()
        self._dead = ()


class KillTest(support.StageTest):
    def test_nothing_is_lost_or_doubled(self):
        for run in range(RUNS):
            seed = SEED + run
            victims = [VICTIMS[(KILLS * seed + n) % len(VICTIMS)] for n in range(KILLS)]
            with self.subTest(seed=seed, victims=victims):
                self.one_run(seed, victims)

    def one_run(self, seed, victims):
        chance = random.Random(seed)
        own = Tape.own()
        tape = Tape(own.prints())  # a scan has nobody to take it while the agent is dead
        with on_stage(own, seed) as stage:
            killer = Executioner(stage, victims, chance.sample(range(2, len(tape.steps) - 2), KILLS), chance)
            stage.play(tape, after=killer.after)
            killer.revive()
            self.wait_for_all(stage, own)
            self.assertEqual(collections.Counter(key_of(sale["data"]) for sale in stage.centre.sales()),
                             collections.Counter(key_of(truth) for truth in own.sales()))
            self.assert_in_order(stage)
            self.assert_printer_exact(stage)

    @staticmethod
    def wait_for_all(stage, tape):
        """The agent's counters began anew: looks at the centre and at the queue instead."""
        def is_there():
            return stage.centre.transactions() >= len(tape.sales()) and stage.metric("queue_events") == 0

        wait_until("all sales to arrive", is_there, 90, [stage.agent, stage.central, stage.broker, stage.relay], 0.2)


if __name__ == "__main__":
    RUNS, SEED = support.numbers(runs=RUNS, seed=SEED)
    support.main()
