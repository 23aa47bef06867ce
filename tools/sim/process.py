# SPDX-License-Identifier: Apache-2.0
"""A program of the stage: started, stopped, killed, and never left behind.

Its output goes to a log file. It dies with the stage, however that ends: setpriv(1) asks the kernel
for SIGKILL at the death of the thread that started it, so programs are started from the main
thread only.
"""

import errno
import os
import random
import signal
import socket
import subprocess
import time


class StageError(Exception):
    """Something did not work; the text says what and what to do."""


class Process:
    """One program with its command line and its log."""

    def __init__(self, name, command, log, environment=None):
        self.name = name
        self.command = [str(part) for part in command]
        self.log = log
        self.environment = {**os.environ, **(environment or {})}
        self._child = None

    def start(self):
        """Starts it again; the log is continued."""
        with open(self.log, "ab") as log:
            self._child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *self.command], stdin=subprocess.DEVNULL,
                stdout=log, stderr=subprocess.STDOUT, env=self.environment, start_new_session=True)

    @property
    def pid(self):
        return self._child.pid

    def is_alive(self):
        return self._child is not None and self._child.poll() is None

    def kill(self):
        """As a power cut would end it."""
        self._end(signal.SIGKILL, 10)

    def stop(self, timeout_s=10):
        """Asks it to end; kills it when it does not. Returns the exit status, None if it never ran."""
        try:
            return self._end(signal.SIGTERM, timeout_s)
        except subprocess.TimeoutExpired:
            return self._end(signal.SIGKILL, 10)

    def _end(self, number, timeout_s):
        if self._child is None:
            return None
        if self._child.poll() is None:
            self._child.send_signal(number)
        return self._child.wait(timeout_s)

    def tail(self, lines=8):
        """The last lines of the log, for an error message."""
        try:
            with open(self.log, errors="replace") as log:
                return "".join(log.readlines()[-lines:])
        except FileNotFoundError:
            return ""

    def must_be_alive(self):
        if not self.is_alive():
            raise StageError(f"{self.name} ended by itself; the end of {self.log}:\n{self.tail()}")


def wait_until(what, condition, timeout_s=30, processes=(), every_s=0.02):
    """Waits until condition() is true. StageError when it takes too long or one of `processes` ended."""
    end = time.monotonic() + timeout_s
    while True:
        outcome = condition()
        if outcome:
            return outcome
        for process in processes:
            process.must_be_alive()
        if time.monotonic() > end:
            logs = "".join(f"\n--- {p.log}\n{p.tail()}" for p in processes)
            raise StageError(f"waited {timeout_s} s for {what}{logs}")
        time.sleep(every_s)


def accepts(port):
    """Whether somebody listens on this port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


_reserved = []  # sockets that hold the ports of this process until it ends


def free_port():
    """A free port that nobody else who asks here gets while this process lives.

    It lies below those the kernel hands out by itself: one of these could be taken by an outgoing connection while
    its owner is being restarted. A name in the abstract namespace (unix(7)) reserves it, which goes with the process.
    """
    while True:
        port = random.SystemRandom().randrange(12000, 32000)  # must differ between two runs with the same seed
        name = socket.socket(socket.AF_UNIX)
        with socket.socket() as probe:
            try:
                name.bind(f"\0tillwire-port-{port}")
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                name.close()
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
        _reserved.append(name)
        return port
