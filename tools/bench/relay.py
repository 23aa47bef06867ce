#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What tillwire-relay adds to the time a byte takes from till to printer, and an answer back: over TCP, and between two
serial ports at every usual speed. The direct line is measured in the same run, in turns.

Serial lines are pseudo terminals, to which chunks are given at the pace of the speed as a UART with a FIFO gives them:
one byte at a time up to 57,600 baud, above it what comes in the same 0.17 ms. So it is the relay's own part that
is measured; a real line has besides, like any second cable, the time of one chunk on the second wire. An agent takes the
copy meanwhile, and the relay has the priority its unit gives it (as root). line_bench.c says what a time is.

On a virtual machine the host takes processors away for milliseconds, more often than once in a hundred chunks. Relay and
agent have a processor of their own, on which a witness sees that; chunks on their way meanwhile are left out, of both lines.
"left out" tells how many, "all" what it is with them.
"""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import threading
import time
import tty

import measuring
from measuring import Report, StageError

import tap_frames  # of tools/sim, which measuring finds

BAUDS = (9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
STATUS_BAUDS = (9600, 115200)  # and the other way round
CHUNK_S = 0.000174  # what a FIFO gathers at most: a byte at 57,600
TCP_BYTES, TCP_EVERY_S = 64, 0.0005  # a line of a receipt
RUN_S = 0.35
OURS, THEIRS = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))  # processors: who measures; relay and agent
ADDED_P99_US = 1000

CONFIG = """\
tenant: bench
store: "1"
terminal: "1"
currency: EUR
state_dir: {work}
run_dir: {work}/run
uplink: {{url: "mqtts://127.0.0.1:1", ca: ca, cert: cert, key: key}}
devices:
  - {{name: tcp, class: tap, transport: tcp, listen: "127.0.0.1:0", forward: "127.0.0.1:{port}"}}
"""
SERIAL = "  - {{name: serial{baud}, class: tap, transport: serial, port: {work}/till{baud}, forward: {work}/printer{baud}, " \
         "baud: {baud}, flow: {flow}}}\n"


# ---- an agent that only takes ----

class Agent:
    """Asks the relay for everything, with credit without end, and drops it; `took` counts bytes."""

    def __init__(self, path):
        self.took = 0
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        hello = b""
        while b"\0" not in hello:
            hello += self._socket.recv(4096)
        _, _, payload = next(tap_frames.Decoder().feed(hello))
        self._socket.sendall(tap_frames.encode(tap_frames.START, 0, payload[2:18] + bytes(8)) +
                             tap_frames.encode(tap_frames.CREDIT, 1, b"\xff\xff\xff\xff"))
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self):
        os.sched_setaffinity(0, {THEIRS})  # this thread
        with contextlib.suppress(OSError):
            while received := self._socket.recv(1 << 20):
                self.took += len(received)
                time.sleep(0.005)  # in gulps: who measures has no third processor for it

    def close(self):
        self._socket.close()


# ---- lines ----

class Line:
    """`till` and `printer` are descriptors that do not block; what is written to one comes out of the other."""

    def __init__(self, till, printer, *things):
        self.till, self.printer = till, printer
        self._things = things
        for fd in (till, printer):
            os.set_blocking(fd, False)

    def close(self):
        for thing in self._things:
            thing.close() if hasattr(thing, "close") else os.close(thing)


def direct_tcp():
    with socket.create_server(("127.0.0.1", 0)) as server:
        till = socket.create_connection(server.getsockname())
        printer, _ = server.accept()
    for end in (till, printer):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Line(till.fileno(), printer.fileno(), till, printer)


def direct_serial():
    """A pseudo terminal is a cable: its two sides are two machines."""
    till, printer = os.openpty()
    tty.setraw(printer)
    return Line(till, printer, till, printer)


class Relay:
    """tillwire-relay for one device, with an agent."""

    def __init__(self, programs, config, device):
        path = programs / "tillwire-relay"
        if not path.exists():
            raise StageError(f"{path} is not there; build it: cmake -S . -B build && cmake --build build")
        self.child = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "--", "taskset", "-c", str(THEIRS), "nice", "-n", "-10",
                                       path, "--config", config, "--device", device],
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.told = self.child.stdout.readline()
        if not self.told:
            raise StageError(f"{path} ended by itself; its configuration is {config}")
        self.agent = Agent(config.parent / f"run/{device}.tap.sock")

    def close(self):
        self.agent.close()
        self.child.terminate()
        self.child.wait(20)
        self.child.stdout.close()


def relayed_tcp(programs, config, server):
    relay = Relay(programs, config, "tcp")
    till = socket.create_connection(("127.0.0.1", int(relay.told.split(",")[0].rsplit(":", 1)[1])))
    printer, _ = server.accept()
    for end in (till, printer):
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Line(till.fileno(), printer.fileno(), till, printer, relay)


def plug(path):
    far, near = os.openpty()
    tty.setraw(near)
    os.symlink(os.ttyname(near), path)
    return far, near


def relayed_serial(programs, config, baud):
    paths = [config.parent / f"{end}{baud}" for end in ("till", "printer")]
    (till, near_till), (printer, near_printer) = map(plug, paths)
    relay = Relay(programs, config, f"serial{baud}")
    os.close(near_till)
    os.close(near_printer)
    for path in paths:
        path.unlink()
    return Line(till, printer, relay, till, printer)


# ---- measuring ----

def measure_line(programs, make, back, chunk, every_s, run_s):
    line = make()
    try:
        out, into = (line.printer, line.till) if back else (line.till, line.printer)
        with contextlib.suppress(BlockingIOError):
            os.read(into, 4096)  # the XON that greets a till
        path = programs / "bench/line_bench"
        witness = ["--witness", str(THEIRS)] if THEIRS != OURS else []
        done = subprocess.run(["taskset", "-c", str(OURS), path, "--out", str(out), "--in", str(into), "--chunk", str(chunk),
                               "--every-ns", str(int(every_s * 1e9)), "--count", str(max(20, int(run_s / every_s))), *witness],
                              pass_fds=[out, into], capture_output=True, text=True)
    finally:
        line.close()
    if done.returncode != 0:
        raise StageError(f"{path}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def chunk_of(baud):
    """Bytes at a time and how often: eight bits, a start and a stop bit each."""
    chunk = max(1, int(CHUNK_S * baud / 10))
    return chunk, chunk * 10 / baud


def runs_of(given, config, server, run_s):
    """{name: (direct, relayed, back, chunk, every_s)}"""
    def tcp():
        return relayed_tcp(given.programs, config, server)

    kinds = {"TCP": (direct_tcp, tcp, False, TCP_BYTES, TCP_EVERY_S),
             "TCP, answers": (direct_tcp, tcp, True, 1, TCP_EVERY_S)}
    for baud in BAUDS:
        def serial(baud=baud):
            return relayed_serial(given.programs, config, baud)

        kinds[f"{baud} baud"] = (direct_serial, serial, False, *chunk_of(baud))
        if baud in STATUS_BAUDS:
            kinds[f"{baud} baud, answers"] = (direct_serial, serial, True, *chunk_of(baud))
    runs = {}
    for name, (direct, relayed, *how) in kinds.items():
        runs[f"{name}, direct"] = lambda make=direct, how=how: measure_line(given.programs, make, *how, run_s)
        runs[f"{name}, relay"] = lambda make=relayed, how=how: measure_line(given.programs, make, *how, run_s)
    return list(kinds), runs


def measure(given):
    run_s = 0.05 if given.brief else RUN_S
    report = Report("relay", rounds=given.rounds, run_s=run_s)
    with tempfile.TemporaryDirectory(prefix="tillwire-bench-") as folder, socket.create_server(("127.0.0.1", 0)) as server:
        config = pathlib.Path(folder) / "tillwire.yaml"
        text = CONFIG.format(work=folder, port=server.getsockname()[1])
        config.write_text(text + "".join(SERIAL.format(work=folder, baud=baud, flow="none") for baud in BAUDS))
        names, runs = runs_of(given, config, server, run_s)
        report.add(measuring.in_turns(given.rounds, runs))
    for name in names:
        direct, relay = (report.figures[f"{name}, {way}"] for way in ("direct", "relay"))
        report.ratio(f"{name}: added p50", relay["p50_us"] - direct["p50_us"], "us")
        report.ratio(f"{name}: added p99", relay["p99_us"] - direct["p99_us"], "us", most=ADDED_P99_US)
        report.ratio(f"{name}: added p99, all", relay["all_p99_us"] - direct["all_p99_us"], "us")
        report.ratio(f"{name}: left out", 100 * relay["left_out"] / relay["chunks"], "%")
    report.ratio("bytes changed", sum(figures.get("wrong", 0) for figures in report.figures.values()), most=0)
    return report


if __name__ == "__main__":
    measuring.run(__doc__, measure)
