#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A clock that is wrong, and one that jumps while selling goes on: events keep their order, ids never step back,
the attribute `clock` tells, a repeat is still a repeat, and the line comes up (P3, P4, P12).

Usage: wrong_clock.py [--seed N]
"""

import contextlib
import json
import random
import time

import support
from feeder import Account, Feeder
from machine import Clock
from process import wait_until
from proof import has_sales, prove
from support import on_stage

SEED = 1
HOUR_S, DAY_S = 3600, 24 * 3600
SALE = {"kind": "sale", "total": 199, "receipt_number": "R-1", "lines": [{"kind": "item", "amount": 199}],
        "tenders": [{"type": "cash", "amount": 199}]}


def to_1970():
    """How far off a clock is that began with the epoch a moment ago."""
    return 60 - time.time()


class WrongClockTest(support.StageTest):
    @contextlib.contextmanager
    def on_clock(self, offset_s=0):
        with on_stage(seed=SEED, but=("relay", "agent")) as stage:
            clock = Clock(stage)
            clock.jump(offset_s)
            self.start(stage)
            # One connection, so that there is one order.
            feeder = Feeder(stage.ports["desk"], Account(stage.work / "account.db"), SEED, mouths=1)
            try:
                yield stage, clock, feeder
            finally:
                feeder.close()

    @staticmethod
    def start(stage):
        stage.agent.start()
        wait_until("the agent", stage.is_agent_up, 20, [stage.agent])

    @staticmethod
    def sell(feeder, count=20):
        feeder.allowed += count
        end = time.monotonic() + 30
        while not feeder.is_done():
            feeder.turn(0.02)
            assert time.monotonic() < end, "nobody accepts"

    def arrive(self, stage, feeder):
        wait_until("all to arrive", lambda: has_sales(stage.centre.path, feeder.account.count), 60, [stage.agent])

    def assert_order(self, stage, feeder):
        """One order in numbers, ids, monotonic clock and hashes, whatever the wall clock did; the sales."""
        feeder.account.write()
        found, sums = prove(stage.centre.path, feeder.account.path)
        self.assertFalse({what: count for what, count in found.items() if count}, sums)
        self.assertEqual(sums["epochs"], 1)
        events, sales = stage.centre.events(), stage.centre.sales()
        self.assertEqual([int(event["sequence"]) for event in events], list(range(1, len(events) + 1)))
        self.assertEqual([int(sale["data"]["receipt_number"]) for sale in sales], list(range(1, len(sales) + 1)))
        ids = [event["id"] for event in events]
        self.assertEqual(ids, sorted(set(ids)))
        ticks = [(event["bootid"], int(event["monotonicms"])) for event in events]
        self.assertEqual(len({boot for boot, _ in ticks}), 1)
        self.assertEqual(ticks, sorted(ticks))
        return sales

    def test_p12_first_start_ever_in_1970(self):
        """Nothing is known of the time but that it is later. Selling goes on; the line says why it does not come up."""
        with self.on_clock(to_1970()) as (stage, clock, feeder):
            self.sell(feeder)
            wait_until("the reason", lambda: "clock" in str(json.loads(stage.get("/v1/status")[1])["uplink"]["why"]) or
                       stage.metric("uplink_connected"), 20, [stage.agent])
            clock.jump(0)
            self.sell(feeder)
            self.arrive(stage, feeder)
            sales = self.assert_order(stage, feeder)
            self.assertEqual([sale["time"][:4] for sale in sales[:20]], ["1970"] * 20)
            self.assertEqual({sale["clock"] for sale in sales[:20]}, {"suspect"})
            self.assertNotIn("suspect", {sale["clock"] for sale in sales[20:]})

    def test_p12_start_in_1970_after_a_good_day(self):
        """The battery of the clock is dead, and the network too young to have told the time: the line works."""
        with self.on_clock() as (stage, clock, feeder):
            self.sell(feeder)
            self.arrive(stage, feeder)
            stage.agent.stop()
            clock.jump(to_1970())
            self.start(stage)
            self.sell(feeder)
            self.arrive(stage, feeder)
            clock.jump(0)
            self.sell(feeder)
            self.arrive(stage, feeder)
            sales = self.assert_order(stage, feeder)
            self.assertEqual({sale["clock"] for sale in sales[20:40]}, {"suspect"})
            self.assertNotIn("suspect", {sale["clock"] for sale in sales[40:]})

    def test_p12_jumps_while_selling(self):
        chance = random.Random(SEED)
        with self.on_clock() as (stage, clock, feeder):
            wait_until("the line", lambda: stage.metric("uplink_connected") == 1, 20, [stage.agent])
            highest = 0
            behind = []  # whether a batch of 20 was sold at a time that had been before
            for jump in range(12):
                offset = chance.uniform(-20, 20) * chance.choice((HOUR_S, DAY_S, 30 * DAY_S))
                clock.jump(offset)
                behind.append(offset < highest - 10)
                highest = max(highest, offset)
                self.sell(feeder)
                if jump % 4 == 3:
                    stage.agent.kill()
                    self.start(stage)
                    highest = offset  # a new life knows nothing of the clock
            clock.jump(0)
            self.arrive(stage, feeder)
            sales = self.assert_order(stage, feeder)
            for n, is_behind in enumerate(behind):
                told = {sale["clock"] for sale in sales[20 * n:20 * n + 20]}
                self.assertEqual(told == {"suspect"}, is_behind, (n, told))

    def test_p3_repeat_after_the_clock_was_set(self):
        """A sale made in 1970 and said again when the clock is right is still one sale."""
        with self.on_clock(to_1970()) as (stage, clock, _):
            status, first = stage.post("/v1/sales", SALE, {"Idempotency-Key": "one"})
            self.assertEqual(status, 201)
            for offset_s in (0, 2 * DAY_S, to_1970()):
                clock.jump(offset_s)
                status, again = stage.post("/v1/sales", SALE, {"Idempotency-Key": "one"})
                self.assertEqual((status, again["id"]), (200, first["id"]), f"off by {offset_s:.0f} s")


if __name__ == "__main__":
    [SEED] = support.numbers(seed=SEED)
    support.main()
