#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A member is greeted on the customer display, and a card that is swiped is read, or forgotten.

The display and the reader of magnetic stripes are pseudo terminals.
"""

import json
import os
import select
import time
import tty

import support
from centre import pseudonym
from guard import OWN_PANS, traces
from observer import Observer
from process import wait_until
from stage import SCHEME
from support import EVENTS, on_stage, receipt
from till import Tape

ALL = ("broker", "central", "relay", "agent")  # started once the devices are configured
STRANGER = "6009200999999992"
GREETING = b"\x1f$\x01\x01Sch\x94n, Sie zu sehen!\x1f$\x01\x02"
DISPLAY = '  - {{name: display, class: display, transport: serial, port: {port}, baud: 9600{more}}}\n'
STRIPE = '  - {{name: stripe, class: stripe, transport: serial, port: {port}, baud: 9600}}\n'


class Line:
    """A serial device: a pseudo terminal, held open so that it can be written to before the agent is there."""

    def __init__(self):
        self.far, self.near = os.openpty()
        tty.setraw(self.near)
        self.port = os.ttyname(self.near)
        self.seen = b""

    def read(self, seconds=0.2):
        """All that came so far, once nothing more comes."""
        while select.select([self.far], [], [], seconds)[0]:
            self.seen += os.read(self.far, 4096)
        return self.seen

    def write(self, data):
        os.write(self.far, data)

    def close(self):
        os.close(self.far)
        os.close(self.near)


def add_devices(stage, lines):
    """Into the list of devices, before the section that follows it."""
    text = stage.config.read_text()
    stage.config.write_text(text.replace("loyalty:\n", lines + "loyalty:\n", 1))


def device(stage, name):
    """What the agent says of a device."""
    return next(each for each in json.loads(stage.get("/v1/status")[1])["devices"] if each["name"] == name)


class DisplayTest(support.StageTest):
    def setUp(self):
        self.tape = Tape([], Tape.own().members)
        self.member = next(member for member in self.tape.members if member["points"])
        self.line = Line()
        self.addCleanup(self.line.close)

    def run_with(self, stage, more=', greeting: true, text: "Schön, Sie zu sehen!", points: Punkte'):
        add_devices(stage, DISPLAY.format(port=self.line.port, more=more))
        stage.start()
        wait_until("the members to reach the terminal", lambda: stage.metric("members") == len(self.tape.members), 30,
                   [stage.agent, stage.central])

    def points(self):
        number = f"{self.member['points']:,}".replace(",", " ")
        return b"Punkte" + number.rjust(14).encode()

    def test_a_member_is_greeted_until_the_sale_is_closed(self):
        with on_stage(self.tape, but=ALL) as stage:
            self.run_with(stage)
            wait_until("the display to be cleared at first", lambda: self.line.read().endswith(b"\x0c"), 10, [stage.agent])
            stage.scan(self.member["card"])
            wait_until("the greeting", lambda: self.line.read().endswith(GREETING + self.points()), 10, [stage.agent])
            stage.till.print(receipt("1001"))
            stage.till.hang_up()
            wait_until("the display to be cleared", lambda: self.line.read().endswith(b"\x0c"), 10, [stage.agent])
            self.forgets(stage)
            self.assertFalse(self.line.read().endswith(b"\x0c"))
            stage.agent.stop()  # P11: nobody else would clear it
            self.assertTrue(self.line.read().endswith(b"\x0c"))

    def forgets(self, stage):
        """Who is no member, and a payment card, leave it blank; no number was ever shown."""
        before = self.line.read()
        stage.scan(STRANGER)
        stage.scan(OWN_PANS[0])
        time.sleep(0.5)
        self.assertEqual(self.line.read(), before)
        stage.scan(self.member["card"])
        wait_until("another greeting", lambda: self.line.read() != before, 10, [stage.agent])
        self.assertNotIn(self.member["card"].encode()[-8:], self.line.read())
        self.assertNotIn(self.member["tier"].encode(), self.line.read())
        stage.settle()
        self.assert_in_order(stage)

    def test_off_by_default(self):
        with on_stage(self.tape, but=ALL) as stage:
            self.run_with(stage, more="")
            wait_until("the display to be cleared at first", lambda: self.line.read().endswith(b"\x0c"), 10, [stage.agent])
            before = self.line.read()
            stage.scan(self.member["card"])
            time.sleep(1)
            self.assertEqual(self.line.read(), before)

    def test_a_dead_display_holds_nobody_up(self):
        """P5: nobody reads what is sent to it, until the line takes nothing more; each scan is taken at once."""
        with on_stage(self.tape, but=ALL) as stage:
            self.run_with(stage)
            slowest, scans = 0, 0
            while device(stage, "display")["reopens"] == 0:
                for _ in range(200):
                    start = time.monotonic()
                    status, _answer = stage.post("/v1/scans", {"code": self.member["card"]})
                    slowest = max(slowest, time.monotonic() - start)
                    self.assertEqual(status, 201)
                scans += 200
                self.assertLess(scans, 10000, "the line of a dead display never filled")
            print(f"slowest of {scans} scans with a dead display: {slowest * 1000:.0f} ms")
            self.assertLess(slowest, 5)
            os.close(self.line.far)  # and unplugged
            self.line.far = os.open("/dev/null", os.O_RDWR)
            self.assertEqual(stage.post("/v1/scans", {"code": self.member["card"]})[0], 201)
            stage.settle()
            self.assert_in_order(stage)


class StripeTest(support.StageTest):
    def test_loyalty_is_told_and_payment_is_found_nowhere(self):
        """P6, and that what a swipe tells is a scan like any other."""
        tape = Tape([], Tape.own().members)
        card = tape.members[0]["card"]
        line = Line()
        self.addCleanup(line.close)
        with on_stage(tape, but=ALL) as stage:
            add_devices(stage, STRIPE.format(port=line.port))
            stage.start()
            observer = Observer(stage)
            for pan in OWN_PANS:
                self.swipe(stage, line, f"%B{pan}^DOE/JANE^29121010000000000?;{pan}=29121010000000?\r".encode())
                self.swipe(stage, line, f";{pan}=2912?\r".encode())
                self.swipe(stage, line, f"%B{pan}^DOE/JANE^2912?\r;{card}=4912?\r".encode())
            self.swipe(stage, line, f"%B{card}^DOE/JANE^4912?;{card}=49121010000000?\r".encode())
            self.assertEqual(stage.metric("scans_total", device="stripe"), 1)
            stage.settle()
            scan, = stage.centre.events(EVENTS + "loyalty.scanned")
            self.assertEqual((scan["data"]["device"], scan["data"]["pseudonym"]),
                             ("stripe", pseudonym(stage.key(), SCHEME, card)))
            numbers = [*OWN_PANS, card, "DOE/JANE"]
            self.assertEqual(traces(observer.traffic(), numbers), [])
            stage.agent.stop()  # what it writes at the end counts as well
            for file in stage.work.rglob("*"):
                if file.is_file() and file.name != "members.json":
                    with self.subTest(file.relative_to(stage.work)):
                        self.assertEqual(traces(file.read_bytes(), numbers), [])

    def swipe(self, stage, line, data):
        """As slowly as nobody is: one after the other, and each is counted as an error or told."""
        before = self.counted(stage)
        line.write(data)
        wait_until("a swipe to be read", lambda: self.counted(stage) > before, 10, [stage.agent])

    def counted(self, stage):
        return device(stage, "stripe")["errors"] + stage.metric("scans_total", device="stripe")


if __name__ == "__main__":
    support.main()
