#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The board in the whole chain: the project's tape and 500 scans through the firmware in QEMU, over a serial port to the
agent, and on to broker and centre, on both machines, while the agent is SIGKILLed on the way.

P5: the printer gets every byte. P3: every sale and every scan is at the centre once. A sale has the customer who was
scanned before it, also where the agent hears of both only later.
Usage: journey.py [--scans N] [--kills N] [--seed N]
"""

import contextlib
import os
import pathlib
import random
import select
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

import support  # noqa: E402
from centre import EVENTS, pseudonym  # noqa: E402
from process import wait_until  # noqa: E402
from qemu import Board  # noqa: E402
from relay_stage import Cable, SerialPrinter, SerialTill  # noqa: E402
from stage import SCHEME, Stage  # noqa: E402
from support import receipt  # noqa: E402
from tap_frames import ACK, SCAN, SCAN_ACK, STARTED, Decoder  # noqa: E402
from till import SALES, Tape  # noqa: E402
from truth import differences  # noqa: E402

SCANS, KILLS, SEED = 500, 6, 1
SCANS_A_SALE = 100
PAUSE_S = 2.2  # agent/lane/tap_flow.h, TW_TAP_FLOW_IDLE_MS
COPY_BYTES, COPY_SCANS = 24 * 1024, 32  # firmware/port/arm/tap_main.c
SCAN_HEAD_BYTES = 24  # include/tillwire/tap_link.h


def card(number):
    """A member's card of its own for each number; Luhn's check digit at the end."""
    digits = f"6009200{90000000 + number:08d}"
    odd = [sum(divmod(2 * int(digit), 10)) for digit in digits[-1::-2]]
    even = [int(digit) for digit in digits[-2::-2]]
    return digits + str(-(sum(odd) + sum(even)) % 10)


class Wire:
    """A socket of QEMU's as the end of a cable, as relay_stage has them."""

    def __init__(self, socket):
        self._socket = socket
        self.far = socket.fileno()

    def read(self):
        if self.far is not None and select.select([self._socket], [], [], 0.05)[0]:
            return self._socket.recv(65536)
        return b""

    def unplug(self):
        self.far = None


class AgentLine:
    """Carries bytes between the board and the serial port of the agent. As on any such line, what nobody reads is gone.
    `readings` are the scans that went by, by their numbers, of `heard` bytes; `safe` and `safe_scans` what the agent
    acknowledged."""

    def __init__(self, socket, port):
        self.cable = Cable(port)
        self.readings = {}
        self.heard = self.safe = self.safe_scans = 0
        self.has_started = False
        self._socket = socket
        self._over = False
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._to_agent, self._to_board)]
        for thread in self._threads:
            thread.start()

    def _to_agent(self):
        decoder = Decoder()
        while not self._over:
            if not select.select([self._socket], [], [], 0.05)[0]:
                continue
            data = self._socket.recv(4096)
            if not data:
                return
            self._note(decoder, data)
            while data and select.select([], [self.cable.far], [], 0.2)[1]:
                data = data[os.write(self.cable.far, data):]

    def _to_board(self):
        decoder = Decoder()
        while not self._over:
            data = self.cable.read()
            if data:
                self._socket.sendall(data)
                self._note(decoder, data)

    def _note(self, decoder, data):
        """All three kinds begin with the number that is meant."""
        for kind, _, payload in filter(None, decoder.feed(data)):
            number = int.from_bytes(payload[:8], "little")
            self.has_started |= kind == STARTED
            if kind == SCAN and number not in self.readings:
                self.readings[number] = payload[SCAN_HEAD_BYTES:]
                self.heard += len(self.readings[number])
            elif kind == ACK:
                self.safe = max(self.safe, number)
            elif kind == SCAN_ACK:
                self.safe_scans = max(self.safe_scans, number)

    def close(self):
        self._over = True
        for thread in self._threads:
            thread.join()
        self.cable.unplug()


class BoardStage(Stage):
    """The stage with the board in the printer's line, instead of a relay, and the scanner at the board."""

    def __init__(self, machine, *arguments, **options):
        super().__init__(*arguments, **options)
        self.printer.close()
        self.board = Board(machine, self.work, seed=SEED)
        self.line = AgentLine(self.board.agent, self.work / "port-agent")
        self.till = SerialTill(Wire(self.board.till), self.random)
        self.printer = SerialPrinter(Wire(self.board.printer))
        self.codes = []

    def write_config(self, **changes):
        super().write_config(**changes)
        board = f"  - {{name: printer, class: tap, transport: serial, port: {self.work}/port-agent, baud: 921600, profile: generic}}"
        lines = [board if "name: printer" in line else line for line in self.config.read_text().splitlines()
                 if "name: scanner" not in line]
        self.config.write_text("\n".join(lines) + "\n")

    def start(self, but=()):
        super().start(("relay", *but))
        # What comes before its lines are open is lost.
        wait_until("the board's stream", lambda: self.line.has_started, 20, [self.agent])

    def scan(self, code):
        """Between two customers: the paper before is out, and the board has the code before the next paper comes."""
        wait_until("the paper before the scan", lambda: self.printer.printed_bytes() == len(self.till.sent), 20)
        self.board.scanner.sendall(code.encode() + b"\r\n")
        self.codes.append(code)

    def await_room(self, size):
        """QEMU's lines know no speed: a till would overrun the copy as no real one can. Half of it is left to an agent that dies."""
        wait_until("room in the board's copy", lambda: len(self.till.sent) + size - self.line.safe <= COPY_BYTES // 2
                   and len(self.line.readings) - self.line.safe_scans < COPY_SCANS // 2, 60, [self.agent])

    def await_scan(self):
        wait_until("the board to tell of the scan", lambda: self.line.heard >= sum(map(len, self.codes)), 30, [self.agent])

    def stop(self):
        self.till._cable.unplug()
        super().stop()
        self.line.close()
        self.board.close()


@contextlib.contextmanager
def on_board(machine, tape):
    stage = BoardStage(machine, support.PROGRAMS, tape, SEED, os.environ.get("TILLWIRE_KEEP"))
    with stage:
        try:
            stage.start()
            yield stage
        except BaseException:
            for process in (stage.agent, stage.central):
                print(f"--- {process.name}\n{process.tail(15)}", file=sys.stderr)
            raise


class Customers:
    """Plays tape and customers, and kills the agent at `kills` of the steps: scans at once followed by its start, and
    receipts from their middle until after the next customer's scan."""

    def __init__(self, stage, tape, scans, kills, chance):
        self.stage = stage
        self.chance = chance
        self.is_dead = False
        self.sales = 0   # printed
        self.cards = {}  # of the sales that are no tape's: receipt number: card
        steps = [step for step in tape.steps if step["do"] != "pause"]
        steps += self._more(scans - sum(step["do"] == "scan" for step in steps))
        fatal = set(chance.sample(range(len(steps)), kills))
        for number, step in enumerate(steps):
            (self._scan if step["do"] == "scan" else self._print)(step, number in fatal)
        self._revive()

    def _more(self, scans):
        for number in range(scans):
            yield {"do": "scan", "code": card(number)}
            if number % SCANS_A_SALE == SCANS_A_SALE - 1:
                name = f"{800000 + number:06d}"
                self.cards[name] = card(number)
                yield {"do": "print", "bytes": receipt(name), "truth": {"type": "sale.completed"}}

    def _revive(self):
        if self.is_dead:
            self.stage.agent.start()
            self.is_dead = False

    def _scan(self, step, fatal):
        """What was printed last is complete when the printer has rested for two seconds, by the agent's clock; for an agent that
        hears of it later, by the board's."""
        if self.is_dead:
            time.sleep(PAUSE_S)
        else:
            self.stage.await_room(0)
            wait_until("the sales before the scan", lambda: self.stage.centre.transactions() >= self.sales, 30, [self.stage.agent])
        self.stage.scan(step["code"])
        if fatal and not self.is_dead:
            time.sleep(self.chance.uniform(0, 0.02))
            self.stage.agent.kill()
            self.is_dead = True
        self._revive()
        self.stage.await_scan()

    def _print(self, step, fatal):
        data, pieces = step["bytes"], self.chance.choice((None, 16, 64))
        self._revive()
        self.stage.await_room(len(data))
        cut = self.chance.randrange(len(data)) if fatal else 0
        if fatal:
            self.stage.till.send(data[:cut], pieces)
            time.sleep(self.chance.uniform(0, 0.02))
            self.stage.agent.kill()
            self.is_dead = True
        self.stage.till.print(data[cut:], pieces)
        self.sales += step["truth"]["type"] in SALES


class JourneyTest(support.StageTest):
    def test_stm32f405(self):
        self.journey("netduinoplus2")

    def test_mps2(self):
        self.journey("mps2-an386")

    def journey(self, machine):
        tape = Tape.own()
        with on_board(machine, tape) as stage:
            customers = Customers(stage, tape, SCANS, KILLS, random.Random(SEED))
            wait_until("the last scans to be safe", lambda: stage.line.safe_scans == len(stage.line.readings), 30, [stage.agent])
            stage.settle()
            self.assert_in_order(stage)
            self.assert_printer_exact(stage)
            self.assertEqual(stage.centre.events(EVENTS + "capture.gap"), [])
            unheard = self.check_scans(stage, tape)
            self.check_sales(stage, tape, customers.cards, unheard)

    def check_scans(self, stage, tape):
        """Each once, in order; what is no member's card is told nobody. Where the host stopped QEMU in the middle of a code for as
        long as ends a scan (firmware/core/scans.h), the board heard two, and neither is a card: gives those cards."""
        readings = [reading.decode() for _, reading in sorted(stage.line.readings.items())]
        self.assertEqual(len(stage.codes), SCANS)
        self.assertEqual(max(stage.line.readings), len(readings))
        self.assertLessEqual(len(readings), SCANS + SCANS // 20, "no host does that so often: the board cuts scans in two")
        self.assertEqual("".join(readings), "".join(stage.codes))
        cards = {step["code"]: step["card"] for step in tape.steps if step["do"] == "scan"}
        whole = [code for code in readings if code in stage.codes]
        members = [cards.get(code, code) for code in whole]
        told = [event["data"]["pseudonym"] for event in stage.centre.events(EVENTS + "loyalty.scanned")]
        self.assertEqual(told, [pseudonym(stage.key(), SCHEME, card) for card in members if card])
        return {cards.get(code, code) for code in set(stage.codes).difference(whole)}

    def check_sales(self, stage, tape, cards, unheard):
        """Each once, in order: the tape's with all that is known of them, the others with their customer."""
        sales, truths = stage.centre.sales(), tape.sales()
        self.assertEqual([sale["data"]["receipt_number"] for sale in sales],
                         [truth["receipt_number"] for truth in truths] + list(cards))
        for sale, truth in zip(sales, truths):
            with self.subTest(truth["receipt_number"]):
                truth = {**truth, "card": None} if truth["card"] in unheard else truth
                self.assertEqual(differences(sale, truth, stage.key()), [])
        for sale, card in zip(sales[len(truths):], cards.values()):
            with self.subTest(sale["data"]["receipt_number"]):
                said = sale["data"]["customer"]
                self.assertEqual(said and said["pseudonym"], None if card in unheard else pseudonym(stage.key(), SCHEME, card))


if __name__ == "__main__":
    SCANS, KILLS, SEED = support.numbers(scans=SCANS, kills=KILLS, seed=SEED)
    support.main()
