#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A board in the printer line, with a scanner, and the real agent behind it: every scan and every sale once, in order and
with its customer, and new firmware while it prints. The board is firmware/core as a program.
"""

import json
import socket
import subprocess
import time

import support
from centre import EVENTS, pseudonym
from guard import with_luhn
from process import wait_until
from stage import SCHEME
from support import on_stage, receipt

ALL = ("broker", "central", "relay", "agent")  # started once the board is configured
CUSTOMERS, KILLS = (12, 3) if support.BRIEF else (60, 12)
BOARD = "  - {{name: board, class: tap, transport: unix, path: {path}, till: {{baud: 19200}}}}\n"
MPS2, STM32 = 2, 1


def card(number):
    return with_luhn(f"6009200{number:08d}")


class Board:
    """The program, and what is plugged into it."""

    def __init__(self, stage):
        self.folder = stage.work / "board"
        self.folder.mkdir()
        self.process = stage.process("fake_board", str(support.PROGRAMS / "tests/fake_board"), [self.folder])
        self.process.start()
        stage.others.append(self.process)
        wait_until("the board", (self.folder / "scanner").exists, 10, [self.process])
        self.till, self.scanner = self._plug("till"), self._plug("scanner")

    def _plug(self, name):
        line = socket.socket(socket.AF_UNIX)
        line.connect(str(self.folder / name))
        return line

    def scan(self, code):
        self.scanner.sendall(code.encode() + b"\r")
        time.sleep(0.03)  # the till prints after the scan

    def print(self, data):
        self.till.sendall(data)
        time.sleep(0.03)

    def close(self):
        self.till.close()
        self.scanner.close()


def write_image(stage, name, board, version):
    path = stage.work / name
    done = subprocess.run([support.PROGRAMS / "tests/fake_board", "--file", str(board), str(version)], capture_output=True, check=True)
    path.write_bytes(done.stdout)
    return path


class BoardTest(support.StageTest):
    def run_with(self, stage):
        board = Board(stage)
        self.addCleanup(board.close)
        text = stage.config.read_text()
        stage.config.write_text(text.replace("loyalty:\n", BOARD.format(path=board.folder / "agent") + "loyalty:\n", 1))
        stage.start(("relay",))
        return board

    def devices(self, stage):
        done = subprocess.run([stage.programs / "tillwire", "devices", "--config", stage.config, "--json"],
                              capture_output=True, text=True)
        return {each["name"]: each for each in json.loads(done.stdout)["devices"]}

    def serve(self, board, number):
        """A customer: a card, something else that is scanned, a receipt."""
        board.scan(card(number))
        board.scan("]E04006381333931")
        board.print(receipt(f"{number:06d}"))

    def follow(self, stage, number):
        """Waits until the board, which keeps 32 scans, has room for the next customers'."""
        wait_until("the agent to follow", lambda: len(stage.centre.events(EVENTS + "loyalty.scanned")) > number - 12, 60,
                   [stage.agent, stage.central])

    def expect(self, stage, count):
        """P1, P3: each card and each sale once, in turn, and each sale is that card's."""
        key = stage.key()
        wait_until("the sales", lambda: stage.centre.transactions() >= count, 60, [stage.agent, stage.central])
        seen = [(event["type"].removeprefix(EVENTS), (event["data"].get("customer") or event["data"]).get("pseudonym"))
                for event in stage.centre.events() if "loyalty.scanned" in event["type"] or "sale." in event["type"]]
        self.assertEqual(seen, [(kind, pseudonym(key, SCHEME, card(number))) for number in range(1, count + 1)
                                for kind in ("loyalty.scanned", "sale.completed")])
        self.assert_in_order(stage)

    def test_every_scan_and_sale_once_whatever_ends(self):
        with on_stage(but=ALL) as stage:
            board = self.run_with(stage)
            for number in range(1, CUSTOMERS + 1):
                if number % (CUSTOMERS // KILLS) == 0:
                    stage.agent.kill()
                    stage.agent.start()
                self.serve(board, number)
                self.follow(stage, number)
            self.expect(stage, CUSTOMERS)
            self.assertEqual(stage.metric("tap_lost_bytes_total", device="board"), 0)

    def test_a_backlog_keeps_whose_sale_it_is(self):
        with on_stage(but=ALL) as stage:
            board = self.run_with(stage)
            wait_until("the board's line", lambda: self.devices(stage)["board"]["tap"], 20, [stage.agent])
            stage.agent.kill()
            for number in range(1, 13):  # the board keeps 32 scans
                self.serve(board, number)
            stage.agent.start()
            self.expect(stage, 12)

    def test_new_firmware_while_it_prints(self):
        with on_stage(but=ALL) as stage:
            board = self.run_with(stage)
            wait_until("the board's line", lambda: self.devices(stage)["board"]["tap"], 20, [stage.agent])
            said = self.devices(stage)["board"]["tap"]
            self.assertEqual((said["firmware"], said["board"], said["slot"], said["trial"]), ("1.0.0", "mps2-an386", "a", "confirmed"))
            wait_until("its line to be set", lambda: self.devices(stage)["board"]["tap"]["till"]["baud"] == 19200, 20, [stage.agent])
            wrong = self.update(stage, write_image(stage, "wrong.twtap", STM32, 0x10100))
            self.assertEqual(wrong.wait(30), 1)
            self.assertIn("for another board", wrong.stderr.read())
            old = self.update(stage, write_image(stage, "old.twtap", MPS2, 0x0ffff))
            self.assertEqual(old.wait(30), 1)
            self.assertIn("boards never go back", old.stderr.read())
            update = self.update(stage, write_image(stage, "new.twtap", MPS2, 0x10100), "--json")
            for number in range(1, 9):
                self.serve(board, number)
            self.assertEqual(update.wait(120), 0)
            self.assertEqual(json.loads(update.stdout.read()), {"device": "board", "version": "1.1.0", "state": "confirmed",
                                                                "confirmed": True, "why": None})
            said = self.devices(stage)["board"]["tap"]
            self.assertEqual((said["firmware"], said["slot"], said["trial"]), ("1.1.0", "b", "confirmed"))
            self.serve(board, 9)
            self.expect(stage, 9)

    def update(self, stage, image, *options):
        process = subprocess.Popen([stage.programs / "tillwire", "devices", "update", "board", image, "--config", stage.config, *options],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process


if __name__ == "__main__":
    support.main()
