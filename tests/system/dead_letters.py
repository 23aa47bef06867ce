#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An event that the centre rejects: kept on the terminal, shown to who asks, sent again when told to; a centre that
rejected it and lost its database; and one that wants everything again. All through the command line."""

import json
import subprocess

import support
from process import wait_until
from stage import TOPICS
from support import on_stage, receipt, wait_for_devices

ARTICLE = "APPLES"  # of every receipt here


class DeadLetters(support.StageTest):
    def say(self, stage, topic, **message):
        """As the centre, which is not there."""
        cert, key = stage.authority.client("central")
        subprocess.run(["mosquitto_pub", "-h", "127.0.0.1", "-p", str(stage.ports["broker"]), "--cafile",
                        stage.authority.ca, "--cert", cert, "--key", key, "--tls-version", "tlsv1.3", "-V", "5", "-q", "1",
                        "-t", f"{TOPICS}/{topic}", "-m", json.dumps(message)], check=True, timeout=20)

    def asked(self, stage, code, *arguments):
        result = stage.tillwire(*arguments)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        return result.stdout

    def queue(self, stage):
        return json.loads(stage.tillwire("queue", "--json").stdout)

    def test_p7_a_rejected_sale_is_kept_shown_and_sent_again(self):
        with on_stage(but=("central",)) as stage:
            wait_for_devices(stage)
            stage.till.print(receipt("R-1"))
            stage.till.hang_up()
            wait_until("the sale", lambda: stage.metric("events_published_total") >= 3, 20, [stage.agent])
            epoch = self.queue(stage)["epoch"]
            self.say(stage, "reject", epoch=epoch, sequence=3, reason="no such article")
            wait_until("the dead letter", lambda: stage.metric("dead_letters") == 1, 20, [stage.agent])
            self.say(stage, "ack", epoch=epoch, through=4)  # the devices, the sale, and the capture.gap that tells of it
            wait_until("the queue to be empty", lambda: self.queue(stage)["events"] == 0, 20, [stage.agent])

            self.assertEqual(self.queue(stage)["through"], 4)
            self.assertIn("tillwire queue show", self.asked(stage, 1, "status"))
            shown = self.asked(stage, 1, "queue", "show")
            self.assertIn("no such article", shown)
            self.assertNotIn(ARTICLE, shown)
            letters = json.loads(self.asked(stage, 1, "queue", "show", "--json"))["letters"]
            self.assertEqual([(letter["sequence"], letter["epoch"]) for letter in letters], [(3, epoch)])
            number = str(letters[0]["number"])
            self.assertIn(ARTICLE, self.asked(stage, 1, "queue", "show", number, "--data"))
            self.assertEqual(stage.get("/v1/queue/dead?data=1")[0], 403)

            self.assertIn("1 event is queued again", self.asked(stage, 0, "queue", "retry", number))
            self.asked(stage, 1, "queue", "retry", number)
            self.asked(stage, 0, "queue", "show")
            stage.central.start()
            wait_until("the sale at the centre", lambda: len(stage.centre.sales()) == 1, 30, [stage.agent, stage.central])
            self.assertEqual(stage.centre.sales()[0]["data"]["receipt_number"], "R-1")
            self.assertNotEqual(stage.centre.sales()[0]["id"], letters[0]["id"])

    def test_p4_a_centre_without_a_past_waits_for_no_dead_letter(self):
        with on_stage(but=("central",)) as stage:
            wait_for_devices(stage)
            for number in (1, 2, 3):
                stage.till.print(receipt(f"R-{number}"))
            stage.till.hang_up()
            wait_until("the sales", lambda: self.queue(stage)["next_sequence"] == 6 and
                       stage.metric("events_published_total") >= 5, 20, [stage.agent])
            epoch = self.queue(stage)["epoch"]
            self.say(stage, "reject", epoch=epoch, sequence=4, reason="no such article")
            wait_until("the dead letter", lambda: stage.metric("dead_letters") == 1, 20, [stage.agent])
            stage.central.start()  # which knows nothing of that, and takes 3, then waits for 4
            wait_until("the queue to be empty", lambda: self.queue(stage)["events"] == 0, 60, [stage.agent, stage.central])
            self.assertNotEqual(self.queue(stage)["epoch"], epoch)
            self.assertEqual(sorted(sale["data"]["receipt_number"] for sale in stage.centre.sales()), ["R-1", "R-3"])
            letters = json.loads(self.asked(stage, 1, "queue", "show", "--json"))["letters"]
            self.assertEqual([(letter["sequence"], letter["epoch"]) for letter in letters], [(4, epoch)])
            self.asked(stage, 0, "queue", "retry", str(letters[0]["number"]))
            wait_until("the sale at the centre", lambda: len(stage.centre.sales()) == 3, 30, [stage.agent, stage.central])

    def test_p3_everything_sent_again_is_taken_once(self):
        with on_stage() as stage:
            wait_for_devices(stage)
            for number in (1, 2, 3):
                stage.till.print(receipt(f"R-{number}"))
            stage.till.hang_up()
            wait_until("the sales", lambda: len(stage.centre.sales()) == 3 and self.queue(stage)["through"] == 5, 30,
                       [stage.agent, stage.central])
            epoch = self.queue(stage)["epoch"]
            self.asked(stage, 1, "queue", "resync", "9")
            self.assertIn("new epoch", self.asked(stage, 0, "queue", "resync", "1"))  # they are gone from here
            wait_until("the new epoch to drain", lambda: self.queue(stage)["epoch"] != epoch and
                       self.queue(stage)["events"] == 0, 30, [stage.agent, stage.central])
            stage.till.print(receipt("R-4"))
            stage.till.hang_up()
            wait_until("one more sale", lambda: len(stage.centre.sales()) == 4, 30, [stage.agent, stage.central])


if __name__ == "__main__":
    support.main()
