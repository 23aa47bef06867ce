#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Hardware that comes and goes, as the centre hears of it: a serial scanner behind a link, unplugged and plugged in again."""

import json
import os
import pathlib
import time
import tty

import support
from process import wait_until
from support import EVENTS, on_stage

DEVICE = EVENTS + "device."
CARD = "6009200000009310"


class Plug:
    """A scanner behind a link, as in /dev/serial/by-id: each time it is plugged in it has another node."""

    def __init__(self, link):
        self.link = pathlib.Path(link)
        self._far = None

    def plug(self):
        self._far, near = os.openpty()
        tty.setraw(near)
        self.link.symlink_to(os.ttyname(near))
        os.close(near)

    def unplug(self):
        if self._far is not None:
            self.link.unlink(missing_ok=True)
            os.close(self._far)
            self._far = None

    def scan(self, code):
        os.write(self._far, code.encode() + b"\r\n")


class DevicesTest(support.StageTest):
    def told(self, stage, device="scanner"):
        """What the centre was told of a device: (last word of the type, data)."""
        return [(event["type"].removeprefix(DEVICE), event["data"])
                for event in stage.centre.events(DEVICE) if event["data"]["device"] == device]

    def words(self, stage, device="scanner"):
        return [word for word, _ in self.told(stage, device)]

    def state(self, stage, device="scanner"):
        devices = json.loads(stage.get("/v1/status")[1])["devices"]
        return next(each["state"] for each in devices if each["name"] == device)

    def wait_for(self, stage, *words, device="scanner", seconds=20):
        wait_until(f"the centre to be told {words}", lambda: self.words(stage, device) == list(words), seconds, [stage.agent])

    def begin(self, stage, more=""):
        """Starts the agent with a scanner that is plugged in."""
        plug = Plug(stage.work / "usb-scanner")
        stage.write_config(scanner=f"{plug.link}{more}")
        plug.plug()
        self.addCleanup(plug.unplug)
        self.start_agent(stage)
        return plug

    def start_agent(self, stage):
        stage.agent.start()
        wait_until("the agent to be ready", stage.is_agent_up, 20, [stage.agent])

    def test_unplugged_and_plugged_in_again(self):
        with on_stage(but=("agent",)) as stage:
            plug = self.begin(stage)
            self.wait_for(stage, "attached")
            self.wait_for(stage, "attached", device="printer")
            plug.scan(CARD)
            wait_until("the scan", lambda: stage.metric("scans_total", result="loyalty") == 1, 20, [stage.agent])

            plug.unplug()
            wait_until("the status to say lost", lambda: self.state(stage) == "lost", 5, [stage.agent])
            self.assertEqual(stage.tillwire("status").returncode, 1)
            self.assertIn("scanner          lost", stage.tillwire("status").stdout)
            self.assertEqual(stage.metric("device_up", device="scanner"), 0)
            self.assertEqual(stage.metric("device_losses_total", device="scanner", reason="unplugged"), 1)
            self.wait_for(stage, "attached", "lost")
            data = self.told(stage)[1][1]
            self.assertEqual((data["reason"], data["left_out"], data["transport"]), ("unplugged", 0, "serial"))
            self.assertIn("plug the device in", data["detail"])

            plug.plug()
            start = time.monotonic()
            wait_until("the status to say ready", lambda: self.state(stage) == "ready", 5, [stage.agent])
            print(f"ready {time.monotonic() - start:.1f} s after it was plugged in, without udev's word")
            self.wait_for(stage, "attached", "lost", "attached")
            plug.scan(CARD)
            wait_until("the scan", lambda: stage.metric("scans_total", result="loyalty") == 2, 20, [stage.agent])

            stage.agent.stop()  # nothing happened to the devices
            self.start_agent(stage)
            self.wait_for(stage, "attached", "lost", "attached", "attached")
            stage.settle()
            self.assert_in_order(stage)
            self.assert_valid(stage.centre.payloads(), stage.work)

    def test_a_flapping_contact_is_bounded(self):
        with on_stage(but=("agent",)) as stage:
            plug = self.begin(stage)
            self.wait_for(stage, "attached")
            for count in range(1, 9):
                plug.unplug()
                wait_until("the loss", lambda: stage.metric("device_losses_total", device="scanner") == count, 5, [stage.agent])
                if count in (4, 8):
                    time.sleep(2.5)  # long enough to be told, but for the minute that is not over
                plug.plug()
                wait_until("its return", lambda: stage.metric("device_up", device="scanner") == 1, 5, [stage.agent])
            stage.settle()
            self.assertEqual(self.words(stage), ["attached", "lost", "attached"])
            self.assertEqual(self.told(stage)[1][1]["left_out"], 3)
            self.assert_valid(stage.centre.payloads(), stage.work)

    def test_silence_is_stale_and_told(self):
        with on_stage(but=("agent",)) as stage:
            plug = self.begin(stage, ", silence_s: 5")
            wait_until("the status to say stale", lambda: self.state(stage) == "stale", 20, [stage.agent])
            self.assertEqual((stage.metric("device_up", device="scanner"), stage.metric("device_stale", device="scanner")), (1, 1))
            self.assertIn("said nothing for 5 s", stage.tillwire("status").stdout)
            self.wait_for(stage, "attached", "lost")
            self.assertEqual(self.told(stage)[1][1]["reason"], "silent")
            plug.scan(CARD)
            wait_until("the status to say ready", lambda: self.state(stage) == "ready", 5, [stage.agent])
            self.wait_for(stage, "attached", "lost", "attached")
            self.assertEqual(stage.metric("device_stale", device="scanner"), 0)

    def test_the_relay_is_told_as_what_it_is(self):
        with on_stage() as stage:
            self.wait_for(stage, "attached", device="printer")
            stage.relay.stop()
            self.wait_for(stage, "attached", "lost", device="printer")
            data = self.told(stage, "printer")[1][1]
            self.assertEqual(data["reason"], "closed")
            self.assertTrue(data["detail"].startswith("of tillwire-relay, not of the printer: "), data["detail"])
            stage.relay.start()
            self.wait_for(stage, "attached", "lost", "attached", device="printer")


if __name__ == "__main__":
    support.main()
