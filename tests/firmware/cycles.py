# SPDX-License-Identifier: Apache-2.0
"""From a log of every instruction QEMU executed to processor cycles of an STM32F405 at 168 MHz: never fewer than the real
chip needs, mostly far more.

QEMU counts instructions, not cycles. What each costs is taken from the manuals, always the worst case:

  instruction   Arm 100166 (Cortex-M4 TRM r0p1) 3.3.1, with pipeline refill P = 3
  fetch         RAM: over the system bus, shared with data (TRM 2.3.1): 2 more cycles for each instruction, although one
                fetch brings two short ones; flash: 5 wait states at 168 MHz (RM0090 3.5.1, table 10), charged for each
                instruction as if there were no accelerator and no line of 128 bits
  load          5 more, as if each were of a constant in flash; one of a register is charged as such instead
  register      AHB to APB at a quarter of the clock: 2 bus cycles of a transfer (AMBA APB, IHI 0024, 3.1), one to align, two
                of the bridge: 14
  exception     entry 12, exit 10 (TRM 3.9), with all eight words stacked before the first fetch from RAM and a
                vector from flash: 25 and 18
"""

import re
import subprocess

HZ = 168_000_000
REFILL = 3
FETCH = {"ram": 2, "flash": 5}
LOAD_WAIT = 5
REGISTER = 14
ENTRY, EXIT = 25, 18
RAM = 0x20000000
DIVIDE = 12
MOST_WRITTEN = 2

TRACE = re.compile(r"Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/")
ACCESS = re.compile(r"memory_region_ops_(read|write) .* addr 0x([0-9a-f]+) ")
LEVEL = re.compile(r"nvic_set_irq_level .* irq (\d+) level set to ([01])")
TAKING = re.compile(r"\.\.\.taking pending \w+ exception (\d+)")
LINE = re.compile(r"^\s*([0-9a-f]+):\t([0-9a-f ]+?)\s*\t(\S+)(?:\t(.*))?$")


class Program:
    """The instructions of an ELF by address: (length, mnemonic, operands)."""

    def __init__(self, elf):
        listing = subprocess.run(["arm-none-eabi-objdump", "-d", elf], capture_output=True, text=True, check=True).stdout
        self.at = {}
        for line in listing.splitlines():
            found = LINE.match(line)
            if found:
                address, code, name, operands = found.groups()
                self.at[int(address, 16)] = (len(code.replace(" ", "")) // 2, name.removesuffix(".n").removesuffix(".w"), operands or "")

    def locks(self, address):
        """1: interrupts are held off from here; -1: as before again; 0: neither."""
        _, name, operands = self.at[address]
        if name == "cpsid":
            return 1
        return -1 if name == "cpsie" or (name == "msr" and "PRIMASK" in operands.upper()) else 0

    def cycles(self, address, following):
        """Of the instruction at `address`, the one at `following` (None: an exception) came next."""
        length, name, operands = self.at[address]
        taken = following is not None and following != address + length
        fetch = FETCH["ram" if address >= RAM else "flash"]
        return self._base(name, operands, taken) + fetch + (REFILL if taken else 0)

    @staticmethod
    def _base(name, operands, taken):
        if name.startswith(("push", "pop", "ldm", "stm", "vldm", "vstm", "vpush", "vpop")):
            registers = operands.count(",", operands.index("{")) + 1
            return 1 + registers + (LOAD_WAIT if name.startswith(("pop", "ldm")) else 0)
        if name.startswith(("ldrd", "strd")):
            return 3 + (2 * LOAD_WAIT if name.startswith("ldrd") else 0)
        if name.startswith("ldr"):
            return 2 + LOAD_WAIT
        if name.startswith("str"):
            return 2
        if name.startswith(("tbb", "tbh")):
            return 2 + LOAD_WAIT
        if name.startswith(("sdiv", "udiv")):
            return DIVIDE
        if name.startswith(("dmb", "dsb", "isb", "mrs", "msr", "cps", "wfi", "wfe")):
            return 4
        return 1


class Handler:
    """What one kind of exception took at most."""

    def __init__(self):
        self.runs = self.instructions = self.cycles = 0
        self.left_out = 0  # runs that the chip cannot have

    def add(self, instructions, cycles):
        self.runs += 1
        self.instructions = max(self.instructions, instructions)
        self.cycles = max(self.cycles, cycles)

    def merge(self, other):
        self.runs += other.runs
        self.left_out += other.left_out
        self.instructions = max(self.instructions, other.instructions)
        self.cycles = max(self.cycles, other.cycles)


class Run:
    """Reads a log. `clock` and `count` are cycles and instructions since it began; `passed` has one (instructions, cycles,
    alone) for each byte that came in at one line and went out at another, from the moment the line raised its interrupt to the
    write; alone: only the interrupts of these two lines ran meanwhile, and none was held off. `handlers` has the exceptions,
    `held_off` the longest time interrupts were.

    QEMU's senders are always empty, and a handler fills them as often as it may. On the chip two bytes find room, one in the
    data register and one on its way out (RM0090 30.3.2): a handler that wrote more is left out.
    """

    def __init__(self, program, lines, senders):
        """`lines`: {name: (exception in, exception out, data register in, data register out)}; `senders`: all of the latter."""
        self.program = program
        self.clock = self.count = 0
        self.handlers = {}
        self.held_off = Handler()
        self.passed = {name: [] for name in lines}
        self._lines = lines
        self._senders = senders
        self._raised = {}          # exception: how it was when its line rose
        self._fell = {}            # the same of a line that fell
        self._waiting = {name: [] for name in lines}
        self._last = None          # the address of the newest instruction
        self._before = (0, 0)      # clock and count before it
        self._active = []          # [exception, clock, count, bytes written] of what was interrupted by what
        self._locked = None        # clock and count when interrupts were held off
        self._entered = []         # the exceptions so far

    def read(self, log):
        for line in log:
            if (found := TRACE.search(line)) is not None:
                self._execute(int(found.group(1), 16))
            elif line.startswith(("cpu_io_recompile", "Stopped execution")):
                self._take_back()
            elif (found := ACCESS.match(line)) is not None:
                self._access(found.group(1), int(found.group(2), 16))
            elif (found := LEVEL.match(line)) is not None:
                self._change(int(found.group(1)), found.group(2) == "1")
            elif (found := TAKING.match(line)) is not None:
                self._enter(int(found.group(1)))
            elif line.startswith("Taking exception 8 "):
                self._leave()
        return self

    def _settle(self, following):
        """The newest instruction is over: its cycles count, now that it is known what came next."""
        if self._last is None:
            return
        address, self._last = self._last, None
        self._before = (self.clock, self.count)
        self.clock += self.program.cycles(address, following)
        self.count += 1
        self._lock(self.program.locks(address))

    def _lock(self, change):
        if change > 0 and self._locked is None:
            self._locked = (self.clock, self.count)
        elif change < 0 and self._locked is not None:
            self.held_off.add(self.count - self._locked[1], self.clock - self._locked[0])
            self._locked = None

    def _execute(self, address):
        self._settle(address)
        self._last = address

    def _take_back(self):
        """QEMU began this instruction and begins it again."""
        self._last = None

    def _access(self, kind, address):
        if address >= 0xE0000000:
            return
        self.clock += REGISTER
        if kind == "write" and address in self._senders and self._active:
            self._active[-1][3] += 1
        for name, (into, out, source, sink) in self._lines.items():
            if kind == "read" and address == source and into in self._fell:
                self._waiting[name].append(self._fell.pop(into))
            elif kind == "write" and address == sink and self._waiting[name]:
                clock, count, locked, running, entered = self._waiting[name].pop(0)
                alone = not locked and running | set(self._entered[entered:]) <= {into, out}
                self.passed[name].append((self.count + 1 - count, self.clock + 2 - clock, alone))

    def _change(self, exception, is_high):
        """A line rises with a byte (or where its sender has room and says so) and falls when the byte is read."""
        if is_high:
            running = {entry[0] for entry in self._active}
            self._raised.setdefault(exception, (self.clock, self.count, self._locked is not None, running, len(self._entered)))
        elif exception in self._raised:
            self._fell[exception] = self._raised.pop(exception)

    def _enter(self, exception):
        self._settle(None)
        self._entered.append(exception)
        self._active.append([exception, self.clock, self.count, 0])
        self.clock += ENTRY

    def _leave(self):
        self._settle(None)
        self.clock += EXIT
        if self._active:
            exception, clock, count, written = self._active.pop()
            handler = self.handlers.setdefault(exception, Handler())
            if written <= MOST_WRITTEN:
                handler.add(self.count - count, self.clock - clock)
            else:
                handler.left_out += 1


def microseconds(cycles):
    return cycles * 1e6 / HZ
