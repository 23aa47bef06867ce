# SPDX-License-Identifier: Apache-2.0
"""An agent on the tap link (include/tillwire/tap_link.h) whose manners a test decides, in Python."""

import struct

from tap_frames import ACK, CREDIT, DATA, HELLO, INFO, LOST, MARK, SCAN, SCAN_ACK, SCAN_LOST, START, STARTED, Decoder, encode


class Info:
    """What INFO says."""

    NAMES = ("firmware", "board", "slot", "state", "uptime_us", "lost_bytes", "lost_scans", "overruns", "bad_frames")

    def __init__(self, payload):
        for name, value in zip(self.NAMES, struct.unpack_from("<IIBBQQQQQ", payload)):
            setattr(self, name, value)
        self.lines = [struct.unpack_from("<IBBBB", payload, 50 + 8 * n) for n in range(3)]
        self.serial = payload[74:86]


class Agent:
    """One agent for as long as the tap runs, over many lines: it says START, takes the stream, and keeps account.

    `send(bytes)` is how it speaks; whoever reads the line hands it to hear(). What it has stays when the line goes, as
    the journal of a real one does.
    """

    CREDIT_BYTES = 1 << 20
    ACK_BYTES = 512  # it acknowledges when it has so much more; the board's line to hear it is no wider than the one to talk

    def __init__(self, send, acks=True):
        self.send = send
        self.acks = acks
        self.boot = None
        self.at = 0             # all before is taken or lost
        self.taken = []         # (offset, bytes)
        self.lost = []          # (from, to)
        self.marks = 0
        self.scans = {}         # number: (at, bytes)
        self.scans_lost = []
        self.hellos = 0
        self.info = None
        self.damaged = 0        # frames that failed their checks, or came out of turn
        self.streams = False
        self._sequence = 0
        self._credit = 0
        self._acked = 0
        self.new_line(send)

    def new_line(self, send):
        """The line before is gone, with what was on it."""
        self.send = send
        self.streams = False
        self._decoder = Decoder()
        self._expected = None
        self._asked = None

    def say(self, kind, payload=b""):
        self.send(encode(kind, self._sequence, payload))
        self._sequence += 1

    def start(self):
        """Asks for the stream from where it has it."""
        self.streams = False
        self._asked = self._sequence & 255
        self.say(START, self.boot + struct.pack("<Q", self.at))
        self.say(CREDIT, struct.pack("<I", self.CREDIT_BYTES))
        self._credit = self.CREDIT_BYTES

    def wake(self):
        """A START of nobody's boot: the tap answers with HELLO at once instead of within a second."""
        self.say(START, bytes(16 + 8))

    def taken_bytes(self):
        return sum(len(data) for _, data in self.taken)

    def lost_bytes(self):
        return sum(to - start for start, to in self.lost)

    def hear(self, data, answers=True):
        """Bytes from the tap. Without `answers` it only listens."""
        for frame in self._decoder.feed(data):
            if frame is None:
                self.damaged += 1
            else:
                self._take(*frame, answers)
        if answers and self.streams:
            self._thank()

    def _take(self, kind, sequence, payload, answers):
        in_order = self._expected in (None, sequence)
        self._expected = (sequence + 1) & 255
        if kind == HELLO:
            self._meet(payload, answers)
        elif kind == STARTED:
            self._begin(payload)
        elif kind == INFO:
            self.info = Info(payload)
        elif self.streams:
            if not in_order or not self._take_stream(kind, payload):
                self.damaged += 1
                self.streams = False
                if answers:
                    self.start()

    def _meet(self, payload, answers):
        version, boot, self.first, self.next, self.buffer = struct.unpack("<H16sQQI", payload)
        self.hellos += 1
        if self.boot not in (None, boot):
            raise AssertionError("the tap started anew")
        self.boot = boot
        if answers:
            self.start()

    def _begin(self, payload):
        offset, asked = struct.unpack("<QB", payload)
        if asked == self._asked:
            assert offset == self.at, f"the stream goes on at {offset}, but {self.at} was asked for"
            self.streams = True

    def _take_stream(self, kind, payload):
        if kind == SCAN:
            number, at, _ = struct.unpack_from("<QQQ", payload)
            self.scans.setdefault(number, (at, payload[24:]))
            return at <= self.at
        if kind == SCAN_LOST:
            self.scans_lost.append(struct.unpack("<QQ", payload))
            return True
        start = struct.unpack_from("<Q", payload)[0]
        if start != self.at:
            return False
        if kind == DATA:
            data = payload[16:]
            self.taken.append((start, data))
            self.at += len(data)
            self._credit -= len(data)
        elif kind == LOST:
            self.at = struct.unpack_from("<Q", payload, 8)[0]
            self.lost.append((start, self.at))
        elif kind == MARK:
            self.marks += 1
        return True

    def acknowledge(self):
        """All it has."""
        self._acked = self.at
        self.say(ACK, struct.pack("<Q", self.at))
        if self.scans:
            self.say(SCAN_ACK, struct.pack("<Q", max(self.scans)))

    def _thank(self):
        if self.acks and self.at - self._acked >= self.ACK_BYTES:
            self.acknowledge()
        if self._credit < self.CREDIT_BYTES // 2:
            more = self.CREDIT_BYTES - self._credit
            self.say(CREDIT, struct.pack("<I", more))
            self._credit += more

    def account(self, printed):
        """Every byte printed was taken once, unchanged, or is named lost: AssertionError where not."""
        pieces = sorted([(at, at + len(data), data) for at, data in self.taken] + [(a, b, None) for a, b in self.lost],
                        key=lambda piece: piece[:2])
        end = 0
        for start, to, data in pieces:
            assert start == end, f"[{end}, {start}) was neither sent nor named lost, or sent twice"
            assert data is None or data == printed[start:to], f"the copy of [{start}, {to}) differs from the paper"
            end = to
        assert end == len(printed), f"{len(printed)} bytes were printed, {end} accounted for"
