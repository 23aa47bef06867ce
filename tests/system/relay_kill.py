#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The agent is SIGKILLed in the middle of a print, again and again; the relay goes on.

P5: the printer gets every byte, in order, unchanged. P3: every sale is at the centre once.
Usage: relay_kill.py [--kills N] [--seed N]     200 kills over each line take some minutes
"""

import collections
import random
import time

import support
from process import wait_until
from relay_stage import on_serial_stage
from support import on_stage, receipt

KILLS, SEED = 12, 1
LINES = 40  # of a receipt: long enough to die in its middle


def long_receipt(number):
    return receipt(f"{number:06d}", *[f"** thank you, customer {number}, line {n:02d} **" for n in range(LINES)])


class RelayKillTest(support.StageTest):
    def test_network_printer(self):
        with on_stage(seed=SEED) as stage:
            self.massacre(stage)

    def test_serial_printer(self):
        with on_serial_stage(seed=SEED, busy_every=3000) as stage:
            self.massacre(stage)
            self.assertGreater(stage.printer.stops, 0)
            self.assertGreaterEqual(stage.till.stops, stage.printer.stops)

    def massacre(self, stage):
        chance = random.Random(SEED)
        for number in range(1, KILLS + 1):
            self.print_and_kill(stage, long_receipt(number), chance)
        stage.till.hang_up()
        wait_until("all sales to arrive", lambda: stage.centre.transactions() >= KILLS and stage.metric("queue_events") == 0,
                   120, [stage.agent, stage.central, stage.broker, stage.relay], 0.2)
        numbers = collections.Counter(sale["data"]["receipt_number"] for sale in stage.centre.sales())
        self.assertEqual(numbers, {f"{number:06d}": 1 for number in range(1, KILLS + 1)})
        self.assertEqual([sale["data"]["total"] for sale in stage.centre.sales()], [199] * KILLS)
        self.assertEqual(stage.centre.events(support.EVENTS + "capture.unparsed"), [])
        self.assertEqual(stage.centre.events(support.EVENTS + "capture.gap"), [])
        self.assert_in_order(stage)
        self.assert_printer_exact(stage)

    @staticmethod
    def print_and_kill(stage, data, chance):
        """Half of the agents get as far as to read; the others die while they start."""
        if chance.random() < 0.5:
            wait_until("the agent to be up", stage.is_agent_up, 20, [stage.agent, stage.relay])
        cut = chance.randrange(1, len(data))
        stage.till.send(data[:cut], chance.choice((None, 7, 64)))
        time.sleep(chance.uniform(0, 0.05))
        stage.agent.kill()
        time.sleep(chance.choice((0, 0, 0.05)))
        stage.till.print(data[cut:], chance.choice((None, 64)))
        stage.agent.start()


if __name__ == "__main__":
    KILLS, SEED = support.numbers(kills=KILLS, seed=SEED)
    support.main()
