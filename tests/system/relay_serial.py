#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The relay between two serial ports, in the real chain: the tape through a printer that says XOFF, ports that are pulled,
a relay that dies, a copy that has no room.
"""

import collections
import re
import time

import support
from process import wait_until
from relay_stage import on_serial_stage
from support import EVENTS, receipt
from till import Tape

SMALL_BYTES = 64 * 1024


def key_of(sale):
    return sale["kind"], sale["receipt_number"], sale["total"]


def lines_of(number, count=60):
    return [f"* line {n:03d} of {number} *" for n in range(count)]


class RelaySerialTest(support.StageTest):
    def test_tape_through_a_busy_printer(self):
        """P5: every byte; P3: every sale, once. A scan has no place: there is no end of a connection to wait for."""
        own = Tape.own()
        with on_serial_stage(busy_every=2000) as stage:
            stage.play(Tape(own.prints()))
            wait_until("the sales", lambda: stage.centre.transactions() >= len(own.sales()), 60, [stage.agent, stage.relay])
            self.assertGreater(stage.printer.stops, 10)
            self.assertEqual(collections.Counter(key_of(sale["data"]) for sale in stage.centre.sales()),
                             collections.Counter(key_of(truth) for truth in own.sales()))
            self.assert_in_order(stage)
            self.assert_printer_exact(stage)

    def test_printer_and_till_are_pulled_and_plugged_in_again(self):
        """The printer's cable in mid-print: nothing is lost, and the sale is whole. The till's: the next sale is."""
        with on_serial_stage() as stage:
            till_cable, printer_cable = stage.cables
            for number in range(1, 6):
                data = receipt(f"{number:06d}", *lines_of(number))
                stage.till.send(data[:700])
                wait_until("the printer to have read", lambda: stage.printer.printed_bytes() == len(stage.till.sent), 20)
                printer_cable.unplug()
                time.sleep(0.1)
                stage.till.send(data[700:900])
                printer_cable.plug()
                stage.till.print(data[900:])
            self.assert_printer_exact(stage)
            stage.till.send(receipt("000099", *lines_of(99))[:500])
            wait_until("the printer to have read", lambda: stage.printer.printed_bytes() == len(stage.till.sent), 20)
            till_cable.unplug()
            wait_until("the relay to see it", lambda: b"till's port" in stage.relay.log.read_bytes(), 20, [stage.relay])
            till_cable.plug()
            wait_until("the relay to be back", lambda: b"open again" in stage.relay.log.read_bytes().split(b"till's port")[-1],
                       20, [stage.relay])
            stage.till.start_hearing()
            stage.till.print(receipt("000006"))
            self.assert_printer_exact(stage)
            wait_until("the sales", lambda: stage.centre.transactions() == 6, 30, [stage.agent, stage.relay])
            numbers = [sale["data"]["receipt_number"] for sale in stage.centre.sales()]
            self.assertEqual(numbers, [f"{number:06d}" for number in range(1, 7)])
            self.assert_in_order(stage)

    def test_a_relay_that_was_killed_goes_on(self):
        with on_serial_stage() as stage:
            for number in range(1, 11):
                stage.till.print(receipt(f"{number:06d}", *lines_of(number)))
                wait_until("the paper", lambda: stage.printer.printed_bytes() == len(stage.till.sent), 20)
                wait_until("the sale", lambda: stage.centre.transactions() == number, 20, [stage.agent])
                stage.relay.kill()
                stage.relay.start()
                wait_until("the ports to be open", lambda: stage.relay.log.read_text().count("has the till at") > number, 20)
            self.assert_in_order(stage)
            self.assert_printer_exact(stage)

    def test_a_copy_without_room_is_a_gap(self):
        """P7: what the agent did not take in time is told in bytes."""
        with on_serial_stage() as stage:
            stage.relay.stop()
            stage.config.write_text(re.sub(r"flow: xonxoff", f"flow: xonxoff, buffer_bytes: {SMALL_BYTES}",
                                           stage.config.read_text()))
            stage.agent.stop()
            stage.relay.start()
            while len(stage.till.sent) < 3 * SMALL_BYTES:
                stage.till.print(receipt(f"{stage.till.receipts + 1:06d}", *lines_of(stage.till.receipts)))
            self.assert_printer_exact(stage)
            stage.agent.start()
            wait_until("the gap", lambda: stage.centre.events(EVENTS + "capture.gap"), 30, [stage.agent, stage.relay])
            gaps = [event["data"] for event in stage.centre.events(EVENTS + "capture.gap")]
            self.assertEqual([(gap["device"], gap["reason"]) for gap in gaps], [("printer", "tap_overrun")])
            self.assertEqual(gaps[0]["bytes"], len(stage.till.sent) - SMALL_BYTES)


if __name__ == "__main__":
    support.main()
