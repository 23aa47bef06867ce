# SPDX-License-Identifier: Apache-2.0
"""The tape and the till that plays it: scans cards, prints receipts, waits between customers."""

import json
import pathlib
import socket

from printer import DLE_EOT, READY

OWN_TAPE = pathlib.Path(__file__).parent / "tape"
SALES = ("sale.completed", "sale.returned", "sale.voided")


class Tape:
    """Steps to play, and members; `truth` of a print is what should be made of it, where known."""

    def __init__(self, steps, members=(), timezone="Europe/Berlin", currency="EUR"):
        self.steps = steps
        self.members = list(members)
        self.timezone = timezone
        self.currency = currency

    @staticmethod
    def own():
        """The project's tape."""
        told = json.loads((OWN_TAPE / "tape.json").read_text())
        for step in told["steps"]:
            if step["do"] == "print":
                step["bytes"] = (OWN_TAPE / step["file"]).read_bytes()
        return Tape(told["steps"], told["members"], told["timezone"], told["currency"])

    @staticmethod
    def of_folder(folder):
        """Every .bin file of a folder, in order of their names; nothing is known of their truth."""
        files = sorted(pathlib.Path(folder).glob("*.bin"))
        return Tape([{"do": "print", "file": file.name, "bytes": file.read_bytes()} for file in files])

    def prints(self):
        return [step for step in self.steps if step["do"] == "print"]

    def sales(self):
        """The truths of what must become a sale event; None where the tape does not know."""
        if any("truth" not in step for step in self.prints()):
            return None
        return [step["truth"] for step in self.prints() if step["truth"]["type"] in SALES]


class Till:
    """Prints through a tap. `sent` is every byte it ever gave, in order."""

    def __init__(self, port, random):
        self.sent = bytearray()
        self.receipts = 0
        self.answers_missing = 0
        self._port = port
        self._random = random
        self._connection = None

    def print(self, data, piece_bytes=None):
        """Prints one receipt; at random over the connection of the one before, or over a new one."""
        connection = self._connect()
        if self._random.random() < 0.25:
            self._ask_status(connection)
        self._send(connection, data, piece_bytes)
        self.receipts += 1
        if self._random.random() < 0.6:
            self.hang_up()

    def hang_up(self):
        """Closes the connection, as a till does that has finished."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        with connection:
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):  # an answer left unread would make the close a reset
                pass

    def send(self, data, piece_bytes=None):
        """Bytes as they are, in pieces of at most `piece_bytes`, on an open connection that stays so."""
        self._send(self._connect(), data, piece_bytes)

    def _connect(self):
        if self._connection is None:
            self._connection = socket.create_connection(("127.0.0.1", self._port), timeout=30)
            self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._connection

    def _send(self, connection, data, piece_bytes):
        size = piece_bytes or len(data) or 1
        for at in range(0, len(data), size):
            connection.sendall(data[at:at + size])
        self.sent += data

    def _ask_status(self, connection):
        self._send(connection, DLE_EOT + b"\x01", None)
        if connection.recv(1) != READY:
            self.answers_missing += 1
