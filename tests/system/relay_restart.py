#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The relay itself is SIGKILLed, with a till connected and in mid-print, while its listening sockets are kept for it.

No till is ever refused; one that was cut off is told so by a reset and prints again; every sale arrives once (P3).
What the first half of a receipt left is told: a page that ended early, a tap that began anew (P7).
The systemd units of tools/deploy are what systemd takes them for.
Usage: relay_restart.py [--kills N] [--seed N]
"""

import collections
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

import support
from process import StageError, wait_until
from relay_stage import Activated, CutOffTill
from support import EVENTS, ROOT, on_stage, receipt

KILLS, SEED = 6, 1
UNITS = ROOT / "tools/deploy/systemd"


class Keeper:
    """Restart=always, for one process; dead for a while each time."""

    def __init__(self, process, chance):
        self.process = process
        self._chance = chance
        self._down_until = 0

    def kill(self):
        self.process.kill()
        self._down_until = time.monotonic() + self._chance.choice((0, 0.1, 0.5))

    def look(self):
        if not self.process.is_alive() and time.monotonic() >= self._down_until:
            self.process.start()


class RelayRestartTest(support.StageTest):
    def test_no_till_is_refused_and_every_sale_arrives(self):
        chance = random.Random(SEED)
        with on_stage(seed=SEED, but=("relay", "agent")) as stage:
            self.keep_sockets(stage)
            stage.start(("broker", "central"))
            keeper = Keeper(stage.relay, chance)
            resets = 0
            for number in range(1, KILLS + 1):
                resets += self.print_until_it_is_done(stage, keeper, number, chance)
                # What a relay forwarded and the agent has not taken dies with it (capture.gap).
                wait_until("the sale", lambda: stage.centre.transactions() >= number, 60, [stage.agent, stage.relay])
            self.assertGreater(resets, 0, "no till was ever cut off: the test does not hit")
            self.settle(stage)
            paper = bytes(stage.printer.paper)
            for number in range(1, KILLS + 1):
                self.assertIn(self.paper_of(number), paper)

    def keep_sockets(self, stage):
        stage.relay = Activated(stage.relay, stage.ports["till"], stage.work / "run/printer.tap.sock")
        self.addCleanup(stage.relay.close)
        stage.till = CutOffTill(stage.ports["till"], stage.random)

    @staticmethod
    def paper_of(number):
        return receipt(f"{number:06d}", *[f"* line {n:03d} of {number:06d} *" for n in range(60)])

    def print_until_it_is_done(self, stage, keeper, number, chance):
        """What a till does that is cut off: it prints the receipt again. Returns how often."""
        resets, data = 0, self.paper_of(number)
        killing = True
        while True:
            try:
                cut = chance.randrange(1, len(data))
                stage.till.send(data[:cut], 200)
                if killing:
                    killing = False
                    keeper.kill()
                keeper.look()
                stage.till.send(data[cut:], 200)
                self.hang_up(stage, keeper)
                return resets
            except (ConnectionResetError, BrokenPipeError):
                resets += 1
                stage.till.forget()
                keeper.look()

    @staticmethod
    def hang_up(stage, keeper):
        """Ends the connection from a thread of its own, so that a dead relay can be started meanwhile."""
        failures = []

        def end():
            try:
                stage.till.hang_up()
            except OSError as error:
                failures.append(error)

        thread = threading.Thread(target=end)
        thread.start()
        while thread.is_alive():
            keeper.look()
            thread.join(0.02)
        if failures:
            raise failures[0]

    def settle(self, stage):
        wait_until("all sales to arrive", lambda: stage.centre.transactions() >= KILLS and stage.metric("queue_events") == 0,
                   60, [stage.agent, stage.central, stage.broker, stage.relay], 0.2)
        numbers = collections.Counter(sale["data"]["receipt_number"] for sale in stage.centre.sales())
        self.assertEqual(numbers, {f"{number:06d}": 1 for number in range(1, KILLS + 1)})
        told = {event["data"]["reason"] for event in stage.centre.events(EVENTS + "capture.")}
        self.assertLessEqual(told, {"truncated", "not_a_sale", "no_total", "tap_restarted"})
        self.assert_in_order(stage)

    def test_a_till_may_come_while_there_is_no_relay(self):
        """And the relay's own orderly end leaves the port to whoever kept it."""
        with on_stage(seed=SEED, but=("relay", "agent")) as stage:
            self.keep_sockets(stage)
            stage.till.send(receipt("000001"))
            stage.start(("broker", "central"))
            stage.till.hang_up()
            self.assertEqual(stage.relay.stop(), 0)
            self.assertTrue((stage.work / "run/printer.tap.sock").exists(), "the socket was not the relay's to remove")
            stage.till.send(receipt("000002"))
            stage.relay.start()
            stage.till.hang_up()
            wait_until("both sales", lambda: stage.centre.transactions() == 2, 30, [stage.agent, stage.relay])
            self.assert_printer_exact(stage)

    def test_what_is_handed_over_wrongly_is_named(self):
        """P8."""
        with on_stage(seed=SEED, but=("broker", "central", "relay", "agent")) as stage:
            with tempfile.TemporaryFile() as no_socket:
                done = subprocess.run(
                    ["bash", "-c", 'exec 3<&"$1"; shift; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"', "bash", str(no_socket.fileno()),
                     *stage.relay.command], pass_fds=[no_socket.fileno()], capture_output=True, text=True, timeout=20)
            self.assertEqual(done.returncode, 1)
            self.assertIn("no listening stream socket", done.stderr)

    def test_units_are_what_systemd_takes_them_for(self):
        analyze = shutil.which("systemd-analyze")
        if analyze is None:
            raise unittest.SkipTest("no systemd-analyze")
        with tempfile.TemporaryDirectory() as folder:
            for unit in UNITS.glob("tillwire-relay@.*"):
                text = unit.read_text().replace("/usr/bin/tillwire-relay", str(support.PROGRAMS / "tillwire-relay"))
                with open(os.path.join(folder, unit.name.replace("@.", "@printer.")), "w") as file:
                    file.write(text)
            units = sorted(os.path.join(folder, name) for name in os.listdir(folder))
            done = subprocess.run([analyze, "verify", "--man=no", *units], capture_output=True, text=True)
            complaints = [line for line in done.stderr.splitlines() if "tillwire" in line]
            self.assertEqual((done.returncode, complaints), (0, []), done.stderr)


if __name__ == "__main__":
    KILLS, SEED = support.numbers(kills=KILLS, seed=SEED)
    support.main()
