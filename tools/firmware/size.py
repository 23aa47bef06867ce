#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How much flash and RAM a board's programs take, and whether that is too much.

Usage: tools/firmware/size.py LOADER.elf PROGRAM.elf

Flash: the loader, the image's header and the program, 48 KiB at most. RAM: data, code that lies in RAM, and the
stack of the program, 64 KiB at most. Exit codes: 0 fits, 1 does not, 2 usage.
"""

import subprocess
import sys

MOST_FLASH, MOST_RAM, HEADER = 48 * 1024, 64 * 1024, 256


def sections(elf):
    """{name: (address, bytes)} of what lies in memory."""
    listing = subprocess.run(["arm-none-eabi-size", "-A", "-d", elf], capture_output=True, text=True, check=True).stdout
    rows = [line.split() for line in listing.splitlines() if line.startswith(".")]
    return {name: (int(address), int(size)) for name, size, address in rows if int(address) or name == ".boot"}


def symbol(elf, name):
    listing = subprocess.run(["arm-none-eabi-nm", elf], capture_output=True, text=True, check=True).stdout
    return next(int(line.split()[0], 16) for line in listing.splitlines() if line.endswith(f" {name}"))


def flash(elf):
    return sum(size for name, (_, size) in sections(elf).items() if name in (".boot", ".text", ".data"))


def main(arguments):
    if len(arguments) != 2:
        print(__doc__)
        return 2
    loader, program = arguments
    in_flash = flash(loader) + HEADER + flash(program)
    parts = sections(program)
    in_ram = parts[".data"][1] + parts[".bss"][1] + symbol(program, "tw_stack_bytes")
    print(f"flash {in_flash} of {MOST_FLASH} bytes: loader {flash(loader)}, header {HEADER}, program {flash(program)}")
    print(f"RAM {in_ram} of {MOST_RAM} bytes: code and data {parts['.data'][1]}, zeroed {parts['.bss'][1]}, "
          f"stack {symbol(program, 'tw_stack_bytes')}")
    return 0 if in_flash <= MOST_FLASH and in_ram <= MOST_RAM else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
