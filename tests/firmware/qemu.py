# SPDX-License-Identifier: Apache-2.0
"""A board in QEMU: the ELF that would be flashed, with a socket at the end of each of its serial lines.

Needs the firmware's build folder (`cmake --preset firmware`): TILLWIRE_FIRMWARE, default build/firmware.
"""

import json
import os
import pathlib
import random
import socket
import struct
import sys
import tempfile
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/sim"))

from process import Process, StageError, wait_until  # noqa: E402

FIRMWARE = pathlib.Path(os.environ.get("TILLWIRE_FIRMWARE", ROOT / "build/firmware"))
ENDS = ("till", "printer", "agent", "scanner")
MIB = 1 << 20

# What firmware/port/stm32f405/nvm.c and firmware/port/mps2_an386/{nvm,board}.c say.
FLASH_AT, PSRAM_AT = 0x08000000, 0x21000000
F405_LOG_AT, F405_NOISE_AT, F405_NOISE_BYTES = 0x08008000, 0x20010000, 16 * 1024
PAGE_BYTES, SLOTS_AT, SLOT_BYTES = 0x4000, 0x10000, 0x10000
FACTORY_AT, FACTORY_BYTES = 0x8000, 28
NVM_BYTES = 16 * MIB


def line(baud, bits=8, parity=0, stop=1, flow=0):
    """LINE of include/tillwire/tap_link.h."""
    return struct.pack("<IBBBB", baud, bits, parity, stop, flow)


LINES = line(115200) + line(115200) + line(9600)  # till, printer, scanner


def boot_log(settings):
    """The first page of a boot log that holds nothing but these settings (firmware/core/boot.h); the second is erased."""
    record = struct.pack("<I", 1 << 8 | 2) + settings
    return (record + struct.pack("<I", zlib.crc32(record))).ljust(2 * PAGE_BYTES, b"\xff")


def segments(elf):
    """[(address, bytes)] that an ELF puts into memory (System V gABI, program headers of class 32)."""
    data = pathlib.Path(elf).read_bytes()
    start, size, count = struct.unpack_from("<I", data, 28)[0], *struct.unpack_from("<HH", data, 42)
    headers = [struct.unpack_from("<8I", data, start + size * n) for n in range(count)]
    return [(paddr, data[offset:offset + filesz]) for kind, offset, _, paddr, filesz, *_ in headers if kind == 1 and filesz]


class Netduino:
    """netduinoplus2: the STM32F405. QEMU has no flash controller, no clocks that become ready, no random numbers."""

    NAME, BOARD = "netduinoplus2", "stm32f405"
    SERIALS = {"till": 0, "printer": 1, "agent": 2, "scanner": 5}

    @staticmethod
    def options(folder, elf, seed, settings):
        (folder / "log.bin").write_bytes(boot_log(settings))
        (folder / "noise.bin").write_bytes(random.Random(seed).randbytes(F405_NOISE_BYTES))
        return ["-kernel", elf,
                "-device", f"loader,file={folder}/log.bin,addr={F405_LOG_AT:#x},force-raw=on",
                "-device", f"loader,file={folder}/noise.bin,addr={F405_NOISE_AT:#x},force-raw=on"]


class Mps2:
    """mps2-an386: the NVM is a file that outlives the machine; what the ELF holds for it is flashed once."""

    NAME, BOARD = "mps2-an386", "mps2-an386"
    SERIALS = {"till": 0, "printer": 1, "agent": 2, "scanner": 3}

    @classmethod
    def options(cls, folder, elf, seed, settings):
        loader = folder / "loader.bin"
        with open(folder / "nvm.bin", "r+b" if (folder / "nvm.bin").exists() else "w+b") as nvm:
            if nvm.seek(0, 2) == 0:
                cls._make_nvm(nvm, seed, settings)
                cls._flash(nvm, elf)
        loader.write_bytes(next(data for address, data in segments(elf) if address == 0))
        return ["-machine", "memory-backend=nvm", "-object",
                f"memory-backend-file,id=nvm,mem-path={folder}/nvm.bin,size={NVM_BYTES},share=on",
                "-kernel", loader]

    @staticmethod
    def _make_nvm(nvm, seed, settings):
        """As a factory leaves it: erased, but for settings, a serial number and a few bytes of chance."""
        nvm.truncate(NVM_BYTES)
        nvm.seek(0)
        nvm.write(boot_log(settings))
        nvm.seek(FACTORY_AT)
        nvm.write(random.Random(seed).randbytes(FACTORY_BYTES))
        nvm.seek(SLOTS_AT)
        nvm.write(b"\xff" * 2 * SLOT_BYTES)

    @staticmethod
    def _flash(nvm, elf):
        for address, data in segments(elf):
            if address >= PSRAM_AT:
                nvm.seek(address - PSRAM_AT)
                nvm.write(data)


MACHINES = {machine.NAME: machine for machine in (Netduino, Mps2)}


class Board:
    """A running board. `till`, `printer`, `agent`, `scanner` are connected sockets; what was sent to each before the board
    opened its lines is lost, as on any line: wait for a HELLO.

    `folder` keeps what outlives a board (nvm.bin, qemu.log); without one it is gone with the board. `elf` is another one to
    be flashed, `settings` the lines' (LINES), `icount` a clock that counts instructions and jumps where the processor sleeps.
    """

    def __init__(self, machine, folder=None, *, elf=None, icount=False, options=(), settings=LINES, seed=None):
        kind = MACHINES[machine]
        self.machine = machine
        self.elf = FIRMWARE / f"tap-{kind.BOARD}-a.elf"  # with symbols; what slot A holds unless an update came
        self.flashed = pathlib.Path(elf or FIRMWARE / f"tap-{kind.BOARD}.elf")
        self._scratch = tempfile.TemporaryDirectory(prefix="tillwire-qemu-")  # short, as names of sockets must be
        self._sockets = pathlib.Path(self._scratch.name)
        self.folder = pathlib.Path(folder or self._scratch.name)
        self._ends = {}
        self._qemu = None
        try:
            if not self.flashed.exists():
                raise StageError(f"{self.flashed} is missing; build it: cmake --preset firmware && cmake --build --preset firmware")
            self._start(kind, icount, [*kind.options(self.folder, self.flashed, seed, settings), *options])
        except BaseException:
            self.close()
            raise

    def _start(self, kind, icount, options):
        sockets = self._sockets
        command = ["qemu-system-arm", "-M", kind.NAME, "-display", "none", "-nodefaults", "-S",
                   "-qmp", f"unix:{sockets}/qmp,server=on,wait=off"]
        for number in range(max(kind.SERIALS.values()) + 1):
            name = next((name for name, at in kind.SERIALS.items() if at == number), None)
            if name:
                command += ["-chardev", f"socket,id={name},path={sockets}/{name},server=on,wait=off"]
            command += ["-serial", f"chardev:{name}" if name else "null"]
        command += ["-icount", "shift=3,sleep=off"] if icount else []
        self._qemu = Process("qemu", [*command, *options], self.folder / "qemu.log")
        self._qemu.start()
        wait_until("QEMU's monitor", (sockets / "qmp").exists, 20, [self._qemu])
        self._monitor = self._open("qmp")
        self._replies = self._monitor.makefile("r")
        self._replies.readline()
        self._ask("qmp_capabilities")
        for name in kind.SERIALS:
            self.connect(name)
        self._ask("cont")

    def _open(self, name):
        end = socket.socket(socket.AF_UNIX)
        wait_until(f"QEMU's socket {name}", lambda: end.connect_ex(str(self._sockets / name)) == 0, 20, [self._qemu])
        return end

    def _ask(self, command, **arguments):
        """One command of QMP; the answer, past all events."""
        self._monitor.sendall(json.dumps({"execute": command, "arguments": arguments}).encode())
        for text in self._replies:
            reply = json.loads(text)
            if "error" in reply:
                raise StageError(f"QEMU refused {command}: {reply['error']['desc']}")
            if "return" in reply:
                return reply["return"]
        raise StageError(f"QEMU ended at {command}; the end of its log:\n{self._qemu.tail()}")

    def monitor(self, command):
        """A command of QEMU's human monitor, and what it says."""
        return self._ask("human-monitor-command", **{"command-line": command})

    def reset(self):
        """Power is gone for a moment: RAM keeps nothing that counts, NVM everything."""
        self._ask("system_reset")

    def pause(self):
        self._ask("stop")

    def resume(self):
        self._ask("cont")

    def connect(self, name):
        """Plugs somebody in at this end; QEMU takes one at a time."""
        self._ends[name] = self._open(name)
        setattr(self, name, self._ends[name])
        return self._ends[name]

    def hang_up(self, name):
        self._ends.pop(name).close()

    def is_alive(self):
        return self._qemu.is_alive()

    def kill(self):
        """As a power cut would end it, at any instruction."""
        self._qemu.kill()
        self.close()

    def close(self):
        """Ends QEMU. May be called twice."""
        if self._qemu is not None:
            self._qemu.kill()
        for end in self._ends.values():
            end.close()
        self._ends.clear()
        if hasattr(self, "_monitor"):
            self._replies.close()
            self._monitor.close()
        self._scratch.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
