# SPDX-License-Identifier: Apache-2.0
"""Frames of the tap link (include/tillwire/tap_link.h, firmware/core/link.c) in Python."""

import struct
import zlib

HELLO, DATA, MARK, LOST, STARTED, SCAN, SCAN_LOST, INFO, UPDATE_STATE = range(1, 10)
START, ACK, CREDIT, SCAN_ACK, CONFIG, UPDATE_BEGIN, UPDATE_DATA, UPDATE_END = range(17, 25)


def cobs(data):
    out = bytearray()
    for run in (data + b"\0").split(b"\0")[:-1]:
        while len(run) >= 254:
            out += b"\xff" + run[:254]
            run = run[254:]
        out += bytes([len(run) + 1]) + run
    return bytes(out)


def uncobs(data):
    out, at = bytearray(), 0
    while at < len(data):
        code = data[at]
        out += data[at + 1:at + code]
        at += code
        if code < 255 and at < len(data):
            out.append(0)
    return bytes(out)


def encode(kind, sequence, payload):
    body = bytes([kind, sequence & 255]) + payload
    return cobs(body + struct.pack("<I", zlib.crc32(body))) + b"\0"


class Decoder:
    """Takes bytes in any pieces; yields (kind, sequence, payload), or None for a frame that fails its checks."""

    def __init__(self):
        self._rest = b""

    def feed(self, data):
        *frames, self._rest = (self._rest + data).split(b"\0")
        for frame in filter(None, frames):
            body = uncobs(frame)
            good = len(body) >= 6 and zlib.crc32(body[:-4]) == struct.unpack("<I", body[-4:])[0]
            yield (body[0], body[1], body[2:-4]) if good else None
