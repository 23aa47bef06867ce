# SPDX-License-Identifier: Apache-2.0
"""A network receipt printer: takes every byte, keeps it, and answers status requests."""

import socket
import threading

# Epson, ESC/POS Command Reference, "DLE EOT n": real-time status; a ready printer answers 0x12.
DLE_EOT = b"\x10\x04"
READY = b"\x12"


class Printer:
    """Listens on 127.0.0.1 from the moment it is made; `paper` is all it was ever sent."""

    def __init__(self, port):
        self.paper = bytearray()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._serve, daemon=True).start()

    def printed_bytes(self):
        with self._lock:
            return len(self.paper)

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)  # else the thread that waits there takes one more connection
        self._listener.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self._print(connection)

    def _print(self, connection):
        before = b""
        while True:
            try:
                received = connection.recv(65536)
            except OSError:
                return
            if not received:
                return
            with self._lock:
                self.paper += received
            # A request may arrive in pieces: the last two bytes are looked at again.
            answers = self._requests(before + received)
            before = (before + received)[-2:]
            if answers:
                try:
                    connection.sendall(READY * answers)
                except OSError:
                    return

    @staticmethod
    def _requests(window):
        """How many complete DLE EOT n end in the window behind its first two bytes."""
        return sum(1 for at in range(len(window) - 2) if window.startswith(DLE_EOT, at))
