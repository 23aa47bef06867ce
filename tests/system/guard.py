#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""P6: a card number in a receipt, a scan or an API call is found nowhere afterwards.

Not in the databases and their logs, not in log files, not in what the broker carried, not in an
answer. Loyalty numbers, which pass Luhn as well, arrive.
"""

import json
import re
import unittest

import support
from centre import pseudonym
from observer import Observer
from stage import SCHEME
from support import EVENTS, on_stage, receipt, shared_data
from till import Tape


def with_luhn(body):
    """The body and its check digit (ISO/IEC 7812-1, annex B)."""
    doubled = (sum(divmod(2 * int(d), 10)) if i % 2 == 0 else int(d) for i, d in enumerate(reversed(body)))
    return body + str(-sum(doubled) % 10)


# Numbers of no bank: the issuers' ranges, then a counter.
OWN_PANS = [with_luhn(body) for body in (
    "400000012345678", "411111987654321", "510510246813579", "555555102938475", "222300135792468", "272099112233445",
    "37828290817263", "34343456789012", "601100864209753", "650000753186420", "353011998877665", "3056930987654",
    "500000102030405", "621234998877665", "67999901020304050")]


def pans():
    """The numbers payment libraries publish for tests, where the data is, and our own."""
    try:
        return OWN_PANS + json.loads(shared_data("barcode/test_pans.json").read_text())
    except unittest.SkipTest:
        return OWN_PANS


def grouped(pan, by):
    """As on the card: fours, or 4-6-5 where there are 15 digits."""
    cuts = (4, 10) if len(pan) == 15 else range(4, len(pan), 4)
    edges = [0, *cuts, len(pan)]
    return by.join(pan[a:b] for a, b in zip(edges, edges[1:]))


def forms(pan):
    return [pan, grouped(pan, " "), grouped(pan, "-"), f";{pan}=29121010000000000000?"]


def bodies(pan):
    """Requests that carry a number in places where it has no business."""
    line = {"kind": "item", "description": "APPLES", "amount": 199}
    sale = {"kind": "sale", "total": 199, "lines": [line], "tenders": [{"type": "cash", "amount": 199}]}
    yield "/v1/sales", {**sale, "lines": [{**line, "description": f"CARD {pan}"}]}
    yield "/v1/sales", {**sale, "operator": pan}
    yield "/v1/sales", {**sale, "card": pan}
    yield "/v1/sales", {**sale, "receipt_number": grouped(pan, " ")}
    yield "/v1/sales", {**sale, "tenders": [{"type": "card", "amount": 199, "last4": pan}]}
    yield "/v1/sales", {**sale, "tenders": [{"type": "card", "amount": 199, "brand": grouped(pan, "-")}]}
    yield "/v1/sales", {**sale, pan: 1}
    yield "/v1/scans", {"code": pan}
    yield "/v1/scans", {"code": "6009200000041016", "device": pan}
    yield "/v1/members/lookup", {"card": pan}
    yield "/v1/members/lookup", {"card": "6009200000041016", "operator": pan}


def traces(data, numbers):
    """Which of the numbers are in the data, whatever stands between their digits."""
    bare = re.sub(rb"(?<=\d)[ \-./_]{1,2}(?=\d)", b"", data)
    return [pan for pan in numbers if pan.encode() in bare or pan.encode() in data]


class GuardTest(support.StageTest):
    def test_card_numbers_are_found_nowhere(self):
        tape, numbers = Tape.own(), pans()
        with on_stage(tape) as stage:
            observer = Observer(stage)
            self.print_all(stage, numbers)
            self.scan_all(stage, numbers)
            answers = self.call_all(stage, numbers)
            members = self.loyalty_too(stage, tape)
            stage.settle()
            self.assertEqual(traces("".join(answers).encode(), numbers), [])
            self.assertEqual(traces(observer.traffic(), numbers), [])
            self.search_files(stage, numbers)
            stage.agent.stop()  # what it writes at the end counts as well
            self.search_files(stage, numbers)
            found = {sale["data"]["customer"]["pseudonym"] for sale in stage.centre.sales() if sale["data"]["customer"]}
            self.assertLessEqual(members, found, "loyalty numbers got lost")
            self.assert_printer_exact(stage)

    def print_all(self, stage, numbers):
        """Each number in each form on a receipt; each receipt once whole and once in two or more writes."""
        for n, pan in enumerate(numbers):
            data = receipt(f"P{n:04}", *forms(pan))
            stage.till.print(data)
            stage.till.print(receipt(f"Q{n:04}", *forms(pan)), piece_bytes=len(data) // 2 - 3)
            stage.till.print(receipt(f"R{n:04}", *forms(pan)), piece_bytes=7)
        stage.till.hang_up()
        support.wait_until("the agent to take it", stage.has_taken_paper, 30, [stage.agent])

    def scan_all(self, stage, numbers):
        for pan in numbers:
            stage.scan(pan)
            stage.scanner.send(pan[:7].encode())  # in two writes
            stage.scan(pan[7:])
            stage.scan("]C0" + pan)
        self.assertGreater(stage.metric("scans_total", result="refused"), 0)

    def call_all(self, stage, numbers):
        """The texts of all answers; numbers in headers and paths count too."""
        answers = []
        for pan in numbers:
            for path, body in bodies(pan):
                answers.append(json.dumps(stage.post(path, body)[1]))
        pan = numbers[0]
        plain = {"Content-Type": "application/json"}
        answers.append(stage.request("POST", "/v1/sales", f'{{"kind": {pan}', plain)[1])
        answers.append(stage.request("GET", f"/v1/{pan}")[1])
        answers.append(stage.request("POST", "/v1/sales", "{}", {**plain, "Idempotency-Key": pan})[1])
        answers += [stage.get(path)[1] for path in ("/v1/status", "/metrics")]
        return answers

    def loyalty_too(self, stage, tape):
        """Prints member numbers in full; returns their pseudonyms."""
        for n, member in enumerate(tape.members):
            stage.till.print(receipt(f"M{n:04}", f"MEMBER {member['card']}"))
        stage.till.hang_up()
        return {pseudonym(stage.key(), SCHEME, member["card"]) for member in tape.members}

    def search_files(self, stage, numbers):
        files = [file for file in stage.work.rglob("*") if file.is_file()]
        self.assertIn("journal.db", [file.name for file in files])
        for file in files:
            with self.subTest(file.relative_to(stage.work)):
                self.assertEqual(traces(file.read_bytes(), numbers), [])

    def test_search_finds_what_is_there(self):
        """The search itself: a test that cannot fail would be none."""
        pan = OWN_PANS[0]
        for form in forms(pan):
            self.assertEqual(traces(b"x " + form.encode() + b" y", [pan]), [pan])


if __name__ == "__main__":
    support.main()
