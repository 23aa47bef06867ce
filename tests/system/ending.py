#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What `tools/run` shows: one summary, and nothing left behind however it ends."""

import json
import pathlib
import signal
import subprocess
import sys
import tempfile

import support
from process import wait_until
from support import PROGRAMS, ROOT

KEYS = ["printed", "accepted", "arrived", "duplicates", "gaps", "lost"]
PROGRAM_COUNT = 4  # broker, centre, relay, agent


def running(folder):
    """The programs that run with something in the folder on their command line; the stage itself is none."""
    found = []
    for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = file.read_bytes()
        except OSError:
            continue  # it has just ended
        if folder.encode() in command and b"stage.py" not in command:
            found.append(int(file.parent.name))
    return found


class EndingTest(support.StageTest):
    @staticmethod
    def start(folder, *options):
        return subprocess.Popen([sys.executable, "-B", ROOT / "tools/sim/stage.py", "--programs", PROGRAMS, "--keep",
                                 folder, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def test_json_is_one_object_and_nothing_is_lost(self):
        with tempfile.TemporaryDirectory() as folder:
            stage = self.start(folder, "--once", "--json")
            output, errors = stage.communicate(timeout=90)
            self.assertEqual(stage.returncode, 0, errors)
            summary = json.loads(output)
            self.assertEqual(list(summary), KEYS)
            self.assertEqual(summary, {**dict.fromkeys(KEYS, 0), **dict.fromkeys(KEYS[:3], summary["printed"])})
            self.assertGreaterEqual(summary["printed"], 48)
            self.assertEqual(running(folder), [])

    def test_signals_end_everything(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with self.subTest(number), tempfile.TemporaryDirectory() as folder:
                stage = self.start(folder)
                wait_until("all programs", lambda: len(running(folder)) >= PROGRAM_COUNT, 30)
                stage.send_signal(number)
                stage.communicate(timeout=30)
                wait_until("all programs to end", lambda: not running(folder), 10)

    def test_usage(self):
        done = subprocess.run([ROOT / "tools/run", "--help"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0)
        self.assertIn("--once", done.stdout)
        with tempfile.TemporaryDirectory() as folder:
            stage = self.start(folder, "--no-such-option")
            stage.communicate(timeout=30)
            self.assertEqual(stage.returncode, 2)


if __name__ == "__main__":
    support.main()
