#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What an agent can do to the board: be silent for an hour, stop reading, be killed a hundred times, send garbage.

P5: printing goes on, both ways, byte for byte. P7: what the copy had to give up is counted exactly: what was taken and what
LOST named is what was printed. On mps2-an386 (in the other machine a peer that does not read stops the processor).

The hour is the board's own: QEMU's clock runs by instructions (-icount) and jumps where the processor sleeps; a HELLO a
second beats the time. Bytes an hour: a receipt of 2.5 KiB a minute, or with --bytes 3456000 a line of 9600 baud that never rests.
Usage: silent.py [--seconds N] [--bytes N] [--kills N] [--seed N]
"""

import pathlib
import random
import select
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

import support  # noqa: E402
from qemu import Board  # noqa: E402
from tap_frames import ACK, CONFIG, CREDIT, SCAN_ACK, START, UPDATE_BEGIN, UPDATE_DATA, UPDATE_END, encode  # noqa: E402
from tap_link import Agent  # noqa: E402

SECONDS, BYTES, KILLS, SEED = 3600, 150 * 1024, 100, 1
PATIENCE_S = 120  # wall clock, for a test that hangs; no outcome depends on it
CHUNK = 512


class Line:
    """The board with somebody at each end: a till and a printer that say what they are given to say and keep what they
    hear, and an agent who may be there and may read."""

    def __init__(self, board, seed):
        self.board = board
        self.random = random.Random(seed)
        self.printed = bytearray()   # by the till
        self.paper = bytearray()
        self.answered = bytearray()  # by the printer
        self.heard = bytearray()     # by the till
        self.agent = Agent(self.send)
        self.answers = True          # the agent does; else it only listens
        self.reads = True
        self.garbage = b""           # on its way to the board
        self._out = bytearray()
        self._socket = board.agent

    def send(self, data):
        self._out += data

    def hang_up(self):
        """As SIGKILL leaves a line: in the middle of whatever was on it. A new agent begins where the old one was."""
        self.board.hang_up("agent")
        self._socket = None
        self._out.clear()

    def connect(self):
        self._socket = self.board.connect("agent")
        self.agent.new_line(self.send)
        self.agent.wake()

    def turn(self, most=65536):
        """Moves bytes once; `most` of the agent's."""
        ends = [self.board.till, self.board.printer] + ([self._socket] if self._socket and self.reads else [])
        writers = [self._socket] if self._socket and self._out else []
        ready, writable, _ = select.select(ends, writers, [], 0.05)
        if writable:
            del self._out[:self._socket.send(self._out[:4096])]
        for end in ready:
            data = end.recv(most if end is self._socket else 65536)
            if end is self.board.printer:
                self.paper += data
            elif end is self.board.till:
                self.heard += data
            else:
                self.agent.hear(data, self.answers)

    def until(self, what, condition, most=lambda: 65536):
        end = time.monotonic() + PATIENCE_S
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"waited {PATIENCE_S} s for {what}")
            self.turn(most())

    def print(self, size):
        """The till prints so many bytes and the printer answers some, of all values; both arrive."""
        for at in range(0, size, CHUNK):
            out = self.random.randbytes(min(CHUNK, size - at))
            back = self.random.randbytes(len(out) // 4)
            self.board.till.sendall(out)
            self.board.printer.sendall(back)
            self.printed += out
            self.answered += back
            self.until("bytes to pass", self.has_passed)

    def answer(self, size):
        """The printer says so many bytes, and the till hears them."""
        back = self.random.randbytes(size)
        self.board.printer.sendall(back)
        self.answered += back
        self.until("bytes to pass", self.has_passed)

    def has_passed(self):
        return len(self.paper) >= len(self.printed) and len(self.heard) >= len(self.answered)

    def catch_up(self):
        """The agent is there and well, and takes all there is."""
        self.answers = self.reads = True
        self.agent.wake()
        self.until("the agent to catch up", lambda: self.agent.streams and self.agent.at == len(self.printed))
        self.agent.info = None
        self.agent.wake()
        self.until("the board to tell of itself", lambda: self.agent.info is not None and not self._out)


class SilentTest(support.StageTest):
    def on_board(self, answers=True, **options):
        board = Board("mps2-an386", seed=SEED, **options)
        self.addCleanup(board.close)
        line = Line(board, SEED)
        line.answers = answers
        if answers:
            line.until("the stream to start", lambda: line.agent.streams)
        else:
            line.until("the board to greet", lambda: line.agent.hellos > 0)
        return line

    def assert_all_passed(self, line):
        self.assertEqual(bytes(line.paper), bytes(line.printed), "the paper differs from what was printed")
        self.assertEqual(bytes(line.heard), bytes(line.answered), "the till heard something else than the printer said")
        line.agent.account(line.printed)
        self.assertEqual(line.agent.info.overruns, 0)

    def test_silent_for_an_hour(self):
        """Connected, and never says a word: HELLO comes once a second and nothing else."""
        line = self.on_board(answers=False, icount=True)
        first = line.agent.hellos
        while (second := line.agent.hellos - first) < SECONDS:
            if second % 60 == 0:
                line.print(BYTES * 60 // SECONDS)
            line.until("the next second", lambda: line.agent.hellos - first > second)
        line.catch_up()
        self.assert_all_passed(line)
        self.assertEqual(line.agent.lost, [(0, len(line.printed) - line.agent.taken_bytes())])
        self.assertEqual(line.agent.info.lost_bytes, line.agent.lost_bytes())
        self.assertGreaterEqual(line.agent.info.uptime_us, SECONDS * 1_000_000)
        self.assertLessEqual(line.agent.taken_bytes(), line.agent.buffer)
        self.assertGreater(line.agent.taken_bytes(), line.agent.buffer * 3 // 4, "the copy keeps less than it has room for")

    def test_stops_reading(self):
        """In the middle of the stream, for the bytes of an hour; then it reads on."""
        line = self.on_board()
        line.catch_up()
        line.print(8 * 1024)
        line.reads = False
        line.print(BYTES)
        line.catch_up()
        line.print(8 * 1024)
        line.catch_up()
        self.assert_all_passed(line)
        self.assertGreater(line.agent.lost_bytes(), BYTES - 4 * line.agent.buffer)
        self.assertLessEqual(line.agent.lost_bytes(), line.agent.info.lost_bytes)

    def test_killed_in_mid_frame(self):
        """Each life ends after a number of bytes that nobody chose; some are long enough away for the copy to be full."""
        line = self.on_board()
        for life in range(KILLS):
            line.reads = False
            line.print(line.random.choice((100, 500, 1500)) if life % 25 else 28 * 1024)
            line.reads = True
            limit = line.agent.at + line.random.randrange(1, min(3000, len(line.printed) - line.agent.at))
            line.until("the agent to take some", lambda: line.agent.at >= limit, lambda: line.random.randrange(1, 200))
            line.hang_up()
            line.print(line.random.choice((50, 600)))
            line.connect()
        line.catch_up()
        self.assert_all_passed(line)
        self.assertGreater(line.agent.lost_bytes(), 0, "the copy was never full: the test shows less than it says")
        self.assertLessEqual(line.agent.lost_bytes(), line.agent.info.lost_bytes)

    def test_garbage(self):
        """Noise, cut frames, frames that are none, and good ones that make no sense: counted, and nothing else."""
        line = self.on_board()
        line.catch_up()
        bad = line.agent.info.bad_frames
        for _ in range(max(1, BYTES // 4096)):
            for _ in range(4):
                line.send(self.nonsense(line))
            line.answers = line.random.random() < 0.5
            line.print(4096)
        line.send(b"\0")
        line.catch_up()
        self.assert_all_passed(line)
        self.assertGreater(line.agent.info.bad_frames, bad + BYTES // 4096)
        line.print(4096)
        line.catch_up()
        self.assert_all_passed(line)

    @staticmethod
    def nonsense(line):
        """Not CONFIG and UPDATE_BEGIN whole: they are no nonsense; and no acknowledgement of what nobody has."""
        chance = line.random
        noise = chance.randbytes(chance.randrange(1, 600))
        kind = chance.choice((START, ACK, CREDIT, SCAN_ACK, CONFIG, UPDATE_BEGIN, UPDATE_DATA, UPDATE_END, 0, 99, 255))
        size = min(len(noise), 40)
        frame = encode(kind, chance.randrange(256), noise[:size - (size in (12, 24))])
        return chance.choice((noise, frame, frame[:-3], noise.replace(b"\0", b"\1") * 4, bytes(50), encode(ACK, 0, b"\xff" * 8)))


if __name__ == "__main__":
    SECONDS, BYTES, KILLS, SEED = support.numbers(seconds=SECONDS, bytes=BYTES, kills=KILLS, seed=SEED)
    support.main()
