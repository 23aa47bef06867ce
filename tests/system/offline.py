#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The broker is away for the whole tape, then comes: all arrive, once, in order."""

import json

import support
from support import on_stage
from till import Tape
from truth import differences


class OfflineTest(support.StageTest):
    def test_all_arrive_in_order(self):
        """P3, P4."""
        tape = Tape.own()
        with on_stage(tape, but=("broker", "central")) as stage:
            stage.play(tape)
            support.wait_until("the agent to read the tape", lambda: stage.accepted_sales() == len(tape.sales()), 30)
            self.assertEqual(stage.centre.events(), [])
            waiting = stage.metric("queue_events")
            stage.broker.start()
            stage.central.start()
            stage.settle(90)
            self.assertEqual(len(stage.centre.events()), waiting)
            for sale, truth in zip(stage.centre.sales(), tape.sales()):
                self.assertEqual(differences(sale, truth, stage.key()), [])
            self.assert_in_order(stage)
            self.assert_printer_exact(stage)
            self.assertEqual(self.arrivals(stage), list(range(1, int(waiting) + 1)))

    @staticmethod
    def arrivals(stage):
        """The sequence numbers in the order in which the centre stored them, from what it printed."""
        lines = (line for line in stage.central.log.read_text().splitlines() if line.startswith("{"))
        return [int(json.loads(line)["sequence"]) for line in lines]


if __name__ == "__main__":
    support.main()
