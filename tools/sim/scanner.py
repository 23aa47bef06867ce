# SPDX-License-Identifier: Apache-2.0
"""A serial barcode scanner on a pseudo terminal."""

import os
import tty


class Scanner:
    """`port` is the path to configure; scan() sends one code as a scanner does, ended by CR LF."""

    def __init__(self):
        self._far, self._near = os.openpty()
        # Held open, so that codes wait for the agent instead of being refused.
        tty.setraw(self._near)
        self.port = os.ttyname(self._near)

    def scan(self, code):
        os.write(self._far, code.encode() + b"\r\n")

    def send(self, data):
        """Raw bytes, for tests that split a code or send what is none."""
        os.write(self._far, data)

    def close(self):
        os.close(self._far)
        os.close(self._near)
