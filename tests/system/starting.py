#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Starting: `tillwired --check` finds what a start would stumble over, and the order of relay and agent
does not matter."""

import shutil
import subprocess

import support
from process import wait_until
from support import on_stage, receipt

NOBODY = ("broker", "central", "relay", "agent")


class StartingTest(support.StageTest):
    @staticmethod
    def check(stage):
        done = subprocess.run([stage.programs / "tillwired", "--config", stage.config, "--check"], capture_output=True,
                              text=True)
        return done.returncode, done.stdout + done.stderr

    def test_check_finds_what_a_start_would(self):
        """P8: each file that is missing or no such file is named."""
        with on_stage(but=NOBODY) as stage:
            self.assertEqual(self.check(stage)[0], 0)
            for key in ("ca", "cert", "key", "pseudonym_key"):
                for path in (stage.work / "nowhere.pem", stage.work / "mosquitto.conf"):
                    with self.subTest(key, path=path.name):
                        stage.write_config(**{key: path})
                        code, text = self.check(stage)
                        self.assertEqual(code, 1)
                        self.assertIn(str(path), text)
            stage.write_config()
            stage.config.write_text(stage.config.read_text().replace("profile: generic", "profile: stranger"))
            code, text = self.check(stage)
            self.assertEqual(code, 1)
            self.assertIn("stranger", text)
            self.assertFalse(any(stage.state.iterdir()), "--check wrote something")

    def test_relay_first_on_a_fresh_machine(self):
        """P5: before the agent ever ran its folders are not there; the till prints, and nothing is lost."""
        with on_stage(but=NOBODY) as stage:
            shutil.rmtree(stage.work / "run")
            shutil.rmtree(stage.state)
            stage.start(but=("broker", "central", "agent"))
            stage.till.print(receipt("F-1"))
            stage.till.hang_up()
            self.assert_printer_exact(stage)
            stage.start(but=("relay",))
            wait_until("the sale at the centre", lambda: len(stage.centre.sales()) == 1, 40, [stage.agent])
            stage.settle()
            self.assert_in_order(stage)


if __name__ == "__main__":
    support.main()
