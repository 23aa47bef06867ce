#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A journal without room: nothing is accepted that is not kept, the till prints on, everybody who asks is told,
and once there is room again everything that was printed becomes a sale, once (P1, P3, P5, P7)."""

import contextlib
import json

import support
from machine import Disk
from process import wait_until
from support import on_stage, receipt

RECEIPTS = 120
DISK_BYTES = 6 << 20
SALE = {"kind": "sale", "total": 199, "lines": [{"kind": "item", "description": "A" * 60, "amount": 199}],
        "tenders": [{"type": "cash", "amount": 199}]}


class FullDiskTest(support.StageTest):
    @staticmethod
    def start(stage, journal):
        with open(stage.config, "a") as file:
            file.write(f"journal: {{{journal}}}\n")
        stage.agent.start()
        wait_until("the agent", stage.is_agent_up, 20, [stage.agent])

    def fill_by_api(self, stage):
        """Sales by the API until there is no room; how many were accepted."""
        for count in range(60000):
            status, answer = stage.post("/v1/sales", SALE)
            if status == 507:
                self.assertEqual((answer["type"], answer["status"]), ("urn:tillwire:problem:no-room", 507))
                return count
            self.assertEqual(status, 201, answer)
        raise AssertionError("the journal took everything")

    def print_all(self, stage, first=0):
        """The till prints, whatever the journal does; the relay keeps what is not taken."""
        for number in range(first, first + RECEIPTS):
            stage.till.print(receipt(f"R-{number}"))
        stage.till.hang_up()
        self.assert_printer_exact(stage)

    def assert_told(self, stage):
        """Everybody who asks learns that there is no room, and the agent lives on."""
        wait_until("the metric", lambda: stage.metric("journal_full") == 1, 10, [stage.agent])
        status = json.loads(stage.get("/v1/status")[1])
        self.assertFalse(status["well"])
        self.assertTrue([text for text in status["problems"] if "full" in text or "room" in text], status["problems"])
        self.assertEqual(stage.tillwire("status").returncode, 1)
        self.assertEqual(stage.get("/healthz")[0], 200)

    def check(self, stage, accepted, receipts, is_told=True):
        """What was accepted and what was printed has arrived, once; nothing was lost, and that it was full is told
        (which is what a reserve is for)."""
        stage.broker.start()
        stage.central.start()
        wait_until("all sales", lambda: len(stage.centre.sales()) >= accepted + receipts and
                   stage.metric("queue_events") == 0, 90, [stage.agent], 0.5)
        sales = stage.centre.sales()
        printed = [sale["data"]["receipt_number"] for sale in sales if sale["data"]["receipt_number"]]
        self.assertEqual(printed, [f"R-{number}" for number in range(receipts)])
        self.assertEqual(len(sales), accepted + receipts)
        told = [event["data"]["reason"] for event in stage.centre.events("io.tillwire.capture.")]
        self.assertEqual(set(told), {"full"} if is_told else set())
        self.assertEqual(stage.metric("journal_full"), 0)
        self.assert_in_order(stage)

    def test_max_bytes_and_room_again(self):
        with on_stage(but=("broker", "central", "agent")) as stage:
            self.start(stage, "max_bytes: 1MiB, reserve_bytes: 1MiB")
            accepted = self.fill_by_api(stage)
            self.assertGreater(accepted, 100)
            self.print_all(stage)
            self.assert_told(stage)
            stage.config.write_text(stage.config.read_text().replace("max_bytes: 1MiB", "max_bytes: 64MiB"))
            stage.agent.kill()  # as an operator would who gives it more room, but harder
            stage.agent.start()
            self.check(stage, accepted, RECEIPTS)

    def test_disk_full_and_room_again(self):
        """Without a reserve, so that it is SQLite that meets the end of the disk."""
        with self.on_disk("max_bytes: 1GiB, reserve_bytes: 0") as (stage, disk):
            accepted = self.fill_disk(stage, disk)
            disk.make_room()
            self.check(stage, accepted, RECEIPTS, is_told=False)

    def test_reserve_reached_and_room_again(self):
        with self.on_disk("max_bytes: 1GiB, reserve_bytes: 2MiB") as (stage, disk):
            accepted = self.fill_by_api(stage) + self.fill_disk(stage, disk)
            self.start_again(stage, disk)
            self.check(stage, accepted, 2 * RECEIPTS)

    def test_start_on_a_full_disk(self):
        with self.on_disk("max_bytes: 1GiB, reserve_bytes: 0") as (stage, disk):
            accepted = self.fill_disk(stage, disk)
            self.start_again(stage, disk)
            self.check(stage, accepted, 2 * RECEIPTS, is_told=False)

    @contextlib.contextmanager
    def on_disk(self, journal):
        with on_stage(but=("broker", "central", "agent")) as stage:
            disk = Disk(stage.state, DISK_BYTES)
            if not disk.is_ours:
                self.skipTest("only root may mount")
            try:
                self.start(stage, journal)
                yield stage, disk
            finally:
                stage.agent.stop()
                disk.close()

    def fill_disk(self, stage, disk):
        """How many sales were accepted before it was full."""
        self.assertTrue(disk.fill(64 << 10))
        accepted = self.fill_by_api(stage)
        self.print_all(stage)
        self.assert_told(stage)
        return accepted

    def start_again(self, stage, disk):
        """A full disk is no reason not to start; it is full as before until there is room."""
        stage.agent.kill()
        stage.agent.start()
        wait_until("the agent on a full disk", stage.is_agent_up, 20, [stage.agent])
        self.print_all(stage, RECEIPTS)
        self.assertEqual(self.fill_by_api(stage), 0)
        self.assert_told(stage)
        disk.make_room()


if __name__ == "__main__":
    support.main()
