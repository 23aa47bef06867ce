#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the board adds to the way of a byte from till to printer, and back: from the interrupt of the receiver, which has the
whole character then, to the write into the sender's register. At most 50 us, on the clock of the real chip.

QEMU logs every instruction it executes (-icount, one at a time), every access to a register and every interrupt;
cycles.py makes cycles of that, at 168 MHz and with the worst that the manuals allow. Two figures a direction:

  seen    the longest way of any byte, alone and with all four lines busy at once
  bound   no order of events can be worse: the longest time interrupts are held off, then every other interrupt once,
          each as long as it ever took, then the longest way seen of a byte alone

Usage: latency.py [--bytes N] [--seed N]
"""

import pathlib
import random
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

import cycles  # noqa: E402
import support  # noqa: E402
from qemu import Board  # noqa: E402
from silent import Line  # noqa: E402

BYTES, SEED = 400, 1
MOST_US = 50
EVENTS = ("nvic_set_irq_level", "memory_region_ops_read", "memory_region_ops_write")

# Exceptions and data registers of USART1, 2, 3 and 6: RM0090 table 61, table 1 and 30.6.2.
TILL, PRINTER = (16 + 37, 0x40011004), (16 + 38, 0x40004404)
LINES = {"netduinoplus2": {"till to printer": (TILL[0], PRINTER[0], TILL[1], PRINTER[1]),
                           "printer to till": (PRINTER[0], TILL[0], PRINTER[1], TILL[1])}}
SENDERS = {"netduinoplus2": (0x40011004, 0x40004404, 0x40004804, 0x40011404)}


class Log:
    """What the processor does between begin() and end()."""

    def __init__(self, board, path):
        self.board = board
        self.path = path

    def __enter__(self):
        self.path.unlink(missing_ok=True)
        self.board.monitor(f"logfile {self.path}")
        for event in EVENTS:
            self.board.monitor(f"trace-event {event} on")
        self.board.monitor("log exec,int,nochain")
        return self

    def __exit__(self, *_):
        for event in EVENTS:
            self.board.monitor(f"trace-event {event} off")
        self.board.monitor("log none")


def alone(line, count):
    """One byte at a time, to and fro, while nobody asks for the copy."""
    for _ in range(count):
        line.print(1)
        line.answer(1)


def together(line, count):
    """Both ways, the agent's line in both directions, and the scanner, all at once."""
    for _ in range(max(1, count // 64)):
        line.board.scanner.sendall(b"6009200000041016\r\n")
        line.send(line.random.randbytes(64))
        line.print(64)
        line.agent.wake()


class LatencyTest(support.StageTest):
    def test_stm32f405(self):
        self.measure("netduinoplus2")

    def measure(self, machine):
        with tempfile.TemporaryDirectory(prefix="tillwire-") as folder:
            log = pathlib.Path(folder) / "log"
            board = Board(machine, options=["-icount", "shift=3", "-singlestep"], seed=SEED)
            self.addCleanup(board.close)
            line = Line(board, SEED)
            line.catch_up()
            program = cycles.Program(board.elf)
            runs = []
            for play in (alone, together):
                line.answers = play is together
                hellos = line.agent.hellos
                line.agent.wake()
                line.until("the board to greet", lambda: line.agent.hellos > hellos)
                with Log(board, log):
                    play(line, BYTES)
                with open(log, errors="replace") as text:
                    runs.append(cycles.Run(program, LINES[machine], SENDERS[machine]).read(text))
            self.tell(machine, *runs)

    def tell(self, machine, quiet, busy):
        handlers = {}
        for run in (quiet, busy):
            for exception, handler in run.handlers.items():
                handlers.setdefault(exception, cycles.Handler()).merge(handler)
        held_off = max(quiet.held_off.cycles, busy.held_off.cycles)
        for name, (exception, *_) in LINES[machine].items():
            ways = [way for way in quiet.passed[name] if way[2]]
            self.assertGreater(len(ways), BYTES // 10, "too few bytes had the processor for themselves")
            instructions, own, _ = map(max, zip(*ways))
            others = sum(handler.cycles for number, handler in handlers.items() if number != exception)
            bound = held_off + others + own
            print(f"{machine}, {name}: {len(ways)} bytes, at most {instructions} instructions, {own} cycles, "
                  f"{cycles.microseconds(own):.1f} us; bound {bound} cycles, {cycles.microseconds(bound):.1f} us")
            self.assertLess(cycles.microseconds(bound), MOST_US)
        for number, handler in sorted(handlers.items()):
            print(f"  exception {number}: {handler.runs} times, at most {handler.instructions} instructions, {handler.cycles} cycles; "
                  f"left out {handler.left_out}")
        print(f"  interrupts held off: at most {held_off} cycles")


if __name__ == "__main__":
    BYTES, SEED = support.numbers(bytes=BYTES, seed=SEED)
    support.main()
