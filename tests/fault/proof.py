# SPDX-License-Identifier: Apache-2.0
"""Whether the centre has what was accepted, no less, no more, in order: its database against the feeder's account."""

import collections
import hashlib
import json
import sqlite3


def _ask(path, statement):
    """The one number that the centre's database answers; 0 while it is just being made."""
    try:
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
        try:
            return database.execute(statement).fetchone()[0]
        finally:
            database.close()
    except sqlite3.OperationalError:
        return 0


def settled(path):
    """How many events the centre has."""
    return _ask(path, "SELECT coalesce(sum(through), 0) FROM epoch")


def has_sales(path, count):
    """Whether the centre has so many sales; events of devices are settled as well. They are counted only in the end."""
    return settled(path) >= count and \
        _ask(path, "SELECT count(*) FROM message WHERE status = 0 AND type GLOB 'io.tillwire.sale.*'") >= count


def prove(centre, account):
    """What is not as it must be, counted, and the sums of both sides."""
    database = sqlite3.connect(centre)
    database.execute("ATTACH ? AS feeder", (str(account),))
    database.execute("CREATE TEMP TABLE arrived (id TEXT, epoch INTEGER, sequence INTEGER, number INTEGER, total INTEGER)")
    found = collections.Counter(chain_breaks=0, malformed=0)
    found.update(read_chains(database))
    database.execute("CREATE INDEX temp.arrived_id ON arrived (id)")

    def one(statement):
        return database.execute(statement).fetchone()[0] or 0
    both = "FROM feeder.accepted AS a JOIN temp.arrived AS b ON a.id = b.id"
    found["missing"] = one("SELECT count(*) FROM feeder.accepted AS a WHERE a.id NOT IN (SELECT id FROM temp.arrived)")
    found["never_accepted"] = one("SELECT count(*) FROM temp.arrived WHERE id NOT IN (SELECT id FROM feeder.accepted)")
    found["doubled"] = one("SELECT count(*) - count(DISTINCT number) FROM temp.arrived")
    found["different"] = one(f"SELECT count(*) {both} WHERE a.number <> b.number OR a.total <> b.total")
    found["out_of_order"] = one(
        "SELECT count(*) FROM (SELECT epoch, sequence, lag(epoch) OVER said AS e, lag(sequence) OVER said AS s "
        f"{both} WINDOW said AS (PARTITION BY mouth ORDER BY a.number)) WHERE epoch < e OR (epoch = e AND sequence < s)")
    found["gaps"] = one("SELECT sum(seen - (SELECT count(*) FROM message WHERE message.epoch = epoch.id)) FROM epoch")
    found["rejected"] = one("SELECT count(*) FROM message WHERE status = 2")
    sums = {"accepted": one("SELECT count(*) FROM feeder.accepted"), "arrived": one("SELECT count(*) FROM temp.arrived"),
            "accepted_total": one("SELECT sum(total) FROM feeder.accepted"),
            "arrived_total": one("SELECT sum(total) FROM temp.arrived"), "epochs": one("SELECT count(*) FROM epoch"),
            "resent": one("SELECT sum(duplicates) FROM epoch")}
    database.close()
    return found, sums


def read_chains(database):
    """Computes the chain of each epoch again from the payloads; notes what arrived in temp.arrived."""
    found = collections.Counter()
    heads = dict(database.execute("SELECT id, head FROM epoch"))
    before, waiting = {}, []
    rows = database.execute("SELECT epoch, sequence, status, payload FROM message ORDER BY epoch, sequence")
    for epoch, sequence, status, payload in rows:
        data = payload if isinstance(payload, bytes) else payload.encode()
        event = json.loads(data)
        found["chain_breaks"] += event["prevhash"] != before.get(epoch, bytes(32)).hex()
        found["malformed"] += int(event["sequence"]) != sequence
        before[epoch] = hashlib.sha256(data).digest()
        if status == 0 and event["type"].startswith("io.tillwire.sale."):
            sale = event["data"]
            waiting.append((event["id"], epoch, sequence, int(sale["receipt_number"]), sale["total"]))
            found["malformed"] += event["type"] != "io.tillwire.sale.completed"
        if len(waiting) >= 5000:
            database.executemany("INSERT INTO temp.arrived VALUES (?, ?, ?, ?, ?)", waiting)
            waiting.clear()
    database.executemany("INSERT INTO temp.arrived VALUES (?, ?, ?, ?, ?)", waiting)
    found["chain_breaks"] += sum(before.get(epoch, bytes(32)) != bytes(head) for epoch, head in heads.items())
    return found
