#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The udev rules: written as udev(7) says, open to nobody but the group, and of the makers the agent knows."""

import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import support

RULES = support.ROOT / "tools/deploy/udev/60-tillwire.rules"
SYSUSERS = support.ROOT / "tools/deploy/systemd/tillwire.sysusers"
# udev(7), "Rules Files": what may be compared, and what may be assigned; those with {} need an attribute.
MATCHES = {"ACTION", "DEVPATH", "KERNEL", "KERNELS", "SUBSYSTEM", "SUBSYSTEMS", "DRIVER", "DRIVERS", "TAG", "TAGS", "RESULT",
           "ATTR{}", "ATTRS{}", "ENV{}", "TEST"}
# One parent without the attribute is enough for !=, which then holds for every device.
NEGATED = MATCHES - {"ATTRS{}", "KERNELS", "SUBSYSTEMS", "DRIVERS", "TAGS"}
ASSIGNMENTS = {"GROUP", "MODE", "OWNER", "SYMLINK", "TAG", "LABEL", "GOTO", "ENV{}", "OPTIONS"}
TERM = re.compile(r'([A-Z]+)(\{[^}]+\})?(==|!=|\+=|-=|:=|=)"([^"]*)"')


def terms(line):
    """(key, operator, value) of a rule; ValueError where it is none."""
    found = []
    for part in re.split(r",\s+", line):
        match = TERM.fullmatch(part)
        if match is None:
            raise ValueError(f"not a term: {part}")
        key = match[1] + ("{}" if match[2] else "")
        if key not in {"==": MATCHES, "!=": NEGATED}.get(match[3], ASSIGNMENTS):
            raise ValueError(f"{key} cannot be used with {match[3]}")
        found.append((key, match[3], match[4]))
    return found


def read(text):
    """The rules of a file; ValueError for a jump that leads nowhere, or backwards."""
    rules = [terms(line) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    labels = {value: at for at, rule in enumerate(rules) for key, _, value in rule if key == "LABEL"}
    for at, rule in enumerate(rules):
        for key, _, value in rule:
            if key == "GOTO" and labels.get(value, -1) <= at:
                raise ValueError(f"nothing below is labelled {value}")
    return rules


def faults(text):
    """What lets in who should not be let in."""
    rules = read(text)
    for rule in rules:
        assigned = {key: value for key, operator, value in rule if operator == "="}
        if "MODE" in assigned and (assigned["MODE"] != "0660" or "GROUP" not in assigned):
            yield f"mode {assigned['MODE']} of group {assigned.get('GROUP')}"
        if assigned.get("GROUP", "tillwire-devices") != "tillwire-devices":
            yield f"group {assigned['GROUP']}"
        if assigned.get("TAG") == "uaccess":
            yield "whoever sits there"


class RulesTest(unittest.TestCase):
    def test_the_rules_are_rules_and_let_nobody_else_in(self):
        self.assertEqual(list(faults(RULES.read_text())), [])
        self.assertIn("g tillwire-devices", SYSUSERS.read_text())

    def test_broken_rules_are_found(self):
        for text in ('SUBSYSTEM="tty"', 'MODE=="0660"', 'GROUP="x" MODE="0660"', "MODE=0660", 'GOTO="nowhere"', 'COLOUR="red"',
                     'ATTRS{idVendor}!="0c2e", GROUP="x"'):
            with self.subTest(text), self.assertRaises(ValueError):
                read(text)
        for text in ('GROUP="tillwire-devices", MODE="0666"', 'MODE="0660"', 'GROUP="users", MODE="0660"', 'TAG="uaccess"'):
            with self.subTest(text):
                self.assertNotEqual(list(faults(text)), [])

    def test_the_makers_are_those_the_agent_knows(self):
        table = (support.ROOT / "hal/core/discover.c").read_text()
        known = sorted(re.findall(r'^\s+\{"([0-9a-f]{4})", "\w+", (?:true|false)\}', table, re.MULTILINE))
        (listed,) = {value for rule in read(RULES.read_text()) for key, _, value in rule if key == "ATTRS{}"}
        self.assertEqual(listed.split("|"), known)

    def test_udev_itself_agrees(self):
        udevadm = shutil.which("udevadm", path="/usr/bin:/bin:/usr/sbin:/sbin")
        if udevadm is None or subprocess.run([udevadm, "verify", "--version"], capture_output=True).returncode != 0:
            self.skipTest("no udevadm verify: it came with systemd 254")
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder, RULES.name)
            copy.write_text(RULES.read_text())
            done = subprocess.run([udevadm, "verify", "--resolve-names=never", copy], capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    support.main()
