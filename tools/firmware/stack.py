#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How deep the stack of a board's program can get, and what must lie in RAM does.

Usage: tools/firmware/stack.py PROGRAM.elf --objects FOLDER [--objects FOLDER]... --calls FILE [--most BYTES]

  --objects   where the compiler left what -fcallgraph-info=su says of each object (*.ci); frames of
              library functions are read from their code
  --calls     who calls whom through pointers, one line a caller: `caller: callee @table…`; a table is data
              that holds addresses of functions. FILE.c:NAME is one of several statics of that name
  --most      stack there is (default: what the program reserves, tw_stack_bytes)

The calls are those of the linked code, so that nothing the compiler made of it is missed. The bound is the
deepest path from tw_start, and on top of it one interrupt (they all have one priority) with its frame, and
a fault in that. Ends with 1 when that is more than there is, when a call cannot be followed, when calls
go round in a circle, or when what runs while the flash is busy (interrupts, and what tap_main has
called meanwhile) reaches something outside RAM.
"""

import argparse
import bisect
import pathlib
import re
import subprocess
import sys

RAM = range(0x20000000, 0x20010000)
EXCEPTION_FRAME = 32 + 4  # eight registers, and what aligns them (ARMv7-M ARM B1.5.7)
# Reached while the flash is busy, besides the interrupts: what the board waits with.
BUSY = ("tw_copy_now", "tw_board_now_us", "tw_board_feed_watchdog", "tw_time_wait", "await_flash")
NO_RETURN = ("tw_fault", "tw_board_restart", "start_fault")


class Fault(Exception):
    """What is wrong with the program."""


def tool(name, *arguments):
    done = subprocess.run([f"arm-none-eabi-{name}", *map(str, arguments)], capture_output=True, text=True, check=True)
    return done.stdout


class Function:
    def __init__(self, name, address):
        self.name, self.address = name, address
        self.frame = 0        # by its code
        self.calls = set()    # addresses
        self.pointers = False # calls through one


class Program:
    """The linked code: functions, their calls, the vectors."""

    def __init__(self, elf):
        self.elf = elf
        self.symbols = {}  # name: address
        self.sizes = {}    # (file of a static or "", name): (address, bytes)
        self.files = {}    # address of a static function: its file
        self._read_symbols()
        self.functions = {}
        self._read_code(tool("objdump", "-d", "--no-show-raw-insn", elf))
        self._starts = sorted(self.functions)
        self._memory = {}
        self._resolve()

    def _read_symbols(self):
        """Statics follow the name of their file (System V gABI, symbol table)."""
        file = ""
        for line in tool("readelf", "-sW", self.elf).splitlines():
            words = line.split()
            if len(words) == 8 and words[3] == "FILE":
                file = words[7]
            elif len(words) == 8 and words[0] != "Num:":
                address, static = int(words[1], 16), words[4] == "LOCAL"
                self.symbols[words[7]] = address
                self.sizes[file if static else "", words[7].split(".")[0]] = (address, int(words[2], 0))
                if static and words[3] == "FUNC":
                    self.files[address & ~1] = file

    def _read_code(self, listing):
        function = None
        for line in listing.splitlines():
            found = re.match(r"([0-9a-f]{8}) <(.+)>:$", line)
            if found:
                function = self.functions[int(found[1], 16)] = Function(found[2], int(found[1], 16))
            elif function and "\t" in line:
                _, *rest = line.split("\t")
                self._read_instruction(function, rest[0].strip(), rest[1] if len(rest) > 1 else "")

    @staticmethod
    def _read_instruction(function, name, operands):
        name = name.removesuffix(".n").removesuffix(".w")
        if name == "push" or (name.startswith("stmdb") and operands.startswith("sp!")):
            function.frame += 4 * registers(operands)
        elif name in ("sub", "subw") and (found := re.match(r"sp, (?:sp, )?#(\d+)", operands)):
            function.frame += int(found[1])
        elif name == "str" and (found := re.search(r"\[sp, #-(\d+)\]!", operands)):
            function.frame += int(found[1])
        elif name == "blx" or (name == "bx" and operands.strip() != "lr"):
            function.pointers = True
        elif found := re.match(r"([0-9a-f]{1,8}) <", operands) if name.startswith("b") else None:
            function.calls.add(int(found[1], 16))
        elif name == "ldr" and operands.startswith("pc, [pc"):
            function.pointers = True

    def at(self, address):
        """The function that holds an address."""
        return self.functions[self._starts[bisect.bisect_right(self._starts, address & ~1) - 1]]

    def _resolve(self):
        """Branches within a function are no calls; veneers of the linker (long calls) are what they stand for."""
        for function in self.functions.values():
            function.calls = {self.at(target).address for target in function.calls} - {function.address}
            found = re.fullmatch(r"__(.+)_veneer", function.name)
            if found:
                function.pointers = False
                function.calls = {self.symbols[found[1]] & ~1}

    def named(self, name):
        """The functions called `name`, FILE.c:NAME or NAME, in whatever pieces the compiler made of them."""
        file, _, name = name.rpartition(":")
        return [function for function in self.functions.values() if function.name.split(".")[0] == name and
                (not file or self.files.get(function.address) == file)]

    def table(self, name):
        """The functions whose addresses a constant holds."""
        file, _, name = name.rpartition(":")
        if (file, name) not in self.sizes:
            raise Fault(f"there is no table called {name}")
        start, size = self.sizes[file, name]
        values = [self._word(at) for at in range(start, start + size, 4)]
        return [self.at(value) for value in values if value & 1 and value & ~1 in self.functions]

    def _word(self, address):
        if not self._memory:
            for line in tool("objdump", "-s", self.elf).splitlines():
                words = re.match(r" ([0-9a-f]{1,8}) (.{35})  ", line)
                if words:
                    data = bytes.fromhex(words[2].replace(" ", ""))
                    self._memory.update({int(words[1], 16) + n: data[n:n + 4] for n in range(0, len(data), 4)})
        return int.from_bytes(self._memory.get(address, b""), "little")


def registers(operands):
    """How many a list of registers names."""
    count = 0
    for part in re.search(r"\{(.*)\}", operands)[1].split(","):
        ends = [("r13", "r14", "r15")[("sp", "lr", "pc").index(end)] if end in ("sp", "lr", "pc") else
                {"sl": "r10", "fp": "r11", "ip": "r12"}.get(end, end) for end in part.strip().split("-")]
        count += int(ends[-1][1:]) - int(ends[0][1:]) + 1
    return count


def compiled_frames(folders):
    """{function: bytes} as the compiler says; the largest of those that share a name."""
    frames = {}
    for path in (path for folder in folders for path in pathlib.Path(folder).rglob("*.ci")):
        for name, size, kind in re.findall(r'title: "(?:[^"]*:)?([^":]+)" label: "[^"]*?(\d+) bytes \((\w+(?:,\w+)?)\)', path.read_text()):
            if "dynamic" in kind and "bounded" not in kind:
                raise Fault(f"{name} ({path.stem}) has a frame of no known size")
            frames[name] = max(int(size), frames.get(name, 0))
    return frames


def read_calls(path):
    calls = {}
    for line in pathlib.Path(path).read_text().splitlines():
        if line and not line.startswith("#"):
            caller, _, callees = line.partition(": ")
            calls[caller.rstrip(":")] = callees.split()
    return calls


class Graph:
    """The program with its frames, and its calls through pointers."""

    def __init__(self, program, frames, through):
        self.program = program
        self.frames = frames
        self._through = through
        self._depths = {}

    def frame(self, function):
        return max(function.frame, self.frames.get(function.name.split(".")[0], 0), self.frames.get(function.name, 0))

    def callees(self, function):
        calls = [self.program.functions[address] for address in function.calls]
        if function.pointers:
            name = function.name.split(".")[0]
            full = f"{self.program.files.get(function.address, '')}:{name}".lstrip(":")
            if name not in self._through and full not in self._through:
                raise Fault(f"{full} calls through a pointer: say whom in the file of calls")
            for called in self._through.get(full, self._through.get(name)):
                calls += self.program.table(called[1:]) if called.startswith("@") else self.program.named(called)
        return [callee for callee in calls if callee is not function or callee.address in function.calls]

    def depth(self, function, way=()):
        """(bytes, path) of the deepest path from here."""
        if function in way:
            raise Fault(f"calls go round: {' > '.join(step.name for step in (*way, function))}")
        if function.address not in self._depths:
            below = [self.depth(callee, (*way, function)) for callee in self.callees(function)]
            deepest = max(below, default=(0, ()), key=lambda found: found[0])
            self._depths[function.address] = (self.frame(function) + deepest[0], (function, *deepest[1]))
        return self._depths[function.address]

    def reached(self, roots):
        seen = {}
        todo = [(root, root.name) for root in roots]
        while todo:
            function, way = todo.pop()
            if function.address not in seen:
                seen[function.address] = (function, way)
                todo += [(callee, f"{way} > {callee.name}") for callee in self.callees(function)]
        return seen.values()


def check_ram(graph, handlers):
    roots = [graph.program.functions[address] for address in handlers]
    roots += [function for name in BUSY for function in graph.program.named(name)]
    for function, way in graph.reached(roots):
        if function.address not in RAM and function.name not in NO_RETURN:
            raise Fault(f"{function.name} is reached while the flash is busy, and lies in it: {way}")


def told(graph, name, found):
    size, path = found
    steps = " > ".join(f"{function.name} {graph.frame(function)}" for function in path)
    return f"{name} {size}: {steps}"


def check(options):
    program = Program(options.program)
    graph = Graph(program, compiled_frames(options.objects), read_calls(options.calls))
    most = options.most or program.symbols["tw_stack_bytes"]
    handlers = {function.address for function in program.table("vectors.c:vectors" if ("vectors.c", "vectors") in program.sizes else "bare_vectors.c:vectors")} - {program.symbols["tw_start"] & ~1}
    main = graph.depth(program.functions[program.symbols["tw_start"] & ~1])
    interrupt = max((graph.depth(program.functions[address]) for address in handlers), key=lambda found: found[0])
    bound = main[0] + interrupt[0] + 2 * EXCEPTION_FRAME
    print(told(graph, "main", main))
    print(told(graph, "interrupt", interrupt))
    print(f"{options.program.name}: stack at most {bound} of {most} bytes")
    check_ram(graph, handlers)
    if bound > most:
        raise Fault(f"{bound} bytes of stack are needed, {most} are there")


def main(arguments):
    parser = argparse.ArgumentParser(usage=__doc__, add_help=False)
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--objects", action="append", default=[])
    parser.add_argument("--calls", required=True)
    parser.add_argument("--most", type=int)
    try:
        check(parser.parse_args(arguments))
    except Fault as fault:
        print(f"stack: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
