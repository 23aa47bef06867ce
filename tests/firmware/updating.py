# SPDX-License-Identifier: Apache-2.0
"""What tests of updates need: a board with an agent that updates it, and images of every kind."""

import collections
import select
import struct
import subprocess
import time

import nvm
from nvm import A, B
from qemu import FIRMWARE, ROOT, Board
from tap_frames import CREDIT, HELLO, INFO, START, UPDATE_BEGIN, UPDATE_DATA, UPDATE_END, UPDATE_STATE, Decoder, encode
from tap_link import Info

PACK = ROOT / "tools/firmware/pack"
BOARD, BOARD_NUMBER, OTHER_BOARD = "mps2-an386", 2, "stm32f405"
OLDEST, OLD, NOW, NEW = "0.0.9", "0.1.0", "0.2.0", "0.3.0"
PATIENCE_S = 60        # wall clock, for a test that hangs; no outcome depends on it
RESETS, HANGS = 1, 7   # entries of a small program, with the bit that says Thumb

# include/tillwire/tap_info.h, tap_image.h
CONFIRMED, ON_TRIAL, REVERTED = range(3)
IDLE, RECEIVING, CHECKED, FAILED = range(4)
NO_HEADER, WRONG_BOARD, WRONG_SLOT, WRONG_LENGTH, TOO_OLD, BAD_SIGNATURE, BAD_HASH, NOT_HEALTHY = range(1, 9)
OTHER = 17


def number(version):
    major, minor, patch = map(int, version.split("."))
    return major << 16 | minor << 8 | patch


class Tap:
    """A board with power on, and the agent at its line. Leaving the `with` is the power going."""

    def __init__(self, folder):
        self.board = Board(BOARD, folder)
        self.watch = None  # called again and again while waiting
        self.info, self.updates, self.starts = None, collections.deque(), 0
        self._decoder, self._sequence, self._hello = Decoder(), 0, None
        self.board.agent.setblocking(False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.board.close()

    def say(self, kind, payload=b""):
        self.board.agent.sendall(encode(kind, self._sequence, payload))
        self._sequence += 1

    def turn(self):
        if self.watch:
            self.watch()
        else:
            select.select([self.board.agent], [], [], 0.02)
        try:
            data = self.board.agent.recv(65536)
        except BlockingIOError:
            return
        for frame in self._decoder.feed(data):
            if frame is not None:
                self._take(*frame)

    def _take(self, kind, _, payload):
        if kind == HELLO:
            self._meet(payload[2:26])
        elif kind == INFO:
            self.info = Info(payload)
        elif kind == UPDATE_STATE:
            self.updates.append(struct.unpack("<BBI", payload))

    def _meet(self, hello):
        self.starts += self._hello is None or hello[:16] != self._hello[:16]
        self._hello = hello
        self.meet()

    def meet(self):
        """The agent asks for the stream, from where the tap has it. Without that no image is ever confirmed."""
        self.say(START, self._hello)
        self.say(CREDIT, struct.pack("<I", 1 << 20))

    def until(self, what, condition, patience_s=PATIENCE_S):
        end = time.monotonic() + patience_s
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"waited {patience_s} s for {what}")
            self.turn()

    def tell(self):
        """What runs, as it says itself now: INFO comes after STARTED."""
        self.info = None
        if self._hello:
            self.meet()
        self.until("the board to tell of itself", lambda: self.info is not None)
        return self.info

    def ask(self, kind, payload=b""):
        """An UPDATE_ frame and the answer to it."""
        self.updates.clear()
        self.say(kind, payload)
        self.until("an answer to an update", lambda: self.updates)
        return self.updates.popleft()

    def update(self, image, version=None, board=BOARD_NUMBER, length=None):
        """Sends an image as the agent does; returns the last (state, reason)."""
        length = len(image) if length is None else length
        state, reason, at = self.ask(UPDATE_BEGIN, struct.pack("<III", length, number(version or NEW), board))
        while state == RECEIVING and at < min(length, len(image)):
            state, reason, at = self.ask(UPDATE_DATA, struct.pack("<I", at) + image[at:at + 1024])
        if state == RECEIVING:
            state, reason, _ = self.ask(UPDATE_END)
        return state, reason

    def until_restarted(self, times=1, patience_s=PATIENCE_S):
        wanted = self.starts + times
        self.until("the board to start again", lambda: self.starts >= wanted, patience_s)


def pack(*arguments):
    subprocess.run([PACK, *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


class Images:
    """Signed images by (version, slot), and such as nobody should take; made once."""

    def __init__(self, folder):
        self.key, self.other_key, self._folder = FIRMWARE / "development-key.pem", folder / "other.pem", folder
        pack("key", "--out", self.other_key)
        self.good = {(version, slot): self.make(version, slot) for version in (OLDEST, OLD, NOW, NEW) for slot in (A, B)}
        self.wrong_key = self.make(NEW, B, key=self.other_key)
        self.wrong_board = self.make(NEW, B, board=OTHER_BOARD)
        self.crashes = self.make(NEW, B, self.code(entry=RESETS))
        self.hangs = self.make(NEW, B, self.code(entry=HANGS))

    def make(self, version, slot, body=None, key=None, board=BOARD):
        letter = "AB"[slot - A]
        if body is None:
            body = (FIRMWARE / f"quick-{BOARD}-{letter.lower()}.bin").read_bytes()
        source, image = self._folder / "body", self._folder / "image"
        source.write_bytes(body)
        pack("image", "--key", key or self.key, "--board", board, "--slot", letter, "--version", version, "--body", source, "--out", image)
        return image.read_bytes()

    @staticmethod
    def code(entry):
        """A program for slot B that resets, or hangs until the watchdog's NMI, which resets (ARMv7-M ARM B3.2.6)."""
        start = 0x21000000 + nvm.SLOTS[B] + 256 + 64
        vectors = struct.pack("<16I", 0x20010000, start + entry, start + RESETS, *[start + HANGS] * 13)
        # ldr r0, [pc, 8]; ldr r1, [pc, 8]; str r1, [r0]; hangs: b hangs; and two words: AIRCR, VECTKEY with SYSRESETREQ
        return vectors + bytes.fromhex("02480349 0160fee7 00bf00bf") + struct.pack("<II", 0xe000ed0c, 0x05fa0004)
