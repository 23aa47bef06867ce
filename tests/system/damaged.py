#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""P9: a terminal whose journal was damaged while it was off starts all the same, says where the damaged file lies,
and everything that could be proven reaches the centre once; what could not is told of by capture.gap.

Usage: damaged.py [--seed N]
"""

import json
import pathlib
import random
import time

import support
from process import wait_until
from support import on_stage

SALES = 120  # before and after the journal rested
SEED = 1


def sale(number):
    line = {"kind": "item", "description": f"ARTICLE {number} " + "x" * (number % 50), "amount": 199}
    return {"kind": "sale", "total": 199, "receipt_number": f"D-{number}", "lines": [line],
            "tenders": [{"type": "cash", "amount": 199}]}


def page_bytes(database):
    """https://sqlite.org/fileformat2.html section 1.3."""
    return int.from_bytes(database[16:18], "big")


def garbage_over_the_first_pages(database, _wal, chance):
    """Some of them lie in the WAL too."""
    end = 8 * page_bytes(database)
    database[:end] = chance.randbytes(end)


def zeroed_pages(database, _wal, chance):
    size = page_bytes(database)
    for page in chance.sample(range(1, len(database) // size), 6):
        database[page * size:(page + 1) * size] = bytes(size)


def flipped_bits(database, _wal, chance):
    for _ in range(12):
        database[chance.randrange(4096, len(database))] ^= 1 << chance.randrange(8)


def cut_off(database, _wal, chance):
    del database[chance.randrange(len(database) // 3, len(database) * 2 // 3):]


def flipped_wal(_database, wal, chance):
    wal[chance.randrange(32, len(wal) // 3)] ^= 1 << chance.randrange(8)


def no_database(database, _wal, _chance):
    """The WAL alone need not name the epoch, without which no event opens."""
    database.clear()


class DamagedTest(support.StageTest):
    def sell(self, stage, numbers):
        """Posts sales; the ids they were accepted with, by number."""
        ids = {}
        for number in numbers:
            status, answer = stage.post("/v1/sales", sale(number), {"Idempotency-Key": f"till-{number}"})
            self.assertEqual(status, 201, answer)
            ids[number] = answer["id"]
        return ids

    @staticmethod
    def damage(stage, how, chance):
        path = stage.state / "journal.db"
        wal_path = pathlib.Path(f"{path}-wal")
        database, wal = bytearray(path.read_bytes()), bytearray(wal_path.read_bytes())
        assert len(database) > 32768 and len(wal) > 32768, (len(database), len(wal))
        how(database, wal, chance)
        wal_path.write_bytes(wal)
        path.write_bytes(database)
        if not database:
            path.unlink()

    def check_told(self, stage):
        """Whoever asks the agent learns of it, and where the file is."""
        status = json.loads(stage.get("/v1/status")[1])
        self.assertEqual(status["journal"]["damaged"], 1, status)
        self.assertEqual(stage.metric("journals_damaged_total"), 1)
        shown = stage.tillwire("status")
        self.assertEqual(shown.returncode, 1)
        self.assertIn(str(stage.state / "quarantine"), shown.stdout + shown.stderr)
        self.assertEqual(len(list((stage.state / "quarantine").glob("journal-*.db"))), 1)

    def check_arrived(self, stage, ids, first):
        """`first` is the sequence that the first sale had. Ids came once, in order; each one that did not is in a
        range that the centre was told of, or came after the last one that did."""
        arrived = [event["id"] for event in stage.centre.sales()]
        self.assertEqual(len(arrived), len(set(arrived)))
        self.assertEqual(arrived, [known for known in ids.values() if known in set(arrived)])
        gaps = [event["data"] for event in stage.centre.events("io.tillwire.capture.gap")]
        self.assertEqual({gap["reason"] for gap in gaps}, {"journal_damaged"})
        self.assertIn("set aside", gaps[-1]["detail"])
        told = {number for gap in gaps if gap["first_sequence"]
                for number in range(gap["first_sequence"], gap["last_sequence"] + 1)}
        sequences = {known: first + place for place, known in enumerate(ids.values())}
        self.assertFalse(told & {sequences[known] for known in arrived}, "told to be missing, and there")
        last = max((sequences[known] for known in arrived), default=0)
        silent = [known for known, sequence in sequences.items()
                  if known not in arrived and sequence < last and sequence not in told]
        self.assertEqual(silent, [])
        return set(arrived)

    def check_sealed(self, stage):
        for path in [*stage.state.iterdir(), *(stage.state / "quarantine").iterdir()]:
            if path.is_file() and path.name.startswith("journal"):
                self.assertNotIn(b"ARTICLE", path.read_bytes(), path)

    def one_run(self, how, seed, least):
        chance = random.Random(seed)
        with on_stage(but=("broker", "central"), seed=seed) as stage:
            support.wait_for_devices(stage)
            first = json.loads(stage.get("/v1/status")[1])["next_sequence"]
            ids = self.sell(stage, range(SALES))
            time.sleep(3)  # it rests, and brings its WAL into the file
            ids |= self.sell(stage, range(SALES, 2 * SALES))
            stage.agent.kill()
            self.damage(stage, how, chance)
            stage.agent.start()
            wait_until("the agent on a damaged journal", stage.is_agent_up, 20, [stage.agent])
            stage.broker.start()
            stage.central.start()
            wait_until("the queue to drain", lambda: stage.centre.path.exists() and stage.centre.gaps() == 0 and
                       stage.centre.events("io.tillwire.capture.gap") and stage.metric("queue_events") == 0 and
                       stage.metric("journals_damaged_total") == 1,
                       60, [stage.agent, stage.central], 0.2)
            self.check_told(stage)
            arrived = self.check_arrived(stage, ids, first)
            self.assertGreaterEqual(len(arrived), least)
            for number, known in ids.items():  # P3: what came through is known
                if known in arrived and number % 10 == 0:
                    answer = stage.post("/v1/sales", sale(number), {"Idempotency-Key": f"again-{number}"})[1]
                    self.assertEqual(answer["id"], known)
            self.check_sealed(stage)
            self.assert_in_order(stage)
            stage.agent.kill()
            stage.agent.start()
            wait_until("the agent", stage.is_agent_up, 20, [stage.agent])
            self.assertEqual(json.loads(stage.get("/v1/status")[1])["journal"]["damaged"], 0)

    def test_damage(self):
        runs = ((garbage_over_the_first_pages, SALES), (zeroed_pages, SALES), (flipped_bits, SALES),
                (cut_off, SALES // 4), (flipped_wal, SALES), (no_database, 0))
        for how, least in runs:
            with self.subTest(how=how.__name__, seed=SEED):
                self.one_run(how, SEED, least)


if __name__ == "__main__":
    [SEED] = support.numbers(seed=SEED)
    support.main()
