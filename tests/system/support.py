# SPDX-License-Identifier: Apache-2.0
"""What the system tests share: a stage that shows its logs when a test fails, data of others, main()."""

import argparse
import contextlib
import os
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools/sim"), str(ROOT / "tests/fault")]

from centre import EVENTS  # noqa: E402, F401
from process import wait_until  # noqa: E402
from stage import Stage  # noqa: E402

PROGRAMS = pathlib.Path(os.environ.get("TILLWIRE_PROGRAMS", ROOT / "build"))
SKIPPED = 77  # what ctest is told to take for "skipped"
BRIEF = "TILLWIRE_BRIEF" in os.environ  # sanitized programs take longer


def shared_data(*parts):
    """A path in the data written by others; the test is skipped where it is not."""
    data = pathlib.Path(os.environ.get("TILLWIRE_DATA", ROOT / "../shared/data"))
    path = data.joinpath(*parts)
    if not path.exists():
        raise unittest.SkipTest("no data")
    return path


@contextlib.contextmanager
def on_stage(tape=None, seed=1, but=()):
    """A running stage without the programs named in `but`; its logs are printed when the test fails."""
    stage = Stage(PROGRAMS, tape, seed, os.environ.get("TILLWIRE_KEEP"))
    with stage:
        try:
            stage.start(but)
            yield stage
        except BaseException:
            for process in (stage.broker, stage.central, stage.relay, stage.agent):
                lines = "\n".join(line[:200] for line in process.tail(15).splitlines())
                print(f"--- {process.name}\n{lines}", file=sys.stderr)
            raise


def wait_for_devices(stage):
    """Until the journal holds that tap and scanner are attached: what comes next has the sequence numbers from 3 on."""
    wait_until("both devices", lambda: stage.metric("events_committed_total", type="device.attached") == 2, 20, [stage.agent])


class StageTest(unittest.TestCase):
    """Assertions about what every run must leave behind."""

    def assert_printer_exact(self, stage):
        """P5: the printer got every byte the till gave, in order."""
        wait_until("the printer's last bytes", lambda: stage.printer.printed_bytes() >= len(stage.till.sent), 20)
        self.assertEqual(bytes(stage.printer.paper), bytes(stage.till.sent), "the paper differs from what was printed")
        self.assertEqual(stage.till.answers_missing, 0, "the printer's answers did not come back")

    def assert_in_order(self, stage):
        """P3, P4: nothing doubled, no gap, one unbroken chain, nothing refused."""
        centre = stage.centre
        self.assertEqual(centre.rejected(), [])
        self.assertEqual(centre.gaps(), 0)
        self.assertEqual(centre.doubled(), 0)
        self.assertEqual(centre.chain_breaks(), [])
        sequences = [int(event["sequence"]) for event in centre.events()]
        self.assertEqual(sequences, list(range(1, len(sequences) + 1)))

    def assert_valid(self, payloads, folder):
        """Every payload holds to the contract, says the validator of tests/contract (ajv)."""
        lines = folder / "payloads.jsonl"
        lines.write_bytes(b"\n".join(payloads) + b"\n")
        done = subprocess.run(["node", ROOT / "tests/contract/validate.mjs", lines], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


def receipt(number, *lines, total=199):
    """The bytes of a small receipt of the tests' own: a number, what else is to be on it, one article, a total."""
    amount = f"{total / 100:.2f}"
    text = ["CORNER SHOP", f"Receipt {number}", f"APPLES{amount:>20}", *lines, f"TOTAL{amount:>21}", f"CASH{amount:>22}"]
    return b"\x1b@" + "\n".join(text).encode("cp437", "replace") + b"\n\n\n\x1dV\x00"


def numbers(**defaults):
    """Numbers a script takes as --NAME N, in the order of `defaults`; says them. What else is given stays for main()."""
    parser = argparse.ArgumentParser()
    for name, value in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    given, sys.argv[1:] = parser.parse_known_args()
    print(", ".join(f"{name} {getattr(given, name)}" for name in defaults), flush=True)
    return [getattr(given, name) for name in defaults]


def main():
    """Runs the tests of the calling module; exit code 77 if there was nothing to run them on."""
    outcome = unittest.main(exit=False, verbosity=1).result
    if outcome.wasSuccessful() and outcome.skipped and len(outcome.skipped) == outcome.testsRun:
        for _, reason in outcome.skipped:
            print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    sys.exit(0 if outcome.wasSuccessful() else 1)
