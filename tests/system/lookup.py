#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Members reach the terminal; it answers with the broker down, and says how old the answer is."""

import json
import time

import support
from process import wait_until
from stage import SCHEME
from support import EVENTS, on_stage
from centre import pseudonym
from till import Tape

STRANGER = "6009200999999992"


class LookupTest(support.StageTest):
    def setUp(self):
        self.tape = Tape([], Tape.own().members)

    def wait_for_members(self, stage):
        wait_until("the members to reach the terminal", lambda: stage.metric("members") == len(self.tape.members), 30,
                   [stage.agent, stage.central])

    def test_answers_offline_with_age_and_is_audited(self):
        """P10; the audit event arrives when the line is back."""
        member = self.tape.members[2]
        with on_stage(self.tape) as stage:
            self.wait_for_members(stage)
            stage.broker.kill()
            time.sleep(1.1)
            answer = self.ask(stage, member["card"])
            self.assertEqual([answer[name] for name in ("found", "scheme", "tier", "points")],
                             [True, SCHEME, member["tier"], member["points"]])
            self.assertGreaterEqual(answer["age_s"], 1)
            stage.broker.start()
            stage.settle(60)
            self.check_audit(stage, member["card"])

    def ask(self, stage, card):
        """Through the command line, the card on its standard input."""
        done = stage.tillwire("lookup", "--json", "--operator", "17", stdin=card + "\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def check_audit(self, stage, card):
        audit, = stage.centre.events(EVENTS + "loyalty.looked_up")
        self.assertEqual(audit["data"]["pseudonym"], pseudonym(stage.key(), SCHEME, card))
        self.assertEqual((audit["data"]["found"], audit["data"]["asked_by"]), (True, "17"))
        self.assertGreaterEqual(audit["data"]["age_s"], 1)
        self.assert_in_order(stage)
        self.assert_valid(stage.centre.payloads(), stage.work)

    def test_api_answers_in_milliseconds_and_knows_strangers(self):
        with on_stage(self.tape) as stage:
            self.wait_for_members(stage)
            took_ms = sorted(self.timed(stage, member["card"]) for member in self.tape.members)
            print(f"lookup over HTTP: median {took_ms[len(took_ms) // 2]:.1f} ms, slowest {took_ms[-1]:.1f} ms")
            status, answer = stage.post("/v1/members/lookup", {"card": STRANGER})
            self.assertEqual((status, answer["found"], answer["tier"]), (200, False, None))
            done = stage.tillwire("lookup", stdin=STRANGER + "\n")
            self.assertEqual(done.returncode, 1, done.stderr)

    def timed(self, stage, card):
        start = time.monotonic()
        status, answer = stage.post("/v1/members/lookup", {"card": card})
        self.assertEqual((status, answer["found"]), (200, True))
        return (time.monotonic() - start) * 1000


if __name__ == "__main__":
    support.main()
