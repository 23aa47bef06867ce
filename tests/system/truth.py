# SPDX-License-Identifier: Apache-2.0
"""Compares a sale event with what is known to be on the paper."""

import datetime

from centre import pseudonym
from stage import SCHEME

SAME = ("kind", "receipt_number", "operator", "subtotal", "discount", "tax", "tax_included", "total", "reconciled")
# The tape says 0 also where nothing is printed; the event then says null (names.md: never guessed).
SAME_OR_NOTHING = ("rounding", "change")
LINE = ("kind", "description", "gtin", "quantity", "unit_price", "amount", "voided")
# names.md: of a discount line these may be absent.
ABSENT = {"gtin": None, "quantity": "1", "unit_price": None, "voided": False}


def customer(key, card):
    """What the event must say about who has this card."""
    return None if card is None else {"scheme": SCHEME, "pseudonym": pseudonym(key, SCHEME, card)}


def moment(text):
    return None if text is None else datetime.datetime.fromisoformat(text)


def line_of(line):
    """A line as the tape writes it."""
    return {name: ABSENT.get(name) if line.get(name) is None else line[name] for name in LINE}


def lines_of(sale):
    """The lines of an event as the tape writes them: the line that takes an article back is none of its own there."""
    cancelled, kept = [], []
    for line in sale["lines"]:
        if line.get("voided") and -line["amount"] in cancelled:
            cancelled.remove(-line["amount"])
            continue
        if line.get("voided"):
            cancelled.append(line["amount"])
        kept.append(line_of(line))
    return kept


def tender_of(tender):
    return {name: value for name, value in tender.items() if value is not None}


def differences(event, truth, key):
    """What the event says otherwise than the truth: a list of sentences, empty if nothing."""
    sale, found = event["data"], []

    def compare(name, is_, should_be):
        if is_ != should_be:
            found.append(f"{name} is {is_!r}, must be {should_be!r}")

    compare("type", event["type"], "io.tillwire." + truth["type"])
    for name in SAME:
        compare(name, sale[name], truth[name])
    for name in SAME_OR_NOTHING:
        compare(name, sale[name] or 0, truth[name])
    compare("printed_time", moment(sale["printed_time"]), moment(truth["printed_time"]))
    lines = lines_of(sale)
    compare("number of lines", len(lines), len(truth["lines"]))
    for n, (line, true_line) in enumerate(zip(lines, truth["lines"]), 1):
        compare(f"line {n}", line, line_of(true_line))
    compare("tenders", [tender_of(t) for t in sale["tenders"]], [tender_of(t) for t in truth["tenders"]])
    who = sale["customer"] and {name: sale["customer"][name] for name in ("scheme", "pseudonym")}
    compare("customer", who, customer(key, truth["card"]))
    compare("coupons", sale["coupons"], truth["coupons"])
    return found
