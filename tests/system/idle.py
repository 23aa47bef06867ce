#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The idle agent costs at most 2 MiB above its libraries, and under 0.1 % of a core (tools/bench/footprint); looking for
devices that are not there is little more."""

import sys
import time

import support
from support import PROGRAMS, ROOT

sys.path.insert(0, str(ROOT / "tools/bench"))

import footprint  # noqa: E402
from measuring import cpu_ns  # noqa: E402

MOST_BYTES = 2 << 20
MOST_CPU = 0.001
MOST_CPU_LOOKING = 0.003
LOOK_S = 10
ABSENT = """\
devices:
  - {name: s1, class: scanner, transport: serial, port: /dev/serial/by-id/absent-1, baud: 9600}
  - {name: s2, class: scanner, transport: serial, port: /dev/serial/by-id/absent-2, baud: 9600}
  - {name: u1, class: scanner, transport: serial, usb: "f00d:0001", usb_serial: S1, baud: 9600}
  - {name: u2, class: scanner, transport: serial, usb: "f00d:0001", usb_serial: S2, baud: 9600}
  - {name: h1, class: scanner, transport: hidraw, usb: "f00d:0002"}
  - {name: h2, class: scanner, transport: hidraw, usb: "f00d:0003"}
  - {name: e1, class: scanner, transport: evdev, usb: "f00d:0004"}
  - {name: e2, class: scanner, transport: evdev, usb: "f00d:0005"}
"""


class IdleTest(support.StageTest):
    def test_footprint(self):
        try:
            figures = footprint.measure(PROGRAMS, seconds=5)
        except PermissionError:
            self.skipTest("only root may read the PSS of a process that cannot be dumped")
        print(footprint.words(figures))
        self.assertLessEqual(figures["above_libraries_bytes"], MOST_BYTES)
        self.assertLess(figures["cpu_share"], MOST_CPU)

    def test_looking_for_eight_absent_devices(self):
        with support.on_stage(but=("agent",)) as stage:
            folder = stage.work / "conf.d"
            folder.mkdir()
            (folder / "absent.yaml").write_text(ABSENT)
            stage.agent.start()
            support.wait_until("the agent", stage.is_agent_up, 20, [stage.agent])
            time.sleep(5)  # the delays are at their longest
            before = cpu_ns(stage.agent.pid)
            time.sleep(LOOK_S)
            share = (cpu_ns(stage.agent.pid) - before) / 1e9 / LOOK_S
            print(f"looking for eight absent devices: {share * 100:.3f} % of a core")
            self.assertLess(share, MOST_CPU_LOOKING)


if __name__ == "__main__":
    support.main()
