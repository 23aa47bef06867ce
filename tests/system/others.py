#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Logos, code pages, bar codes, drawers, dialects: every other stream of the data through the relay."""

import re

import support
from process import wait_until
from support import on_stage, receipt, shared_data

# What says of itself that it is a total may become a sale; nothing else may.
TOTAL = re.compile(rb"total|amount|summe|betrag|monto", re.IGNORECASE)


class OthersTest(support.StageTest):
    def test_streams_pass_and_no_sale_is_invented(self):
        """P5, P7, P8."""
        folder = shared_data("escpos")
        files = sorted(file for file in folder.glob("*/*.bin") if file.parent.name != "retail")
        self.assertGreater(len(files), 100)
        with on_stage() as stage:
            for file in files:
                with self.subTest(f"{file.parent.name}/{file.name}"):
                    self.print_one(stage, file.read_bytes())
            self.finish(stage)

    def print_one(self, stage, data):
        """Prints one stream over a connection of its own."""
        before = stage.accepted_sales()
        stage.till.send(data)
        stage.till.hang_up()
        wait_until("the agent to take it", stage.has_taken_paper, 20, [stage.agent, stage.relay])
        made = stage.accepted_sales() - before
        self.assertTrue(made == 0 or TOTAL.search(data), f"{made} sales of something without a total")

    def finish(self, stage):
        """A receipt behind all of it is read as ever."""
        stage.till.send(receipt("LAST-1"))
        stage.till.hang_up()
        stage.settle()
        self.assertEqual(stage.centre.sales()[-1]["data"]["receipt_number"], "LAST-1")
        self.assert_in_order(stage)
        self.assert_printer_exact(stage)


if __name__ == "__main__":
    support.main()
