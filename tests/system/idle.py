#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The idle agent costs at most 2 MiB above its libraries, and under 0.1 % of a core (tools/bench/footprint)."""

import sys

import support
from support import PROGRAMS, ROOT

sys.path.insert(0, str(ROOT / "tools/bench"))

import footprint  # noqa: E402

MOST_BYTES = 2 << 20
MOST_CPU = 0.001


class IdleTest(support.StageTest):
    def test_footprint(self):
        try:
            # What else maps the libraries at the moment moves the figure by a tenth or two of a MiB.
            figures = min((footprint.measure(PROGRAMS, seconds=10) for _ in range(3)), key=lambda each: each["above_libraries_bytes"])
        except PermissionError:
            self.skipTest("only root may read the PSS of a process that cannot be dumped")
        print(footprint.words(figures))
        self.assertLessEqual(figures["above_libraries_bytes"], MOST_BYTES)
        self.assertLess(figures["cpu_share"], MOST_CPU)


if __name__ == "__main__":
    support.main()
