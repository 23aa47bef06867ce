#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A journal without room: nothing is accepted that is not kept, the till prints on, and once there is
room again everything that was printed becomes a sale (P1, P5, P7)."""

import contextlib
import json
import os
import pathlib
import subprocess
import unittest

import support
from process import wait_until
from support import on_stage, receipt

RECEIPTS = 120
SALE = {"kind": "sale", "total": 199, "lines": [{"kind": "item", "description": "A" * 60, "amount": 199}],
        "tenders": [{"type": "cash", "amount": 199}]}


class RoomTest(support.StageTest):
    @staticmethod
    def fill_by_api(stage):
        """Sales by the API until there is no room; how many were accepted."""
        for count in range(20000):
            status, answer = stage.post("/v1/sales", SALE)
            if status == 507:
                assert answer["type"] == "urn:tillwire:problem:no-room", answer
                return count
            assert status == 201, answer
        raise AssertionError("the journal took everything")

    def print_all(self, stage):
        for number in range(RECEIPTS):
            stage.till.print(receipt(f"R-{number}"))
        stage.till.hang_up()
        self.assert_printer_exact(stage)

    def check(self, stage, accepted):
        stage.settle(90)
        sales = stage.centre.sales()
        printed = [sale["data"]["receipt_number"] for sale in sales if sale["data"]["receipt_number"]]
        self.assertEqual(printed, [f"R-{number}" for number in range(RECEIPTS)])
        self.assertEqual(len(sales), accepted + RECEIPTS)
        self.assertEqual(stage.centre.events("io.tillwire.capture."), [])
        self.assert_in_order(stage)

    def test_max_bytes_and_room_again(self):
        with on_stage(but=("broker", "central", "agent")) as stage:
            stage.config.write_text(stage.config.read_text() + "journal: {max_bytes: 1MiB, reserve_bytes: 1MiB}\n")
            stage.agent.start()
            wait_until("the agent", stage.is_agent_up, 20, [stage.agent])
            accepted = self.fill_by_api(stage)
            self.assertGreater(accepted, 100)
            self.print_all(stage)
            stage.config.write_text(stage.config.read_text().replace("max_bytes: 1MiB", "max_bytes: 64MiB"))
            stage.agent.kill()  # as an operator would who gives it more room, but harder
            stage.agent.start()
            stage.broker.start()
            stage.central.start()
            self.check(stage, accepted)

    @unittest.skipIf(os.getuid() != 0, "only root may mount")
    def test_disk_full_and_room_again(self):
        with on_stage(but=("broker", "central", "agent")) as stage:
            mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", stage.state], capture_output=True)
            if mount.returncode != 0:
                self.skipTest("mounting is not allowed here")
            try:
                self.fill_disk(stage)
            finally:
                stage.agent.stop()
                subprocess.run(["umount", stage.state], check=True)

    def fill_disk(self, stage):
        """Without a reserve, so that it is SQLite that meets the end of the disk."""
        stage.config.write_text(stage.config.read_text() + "journal: {max_bytes: 1GiB, reserve_bytes: 0}\n")
        stage.agent.start()
        wait_until("the agent", stage.is_agent_up, 20, [stage.agent])
        ballast = pathlib.Path(stage.state) / "ballast"
        with contextlib.suppress(OSError), open(ballast, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        accepted = self.fill_by_api(stage)
        self.print_all(stage)
        status = json.loads(stage.get("/v1/status")[1])
        self.assertTrue(status["problems"])
        ballast.unlink()
        stage.broker.start()
        stage.central.start()
        self.check(stage, accepted)


if __name__ == "__main__":
    support.main()
