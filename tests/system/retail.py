#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""48 receipts of real baskets, printed by other people's encoders, through the real chain against their TRUTH.json."""

import collections
import json

import support
from support import on_stage, shared_data
from till import Tape
from truth import customer

# README.md of the data: `discount` is a positive sum, `subtotal` is not what is printed.
SAME = ("kind", "total", "tax")


def closes(truth):
    """Whether the arithmetic of the basket closes, with the tax added or included."""
    net = sum(item["gross"] for item in truth["items"]) - truth["discount"]
    return truth["total"] in (net, net + truth["tax"]) and truth["tender"]["amount"] - truth["change"] == truth["total"]


def amounts(truth):
    """The amounts of the articles, however often each, and of all discounts together: one layout prints only their sum."""
    return collections.Counter(item["gross"] for item in truth["items"]), -truth["discount"]


def amounts_of(sale):
    """The same of a sale event; what was taken back does not count."""
    live = [line for line in sale["lines"] if not line.get("voided")]
    return (collections.Counter(line["amount"] for line in live if line["kind"] != "discount"),
            sum(line["amount"] for line in live if line["kind"] == "discount"))


class RetailTest(support.StageTest):
    def test_every_receipt_equals_its_truth(self):
        folder = shared_data("escpos/retail")
        truths = json.loads((folder / "TRUTH.json").read_text())
        steps = [{"do": "print", "bytes": (folder / truth["file"]).read_bytes()} for truth in truths]
        with on_stage() as stage:
            stage.play(Tape(steps))
            stage.settle()
            sales = stage.centre.sales()
            self.assertEqual([sale["data"]["receipt_number"] for sale in sales], [truth["trans"] for truth in truths])
            for sale, truth, step in zip(sales, truths, steps):
                with self.subTest(truth["file"]):
                    self.compare(sale["data"], truth, step["bytes"], stage.key())
            self.assert_in_order(stage)
            self.assert_printer_exact(stage)
            self.assert_valid(stage.centre.payloads(), stage.work)

    def compare(self, sale, truth, paper, key):
        self.assertEqual({name: sale[name] for name in SAME}, {name: truth[name] for name in SAME})
        self.assertEqual(sale["change"] or 0, truth["change"])  # null where no change is printed
        self.assertEqual(amounts_of(sale), amounts(truth))
        tender = truth["tender"]
        last4 = tender["last4"] if f"*{tender['last4']}".encode() in paper else None  # not on every layout
        self.assertEqual([(t["type"], t["amount"], t.get("last4")) for t in sale["tenders"]],
                         [(tender["type"], tender["amount"], last4)])
        self.assertEqual(sale["reconciled"], closes(truth))
        card = truth["member"] if truth["member"].encode() in paper else None  # else it is masked on the paper
        who = sale["customer"] and {name: sale["customer"][name] for name in ("scheme", "pseudonym")}
        self.assertEqual(who, customer(key, card))


if __name__ == "__main__":
    support.main()
