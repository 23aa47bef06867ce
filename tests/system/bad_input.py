#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""P8: bad input gets a clear message that names the place and the remedy; nothing is lost, the rest goes on."""

import json
import socket
import subprocess

import support
from authority import Authority
from process import wait_until
from support import BRIEF, EVENTS, PROGRAMS, on_stage, receipt
from till import Tape

NOISE_PIECE = 1 << 20
NOISE_BYTES = NOISE_PIECE * (1 if BRIEF else 10)
RELAY_BYTES = 4 << 20  # buffer_bytes, if the configuration does not say otherwise
JSON = {"Content-Type": "application/json"}
SALE = {"kind": "sale", "total": 199, "lines": [{"kind": "item", "description": "APPLES", "amount": 199}],
        "tenders": [{"type": "cash", "amount": 199}]}


class PaperTest(support.StageTest):
    """What comes from the till."""

    def print_good(self, stage, number):
        """A good receipt, whatever came before; returns once it is at the centre."""
        stage.till.hang_up()
        stage.till.send(receipt(number))
        stage.till.hang_up()
        wait_until(f"receipt {number} at the centre", lambda: number in self.numbers(stage), 30,
                   [stage.agent, stage.relay, stage.central])

    @staticmethod
    def numbers(stage):
        return [sale["data"]["receipt_number"] for sale in stage.centre.sales()]

    def test_truncated_receipts(self):
        own = [step["bytes"] for step in Tape.own().prints()[:12]]
        with on_stage() as stage:
            for n, data in enumerate(own):
                stage.till.send(data[:len(data) * (n + 1) // (len(own) + 1)])
                stage.till.hang_up()
            self.print_good(stage, "G-1")
            self.assert_in_order(stage)
            self.assert_printer_exact(stage)

    def test_noise(self):
        """As fast as the agent reads; the printer is faster than any real one."""
        with on_stage() as stage:
            self.print_good(stage, "G-1")
            for _ in range(NOISE_BYTES // NOISE_PIECE):
                stage.till.send(stage.random.randbytes(NOISE_PIECE))
                wait_until("the agent to follow", lambda: self.behind(stage) < NOISE_PIECE, 60, [stage.agent, stage.relay])
            self.print_good(stage, "G-2")
            stage.settle()
            self.assertEqual(self.numbers(stage), ["G-1", "G-2"])
            self.assertEqual(stage.centre.events(EVENTS + "capture.gap"), [])
            self.assert_in_order(stage)
            self.assert_printer_exact(stage)

    @staticmethod
    def behind(stage):
        """Bytes the agent has not read yet."""
        return len(stage.till.sent) - stage.metric("tap_bytes_total")

    def test_more_than_the_relay_can_keep(self):
        """P5, P7: with nobody to take the copy the printer still gets all, and the loss is told."""
        with on_stage() as stage:
            self.print_good(stage, "G-1")
            stage.agent.kill()
            stage.till.send(bytes(RELAY_BYTES + NOISE_PIECE))
            wait_until("the printer", lambda: stage.printer.printed_bytes() >= len(stage.till.sent), 20, [stage.relay])
            stage.agent.start()
            self.print_good(stage, "G-2")
            gaps = [event["data"] for event in stage.centre.events(EVENTS + "capture.gap")]
            self.assertEqual([(gap["device"], gap["reason"]) for gap in gaps], [("printer", "tap_overrun")] * len(gaps))
            self.assertGreaterEqual(sum(gap["bytes"] for gap in gaps), NOISE_PIECE)
            self.assert_in_order(stage)
            self.assert_printer_exact(stage)

class InterfaceTest(support.StageTest):
    """What comes over HTTP."""

    def refused(self, stage, body, status, field=None, path="/v1/sales", headers=None):
        """The request gets this status and a problem that names the field."""
        got, text = stage.request("POST", path, body, JSON if headers is None else headers)
        problem = json.loads(text)
        self.assertEqual((got, problem.get("field")), (status, field), text)
        self.assertTrue(problem["type"].startswith("urn:tillwire:problem:"), text)
        self.assertTrue(problem["title"], text)

    def test_bad_requests_name_the_field_and_nothing_stops(self):
        with on_stage() as stage:
            bad = (
                (b'{"kind":"s\xff\xfe"}', 400, None), (b"", 400, None), (b"[1]", 400, None), (b'{"kind":', 400, None),
                ({**SALE, "total": "1.99"}, 422, "/total"), ({**SALE, "total": 1.5}, 422, "/total"),
                ({**SALE, "kind": 7}, 422, "/kind"), ({**SALE, "lines": {}}, 422, "/lines"),
                ({**SALE, "lines": [{"kind": "item"}]}, 422, "/lines/0/amount"),
                ({**SALE, "tenders": [{"type": "shells", "amount": 1}]}, 422, "/tenders/0/type"),
            )
            for body, status, field in bad:
                with self.subTest(body=body):
                    self.refused(stage, body if isinstance(body, bytes) else json.dumps(body), status, field)
            self.refused(stage, json.dumps(SALE), 415, headers={"Content-Type": "text/plain"})
            self.refused(stage, b"x" * (1 << 20), 413)
            self.refused(stage, '{"code":5}', 422, "/code", path="/v1/scans")
            self.refused(stage, '{"card":[]}', 422, "/card", path="/v1/members/lookup")
            status, answer = stage.post("/v1/sales", {**SALE, "receipt_number": "A-1"})
            self.assertEqual(status, 201, answer)
            stage.settle()
            self.assertEqual([sale["id"] for sale in stage.centre.sales()], [answer["id"]])

    def test_repeat_answers_with_the_same_id(self):
        """P1, P3."""
        with on_stage() as stage:
            key = {"Idempotency-Key": "till-7-0001"}
            sale = {**SALE, "receipt_number": "A-1"}
            first, again = stage.post("/v1/sales", sale, key), stage.post("/v1/sales", sale, key)
            self.assertEqual((first[0], again[0]), (201, 200))
            self.assertEqual(first[1]["id"], again[1]["id"])
            self.assertEqual(stage.post("/v1/sales", {**sale, "receipt_number": "A-2"}, key)[0], 422)
            stage.settle()
            self.assertEqual(len(stage.centre.sales()), 1)


class ConfigurationTest(support.StageTest):
    """What keeps the agent from starting, or from its broker."""

    def fails(self, stage, *wanted, program="tillwired", options=()):
        """The program ends with an error whose text has all that is wanted."""
        done = subprocess.run([PROGRAMS / program, "--config", stage.config, *options], capture_output=True, text=True,
                              timeout=20)
        self.assertNotEqual(done.returncode, 0)
        for part in wanted:
            self.assertIn(str(part), done.stderr)

    def test_agent_says_what_is_wrong_and_where(self):
        with on_stage(but=("broker", "central", "relay", "agent")) as stage:
            good = stage.config.read_text()
            stage.config.write_text(good.replace("currency:", "curency:"))
            self.fails(stage, stage.config, "curency")
            stage.config.write_text(good.replace("timezone: Europe/Berlin", "timezone: Europe/Berlln"))
            self.fails(stage, f"{stage.config}:6", "timezone", "Europe/Berlln")
            stage.write_config(ca=stage.work / "nowhere.pem")
            self.fails(stage, stage.work / "nowhere.pem")
            stage.write_config(cert=stage.work / "nowhere.pem")
            self.fails(stage, stage.work / "nowhere.pem")
            stage.write_config(pseudonym_key=stage.work / "nowhere.key")
            self.fails(stage, stage.work / "nowhere.key")

    def test_port_in_use_names_port_and_remedy(self):
        with on_stage(but=("broker", "central", "relay", "agent")) as stage:
            for name, program, options in (("desk", "tillwired", ()), ("till", "tillwire-relay", ("--device", "printer"))):
                with self.subTest(name), socket.create_server(("127.0.0.1", stage.ports[name])):
                    self.fails(stage, stage.ports[name], "in use", program=program, options=options)

    def cannot_connect(self, stage, *wanted):
        """The agent takes receipts, does not reach the broker, and says why with all that is wanted."""
        def why():
            problems = json.loads(stage.get("/v1/status")[1])["problems"]
            text = " ".join(problem for problem in problems if "broker" in problem)
            return text if all(part in text for part in wanted) else None

        stage.till.print(receipt("S-1"))
        stage.till.hang_up()
        wait_until("the sale to be safe", lambda: stage.accepted_sales() == 1, 20, [stage.agent])
        wait_until(f"the agent to say why, with {wanted}", why, 30, [stage.agent])
        self.assertEqual(stage.tillwire("status").returncode, 1)
        self.assertEqual(stage.centre.sales(), [])

    def then_connects(self, stage):
        """With the right files again, what was kept arrives."""
        stage.agent.stop()
        stage.write_config()
        stage.agent.start()
        wait_until("the sale at the centre", lambda: len(stage.centre.sales()) == 1, 40, [stage.agent])
        self.assert_in_order(stage)

    def test_wrong_ca(self):
        with on_stage(but=("agent",)) as stage:
            stage.write_config(ca=Authority(stage.work / "other", "Another").ca)
            stage.agent.start()
            wait_until("the agent", stage.is_agent_up, 20, [stage.agent])
            self.cannot_connect(stage, "certificate", "ca.pem")
            self.then_connects(stage)

    def test_wrong_host_name(self):
        with on_stage(but=("broker", "central", "agent")) as stage:
            stage.authority.server("broker", "subjectAltName=DNS:another.example\n")
            stage.broker.start()
            stage.agent.start()
            wait_until("the agent", stage.is_agent_up, 20, [stage.agent])
            self.cannot_connect(stage, "127.0.0.1", "certificate")
            stage.authority.server("broker")
            stage.broker.stop()
            stage.broker.start()
            stage.central.start()
            self.then_connects(stage)


if __name__ == "__main__":
    support.main()
