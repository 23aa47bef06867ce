#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The project's tape through the real chain: every sale equals its truth, field by field.

Also the contract: what the broker carried is what the centre keeps, and ajv finds it valid.
"""

import collections

import support
from observer import Observer
from support import EVENTS, on_stage
from till import Tape
from truth import differences, moment


class TapeTest(support.StageTest):
    @classmethod
    def setUpClass(cls):
        cls.tape = Tape.own()
        cls.context = on_stage(cls.tape, but=("agent",))
        cls.stage = cls.context.__enter__()
        cls.addClassCleanup(cls.context.__exit__, None, None, None)
        cls.observer = Observer(cls.stage)
        cls.stage.start(but=("broker", "central", "relay"))
        cls.stage.play(cls.tape)
        cls.stage.settle()

    def test_every_sale_equals_its_truth(self):
        sales, truths = self.stage.centre.sales(), self.tape.sales()
        self.assertEqual([sale["data"]["receipt_number"] for sale in sales], [truth["receipt_number"] for truth in truths])
        for sale, truth in zip(sales, truths):
            with self.subTest(truth["receipt_number"]):
                self.assertEqual(differences(sale, truth, self.stage.key()), [])

    def test_what_is_no_sale_is_told_as_unparsed(self):
        """P7, P8: and nothing else is."""
        others = [step for step in self.tape.prints() if step["truth"]["type"] is None]
        self.assertEqual(len(self.stage.centre.events(EVENTS + "capture.unparsed")), len(others))

    def test_scans_of_members_are_told_and_no_others(self):
        scans = [step for step in self.tape.steps if step["do"] == "scan" and step["card"]]
        self.assertEqual(len(self.stage.centre.events(EVENTS + "loyalty.scanned")), len(scans))

    def test_coupons_name_their_sale(self):
        ids = {sale["id"] for sale in self.stage.centre.sales()}
        coupons = [event["data"] for event in self.stage.centre.events(EVENTS + "coupon.redeemed")]
        wanted = collections.Counter(c["code"] for truth in self.tape.sales() for c in truth["coupons"])
        self.assertEqual(collections.Counter(coupon["code"] for coupon in coupons), wanted)
        self.assertLessEqual({coupon["sale_id"] for coupon in coupons}, ids)

    def test_order_chain_and_paper(self):
        self.assert_in_order(self.stage)
        self.assert_printer_exact(self.stage)

    def test_times_go_forward(self):
        """P12."""
        for event in self.stage.centre.events():
            self.assertLessEqual(moment(event["time"]), moment(event["recordedtime"]))

    def test_broker_carried_what_the_centre_keeps_and_it_is_valid(self):
        kept = self.stage.centre.payloads()
        carried = self.observer.events()
        self.assertEqual(set(carried), set(kept))
        self.assert_valid(carried, self.stage.work)


if __name__ == "__main__":
    support.main()
