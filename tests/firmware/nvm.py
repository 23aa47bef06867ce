# SPDX-License-Identifier: Apache-2.0
"""The mps2-an386's NVM in its file: slots, and the boot log read and written from its format alone (firmware/core/boot.h)."""

import collections
import mmap
import struct
import zlib

PAGE, RECORD, STATE = 0x4000, 32, 1
PAGES = (0, PAGE)
A, B = 1, 2
SLOTS = {A: 0x10000, B: 0x20000}
SLOT, SIZE, USED = 0x10000, 16 << 20, 0x30000

_STATE = struct.Struct("<5B3xII8x")
State = collections.namedtuple("State", "confirmed trial tries fault fault_slot floor rescue_floor", defaults=(0,) * 7)
Record = collections.namedtuple("Record", "sequence kind payload")


def parse(data):
    """The Record in 32 bytes, or None."""
    head, crc = struct.unpack_from("<I", data)[0], struct.unpack_from("<I", data, 28)[0]
    return Record(head >> 8, head & 255, bytes(data[4:28])) if crc == zlib.crc32(data[:28]) else None


def build(record):
    body = struct.pack("<I", record.sequence << 8 | record.kind) + record.payload
    return body + struct.pack("<I", zlib.crc32(body))


def state_record(sequence, state):
    return build(Record(sequence, STATE, _STATE.pack(*state)))


class Nvm:
    """A new one is erased. What QEMU writes is seen here at once, and the other way round."""

    def __init__(self, path):
        self.path = path
        with open(path, "w+b") as file:
            file.truncate(SIZE)
            self.bytes = mmap.mmap(file.fileno(), USED)
        self.bytes[:] = b"\xff" * USED

    def close(self):
        self.bytes.close()

    def place(self, slot, image, rest=b"\xff"):
        """An image in its slot; what is behind it is filled with `rest`."""
        self.bytes[SLOTS[slot]:SLOTS[slot] + SLOT] = image.ljust(SLOT, rest)

    def remember(self, state):
        """A log that knows nothing but this state."""
        self.bytes[:2 * PAGE] = state_record(1, state).ljust(2 * PAGE, b"\xff")

    def records(self):
        for at in range(0, 2 * PAGE, RECORD):
            record = parse(self.bytes[at:at + RECORD])
            if record is not None:
                yield record

    def state(self):
        """The newest state in the log."""
        newest = max((record for record in self.records() if record.kind == STATE), default=None)
        return State(*_STATE.unpack(newest.payload)) if newest else State()
