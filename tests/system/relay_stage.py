# SPDX-License-Identifier: Apache-2.0
"""What the relay's system tests share: the stage with a serial printer line instead of the network, and a relay whose
listening sockets somebody else keeps, as systemd does."""

import contextlib
import os
import select
import socket
import subprocess
import sys
import threading
import time
import tty

import support
from printer import DLE_EOT, READY
from process import Process, wait_until
from stage import Stage
from till import Till

XON, XOFF = b"\x11", b"\x13"
BAUD = 115200


class CutOffTill(Till):
    """A till that knows what to do when its connection is reset."""

    def forget(self):
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


class Cable:
    """A serial port behind a path that stays: unplug() takes it away, plug() brings another node."""

    def __init__(self, link):
        self.link = str(link)
        self.far = None
        self._lock = threading.Lock()  # a descriptor somebody reads is not closed by closing it
        self.plug()

    def plug(self):
        self.far, near = os.openpty()
        tty.setraw(near)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.link)
        os.symlink(os.ttyname(near), self.link)
        os.close(near)

    def unplug(self):
        with self._lock:
            far, self.far = self.far, None
            if far is not None:
                os.close(far)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.link)

    def read(self):
        """What came, b"" when nothing did or nobody has the port open."""
        with self._lock, contextlib.suppress(OSError):
            if self.far is not None and select.select([self.far], [], [], 0.005)[0]:
                return os.read(self.far, 65536)
        time.sleep(0.002)
        return b""


class SerialPrinter:
    """A receipt printer on a serial cable: `paper` is all it was ever sent. With `busy_every` its buffer is full after
    so many bytes, and it says XOFF and a little later XON."""

    def __init__(self, cable, busy_every=None):
        self.paper = bytearray()
        self.cable = cable
        self.busy_every = busy_every
        self.stops = 0
        self._lock = threading.Lock()
        self._over = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def printed_bytes(self):
        with self._lock:
            return len(self.paper)

    def close(self):
        self._over = True
        self.cable.unplug()

    def _serve(self):
        window = b""
        rest = self.busy_every
        while not self._over:
            if self.cable.far is None:
                time.sleep(0.01)
                continue
            received = self.cable.read()
            with self._lock:
                self.paper += received
            window = window[-2:] + received
            answers = window.count(DLE_EOT, 0, len(window) - 1)
            with contextlib.suppress(OSError, TypeError):
                if answers:
                    os.write(self.cable.far, READY * answers)
                    window = b""
                if rest is not None:
                    rest -= len(received)
                    if rest <= 0:
                        rest = self.busy_every
                        self._be_busy()

    def _be_busy(self):
        self.stops += 1
        os.write(self.cable.far, XOFF)
        time.sleep(0.02)
        os.write(self.cable.far, XON)


class SerialTill:
    """The interface of sim's till, over a serial cable; it obeys XOFF."""

    def __init__(self, cable, random):
        self.sent = bytearray()
        self.receipts = 0
        self.answers_missing = 0
        self.stopped = threading.Event()
        self.stops = 0
        self._cable = cable
        self._random = random
        self._answers = bytearray()
        self._came = threading.Condition()
        self.start_hearing()

    def start_hearing(self):
        """After its cable was plugged in again, too."""
        threading.Thread(target=self._hear, daemon=True).start()

    def print(self, data, piece_bytes=None):
        if self._random.random() < 0.25:
            self.ask_status()
        self.send(data, piece_bytes)
        self.receipts += 1

    def send(self, data, piece_bytes=None):
        size = piece_bytes or 256
        for at in range(0, len(data), size):
            while self.stopped.is_set():
                time.sleep(0.001)
            piece = data[at:at + size]
            written = 0
            while written < len(piece):
                written += os.write(self._cable.far, piece[written:])
            self.sent += piece

    def ask_status(self):
        """DLE EOT 1; counts an answer that does not come."""
        with self._came:
            self._answers.clear()
        self.send(DLE_EOT + b"\x01")
        with self._came:
            if not self._came.wait_for(lambda: self._answers, 10) or self._answers != READY:
                self.answers_missing += 1

    def hang_up(self):
        """A cable has no end of a connection."""

    def _hear(self):
        while self._cable.far is not None:
            for byte in self._cable.read():
                byte = bytes([byte])
                if byte == XOFF:
                    self.stops += 1
                    self.stopped.set()
                elif byte == XON:
                    self.stopped.clear()
                else:
                    with self._came:
                        self._answers += byte
                        self._came.notify_all()


class SerialStage(Stage):
    """The stage with the relay between two serial ports."""

    FLOW = "xonxoff"

    def __init__(self, *arguments, busy_every=None, **options):
        super().__init__(*arguments, **options)
        self.printer.close()
        self.cables = [Cable(self.work / "port-till"), Cable(self.work / "port-printer")]
        self.till = SerialTill(self.cables[0], self.random)
        self.printer = SerialPrinter(self.cables[1], busy_every)

    def write_config(self, **changes):
        super().write_config(**changes)
        text = self.config.read_text().splitlines()
        inline = (f"  - {{name: printer, class: tap, transport: serial, port: {self.work}/port-till, "
                  f"forward: {self.work}/port-printer, baud: {BAUD}, flow: {self.FLOW}, profile: generic}}")
        self.config.write_text("\n".join(inline if "name: printer" in line else line for line in text) + "\n")

    def start(self, but=()):
        if "relay" not in but:
            self.relay.start()
            wait_until("the relay to be ready", (self.work / "run/printer.tap.sock").exists, 20, [self.relay])
        super().start(("relay", *but))

    def stop(self):
        super().stop()
        self.cables[0].unplug()


@contextlib.contextmanager
def on_serial_stage(tape=None, seed=1, busy_every=None):
    """As support.on_stage, over serial ports."""
    stage = SerialStage(support.PROGRAMS, tape, seed, os.environ.get("TILLWIRE_KEEP"), busy_every=busy_every)
    with stage:
        try:
            stage.start()
            yield stage
        except BaseException:
            for process in (stage.relay, stage.agent):
                print(f"--- {process.name}\n{process.tail(15)}", file=sys.stderr)
            raise


class Activated(Process):
    """A relay whose listeners are ours, as they are systemd's: they are there while it is not. bash(1) puts them where
    sd_listen_fds(3) wants them."""

    HAND_OVER = 'exec 3<&"$1" 4<&"$2"; shift 2; LISTEN_FDS=2 LISTEN_PID=$$ exec "$@"'

    def __init__(self, relay, port, path):
        super().__init__(relay.name, relay.command, relay.log, relay.environment)
        self.tills = socket.create_server(("127.0.0.1", port), backlog=16)
        self.agents = socket.socket(socket.AF_UNIX)
        self.agents.bind(str(path))
        self.agents.listen(16)

    def start(self):
        fds = [self.tills.fileno(), self.agents.fileno()]
        with open(self.log, "ab") as log:
            self._child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", "bash", "-c", self.HAND_OVER, "bash", *map(str, fds), *self.command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=self.environment,
                start_new_session=True, pass_fds=fds)

    def close(self):
        self.tills.close()
        self.agents.close()

