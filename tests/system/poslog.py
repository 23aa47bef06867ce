#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A folder of POSLog files through the real chain: each transaction is one sale at the centre, whatever is killed or full
meanwhile, and a file is in done/ only when all of it is durable (P1, P3, P7, P8)."""

import collections
import contextlib
import datetime
import os
import random
import re
import shutil
import time
import zoneinfo

import support
from process import wait_until
from support import on_stage, receipt, shared_data

KILLS, SEED, TRANSACTIONS = 6, 1, 10000
PER_FILE = 700  # transactions, where the agent is killed
GROWTH_MIB = 8  # of the agent, however large a file is
STORE_TIME = zoneinfo.ZoneInfo("Europe/Berlin")  # of tools/sim/stage.py; its days are not always those of this machine


def transaction(number, amount=199, till="07", day=None):
    day = day or datetime.datetime.now(STORE_TIME).date().isoformat()
    money = f"{amount / 100:.2f}"
    return (f"<Transaction><RetailStoreID>0042</RetailStoreID><WorkstationID>{till}</WorkstationID>"
            f"<SequenceNumber>{number}</SequenceNumber><BusinessDayDate>{day}</BusinessDayDate>"
            f"<EndDateTime>{day}T10:15:07</EndDateTime><OperatorID>17</OperatorID><CurrencyCode>EUR</CurrencyCode>"
            "<RetailTransaction><LineItem><Sale><ItemID>4006381333931</ItemID><Description>APPLES</Description>"
            f"<RegularSalesUnitPrice>{money}</RegularSalesUnitPrice><ExtendedAmount>{money}</ExtendedAmount>"
            "<Quantity>1</Quantity></Sale></LineItem>"
            f'<LineItem><Tender TenderType="Cash"><Amount>{money}</Amount></Tender></LineItem>'
            f'<Total TotalType="TransactionGrandAmount">{money}</Total></RetailTransaction></Transaction>')


def poslog(*transactions):
    return f'<?xml version="1.0"?>\n<POSLog xmlns="urn:x">{"".join(transactions)}</POSLog>\n'


class Folder:
    """The folder a till exports to."""

    def __init__(self, stage):
        self.path = stage.work / "pos"
        self.path.mkdir()
        more = stage.work / "conf.d"
        more.mkdir()
        (more / "export.yaml").write_text("devices:\n  - {name: export, class: poslog, transport: directory, "
                                          f"path: {self.path}, rescan_s: 1}}\n")

    def drop(self, name, text):
        """As tills do: written under another name first."""
        (self.path / "export.tmp").write_text(text)
        os.rename(self.path / "export.tmp", self.path / name)

    def waiting(self):
        return sorted(file.name for file in self.path.glob("*.xml"))

    def done(self):
        return sorted(file.name for file in (self.path / "done").glob("*"))

    def failed(self):
        return sorted(file.name for file in (self.path / "failed").glob("*"))


@contextlib.contextmanager
def on_folder(but=()):
    with on_stage(but=("broker", "central", "relay", "agent")) as stage:
        folder = Folder(stage)
        stage.start([name for name in ("broker", "central", "relay", "agent") if name in but])
        yield stage, folder


class PoslogTest(support.StageTest):
    def wait_for_files(self, stage, folder, timeout_s=60):
        wait_until("the files to be read", lambda: not folder.waiting(), timeout_s, [stage.agent])
        stage.settle(timeout_s)

    def numbers(self, stage):
        return [sale["data"]["receipt_number"] for sale in stage.centre.sales()]

    def test_files_become_sales(self):
        with on_folder() as (stage, folder):
            # A file that nobody was seen to close is not refused for ten minutes.
            wait_until("the folder to be watched", lambda: "export is ready" in stage.agent.tail(), 20, [stage.agent])
            folder.drop("a.xml", poslog(transaction(1), "<Transaction><ControlTransaction/></Transaction>", transaction(2)))
            folder.drop("b.xml", transaction(3))
            folder.drop("broken.xml", poslog(transaction(4), transaction(5))[:-300])
            (folder.path / "slow.xml").write_text(poslog(transaction(6)))  # written in place
            self.wait_for_files(stage, folder)
            self.assertEqual(sorted(self.numbers(stage)), ["1", "2", "3", "4", "6"])
            self.assertEqual(folder.done(), ["a.xml", "b.xml", "slow.xml"])
            self.assertEqual(folder.failed(), ["broken.xml", "broken.xml.txt"])
            self.assertRegex((folder.path / "failed/broken.xml.txt").read_text(), r"^line 2, column \d+: ")
            self.assertEqual([event["data"]["reason"] for event in stage.centre.events("io.tillwire.capture.")], ["truncated"])
            self.assertEqual(stage.metric("poslog_files_total", result="done"), 3)
            self.assertEqual(stage.metric("poslog_files_total", result="failed"), 1)
            self.assertEqual(stage.metric("poslog_transactions_total", result="other"), 1)
            self.assertIn("files: 3 done, 1 failed, 0 waiting", stage.tillwire("status").stdout)
            before = len(stage.centre.events())
            shutil.copyfile(folder.path / "done/a.xml", folder.path / "again.xml")  # exported again under another name
            self.wait_for_files(stage, folder)
            self.assertEqual(len(stage.centre.events()), before)
            self.assert_in_order(stage)
            self.assert_valid(stage.centre.payloads(), stage.work)

    def test_receipt_and_poslog_are_one_sale(self):
        with on_folder() as (stage, folder):
            stage.till.print(receipt("R-1"))
            stage.till.hang_up()
            stage.settle()
            folder.drop("a.xml", poslog(transaction("R-1"), transaction("R-2")))
            self.wait_for_files(stage, folder)
            sales = stage.centre.sales()
            types = collections.Counter(sale["type"].rsplit(".", 1)[1] for sale in sales)
            self.assertEqual(types, {"completed": 2, "corrected": 1})
            self.assertEqual(stage.centre.transactions(), 2)
            corrected = next(sale["data"] for sale in sales if sale["type"].endswith("corrected"))
            self.assertEqual([witness["via"] for witness in corrected["witnesses"]], ["receipt", "poslog"])
            self.assertEqual(corrected["lines"][0]["gtin"], "4006381333931")
            self.assert_in_order(stage)

    def test_agent_killed_in_the_middle_of_files(self):
        chance, caught = random.Random(SEED), 0
        with on_folder() as (stage, folder):
            for kill in range(KILLS):
                numbers = range(kill * PER_FILE, (kill + 1) * PER_FILE)
                wait_until("the agent", stage.is_agent_up, 20, [stage.agent])
                folder.drop(f"{kill}.xml", poslog(*map(transaction, numbers)))
                time.sleep(chance.uniform(0, 0.15))
                stage.agent.kill()
                caught += f"{kill}.xml" in folder.waiting()
                self.assertLessEqual(set(folder.done()), {f"{n}.xml" for n in range(kill + 1)})
                stage.agent.start()
            self.wait_for_files(stage, folder, 120)
            wait_until("all sales", lambda: len(stage.centre.sales()) >= KILLS * PER_FILE, 120, [stage.agent], 0.5)
            stage.settle(60)
            print(f"{caught} of {KILLS} kills before the file was done")
            self.assertEqual(collections.Counter(self.numbers(stage)),
                             collections.Counter(str(n) for n in range(KILLS * PER_FILE)))
            self.assertEqual(len(folder.done()), KILLS)
            self.assert_in_order(stage)

    def test_full_journal_leaves_files_where_they_are(self):
        with on_folder(but=("broker", "central", "agent")) as (stage, folder):
            with open(stage.config, "a") as file:
                file.write("journal: {max_bytes: 1MiB, reserve_bytes: 1MiB}\n")
            stage.agent.start()
            wait_until("the agent", stage.is_agent_up, 20, [stage.agent])
            folder.drop("a.xml", poslog(*map(transaction, range(8000))))
            folder.drop("b.xml", poslog(transaction(8000)))
            wait_until("a full journal", lambda: stage.metric("journal_full") == 1, 60, [stage.agent])
            time.sleep(3)  # some looks at the folder
            self.assertEqual((folder.waiting(), folder.done(), folder.failed()), (["a.xml", "b.xml"], [], []))
            self.assertEqual(stage.metric("poslog_files_waiting"), 2)
            stage.config.write_text(stage.config.read_text().replace("max_bytes: 1MiB", "max_bytes: 64MiB"))
            stage.agent.kill()
            stage.start(["relay"])
            self.wait_for_files(stage, folder, 120)
            wait_until("all sales", lambda: len(stage.centre.sales()) >= 8001, 90, [stage.agent], 0.5)
            self.assertEqual(sorted(map(int, self.numbers(stage))), list(range(8001)))
            self.assert_in_order(stage)

    def test_large_file_takes_no_memory(self):
        with on_folder(but=("broker", "central", "relay")) as (stage, folder):
            folder.drop("small.xml", poslog(*map(transaction, range(500))))
            wait_until("the small file", lambda: folder.done(), 60, [stage.agent])
            before, started = self.peak_mib(stage), time.monotonic()
            with open(folder.path / "export.tmp", "w") as file:
                file.write("<POSLog>\n")
                for number in range(500, 500 + TRANSACTIONS):
                    file.write(transaction(number) + "\n")
                size = file.write("</POSLog>\n") and file.tell()
            os.rename(folder.path / "export.tmp", folder.path / "large.xml")
            wait_until("the large file", lambda: len(folder.done()) == 2, 600, [stage.agent], 0.2)
            growth, took_s = self.peak_mib(stage) - before, time.monotonic() - started
            print(f"{TRANSACTIONS} transactions, {size / 2**20:.0f} MiB, {took_s:.1f} s: the agent's memory grew by {growth:.1f} MiB")
            self.assertEqual(stage.accepted_sales(), 500 + TRANSACTIONS)
            self.assertLess(growth, GROWTH_MIB)

    @staticmethod
    def peak_mib(stage):
        with open(f"/proc/{stage.agent.pid}/status") as file:
            return int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1]) / 1024

    def test_logs_of_others(self):
        source = shared_data("poslog/ncr")
        with on_folder(but=("agent",)) as (stage, folder):
            stage.write_config(currency="USD", timezone="America/Los_Angeles")
            stage.agent.start()
            for name in ("SMALL.xml", "POSLog-first25.xml"):
                shutil.copy(source / name, folder.path / name)
            self.wait_for_files(stage, folder)
            sales = [sale["data"] for sale in stage.centre.sales()]
            self.assertEqual((len(sales), stage.centre.transactions()), (19, 19))
            self.assertTrue(all(sale["reconciled"] for sale in sales))
            self.assertEqual(sum(sale["total"] for sale in sales), 94580)
            self.assertEqual(len({sale["workstation"] for sale in sales}), 6)
            self.assert_in_order(stage)
            self.assert_valid(stage.centre.payloads(), stage.work)


if __name__ == "__main__":
    KILLS, SEED, TRANSACTIONS = support.numbers(kills=KILLS, seed=SEED, transactions=TRANSACTIONS)
    support.main()
