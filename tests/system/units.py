#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The units of tools/deploy under systemd itself (machine.sh): the relay runs as its user with little to lose, its ports
outlive it (P5), and however it ends, it comes back and no till is refused.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import support
from process import wait_until
from support import PROGRAMS, ROOT

KILLS = 10
HERE = pathlib.Path(__file__).resolve().parent
SERVICE, SOCKET = "tillwire-relay@printer.service", "tillwire-relay@printer.socket"

PROBE = ["unshare", "--mount", "--pid", "--cgroup", "--fork", "--mount-proc",
         "mount", "-t", "overlay", "overlay", "-o", "lowerdir=/usr/bin:/etc", "/mnt"]

CONFIG = """\
tenant: acme
store: "0042"
terminal: "07"
currency: EUR
state_dir: /var/lib/tillwire
run_dir: /run/tillwire
uplink: {{url: "mqtts://127.0.0.1:1", ca: ca.pem, cert: cert.pem, key: key.pem}}
devices:
  - {{name: printer, class: tap, transport: tcp, listen: "127.0.0.1:{till}", forward: "127.0.0.1:{printer}"}}
"""


class Printer:
    """Keeps what is printed."""

    def __init__(self):
        self.paper = b""
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            connection, _ = self._server.accept()
            with connection, contextlib.suppress(ConnectionError):
                while got := connection.recv(65536):
                    self.paper += got


class Machine:
    """systemd, and what an administrator does with it."""

    def __init__(self, work, till, printer):
        self._name = work.name
        settings = work / "etc/tillwire"
        listen = work / f"etc/systemd/system/{SOCKET}.d"
        for folder in (settings, listen):
            folder.mkdir(parents=True)
        (settings / "tillwire.yaml").write_text(CONFIG.format(till=till, printer=printer))
        (listen / "listen.conf").write_text(f"[Socket]\nListenStream=127.0.0.1:{till}\n")
        self.log = work / "log"
        with open(self.log, "wb") as log:
            self._child = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", HERE / "machine.sh", work.name, work, PROGRAMS, ROOT / "tools/deploy"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until("systemd", lambda: self._child.poll() is not None or self.systemctl("is-system-running") == "running", 60)
        if self._child.poll() is not None:
            raise AssertionError("machine.sh ended:\n" + self.log.read_text())

    @property
    def _first(self):
        children = pathlib.Path(f"/proc/{self._child.pid}/task/{self._child.pid}/children").read_text().split()
        return children[0] if children else "none"

    def systemctl(self, *words):
        done = subprocess.run(["nsenter", "-t", self._first, "-m", "-p", "systemctl", "--no-pager", *words],
                              capture_output=True, text=True, timeout=60)
        return (done.stdout or done.stderr).strip()

    def status_of(self, unit, name):
        return self.systemctl("show", unit, "--property", name, "--value")

    def relay(self):
        """The folder of the relay's process in /proc, as seen from outside; None while there is none."""
        inside = self.status_of(SERVICE, "MainPID")
        for line in pathlib.Path("/proc").glob("[0-9]*/status"):
            with contextlib.suppress(OSError):
                numbers = next((text.split() for text in line.read_text().splitlines() if text.startswith("NSpid:")), [])
                if inside != "0" and len(numbers) == 3 and numbers[2] == inside and "tillwire-relay" in (line.parent / "cmdline").read_text():
                    return line.parent
        return None

    def close(self):
        self._child.kill()
        self._child.wait(20)
        wait_until("the control groups to be empty", self._remove_groups, 20)

    def _remove_groups(self):
        groups = [folder for top in pathlib.Path("/sys/fs/cgroup").glob(f"**/{self._name}") for folder in (top, *top.glob("**/"))]
        for folder in sorted(set(groups), reverse=True):
            with contextlib.suppress(OSError):
                folder.rmdir()
        return not any(folder.exists() for folder in groups)


class UnitsTest(unittest.TestCase):
    def setUp(self):
        if shutil.which("unshare") is None or not os.path.exists("/lib/systemd/systemd") or subprocess.run(PROBE, capture_output=True).returncode != 0:
            raise unittest.SkipTest("needs root, namespaces, overlay file systems and systemd")
        work = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="tillwire-units-")))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.printer = Printer()
        self.machine = Machine(work, self.port, self.printer.port)
        self.addCleanup(self.machine.close)
        self.assertEqual(self.machine.systemctl("start", SOCKET, SERVICE), "", self.machine.log.read_text())

    def print_paper(self, text):
        """A till that is not refused; one that is cut off prints again."""
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", self.port), 30) as till:
                with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                    till.sendall(text)
                    till.shutdown(socket.SHUT_WR)
                    if till.recv(1) == b"":
                        return
        self.fail("the paper was never printed")

    def test_the_relay_serves_from_what_systemd_keeps(self):
        self.print_paper(b"first paper\n")
        wait_until("the paper", lambda: b"first paper" in self.printer.paper, 20)
        status = dict(line.split(":", 1) for line in (self.machine.relay() / "status").read_text().splitlines())
        limits = (self.machine.relay() / "limits").read_text()
        self.assertNotIn("0", status["Uid"].split(), "the relay runs as root")
        self.assertEqual((status["NoNewPrivs"].strip(), status["Seccomp"].strip(), int(status["CapBnd"], 16)), ("1", "2", 0))
        self.assertRegex(limits, r"Max core file size +0 +0")
        agent = socket.socket(socket.AF_UNIX)
        agent.settimeout(20)
        with agent:
            agent.connect(f"{self.machine.relay()}/root/run/tillwire/printer.tap.sock")
            self.assertIn(b"\0", agent.recv(4096))  # its HELLO (include/tillwire/tap_link.h)

    def test_however_it_ends_no_till_is_refused(self):
        for number in range(KILLS):
            relay = self.machine.relay()
            if relay is not None:
                os.kill(int(relay.name), signal.SIGKILL)
            self.print_paper(f"paper {number}\n".encode())
            wait_until("the paper", lambda: f"paper {number}\n".encode() in self.printer.paper, 20)
        wait_until("the relay", lambda: self.machine.status_of(SERVICE, "ActiveState") == "active", 20)
        self.assertGreaterEqual(int(self.machine.status_of(SERVICE, "NRestarts")), 1)

    def test_a_stopped_relay_comes_back_with_the_next_till(self):
        self.machine.systemctl("stop", SERVICE)
        self.assertEqual(self.machine.status_of(SOCKET, "ActiveState"), "active")
        self.print_paper(b"woken\n")
        wait_until("the paper", lambda: b"woken\n" in self.printer.paper, 20)
        self.machine.systemctl("stop", SOCKET, SERVICE)
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", self.port), 5)

    def test_it_is_tightly_confined(self):
        """systemd's own measure: 0 is best, above 5 is exposed."""
        done = self.machine.systemctl("show", SERVICE, "--property", "RestrictNamespaces,ProtectSystem,User,MemorySwapMax")
        for line in ("RestrictNamespaces=yes", "ProtectSystem=strict", "User=tillwire", "MemorySwapMax=0"):
            self.assertIn(line, done)


if __name__ == "__main__":
    support.main()
