# SPDX-License-Identifier: Apache-2.0
"""What has arrived: reads the reference centre's database, beside it and without disturbing it."""

import hashlib
import hmac
import json
import sqlite3

EVENTS = "io.tillwire."
SALE = EVENTS + "sale."
CORRECTED = SALE + "corrected"


def pseudonym(key, scheme, card):
    """names.md, `pseudonym`: worked out here again, from the words of the contract."""
    return "v1:" + hmac.new(key, f"{scheme}:{card}".encode(), hashlib.sha256).hexdigest()


def money(minor):
    """Minor units as people read them, for currencies with two decimals."""
    sign = "-" if minor < 0 else ""
    return f"{sign}{abs(minor) // 100:,}.{abs(minor) % 100:02d}"


class Centre:
    """The centre's database at `path`; empty as long as there is none."""

    def __init__(self, path):
        self.path = path

    def _rows(self, statement):
        if not self.path.exists():
            return []
        database = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=10)
        try:  # the tables are made in one transaction; before it there are none
            is_made = database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'event'").fetchone()[0]
            return database.execute(statement).fetchall() if is_made else []
        finally:
            database.close()

    def payloads(self):
        """Every event as it came, in the order of sequence, epoch after epoch."""
        rows = self._rows("SELECT event.payload FROM event JOIN epoch ON epoch.epoch = event.epoch "
                          "ORDER BY epoch.id, event.sequence")
        return [row[0] if isinstance(row[0], bytes) else row[0].encode() for row in rows]

    def events(self, prefix=EVENTS):
        """The events whose type begins with `prefix`."""
        events = map(json.loads, self.payloads())
        return [event for event in events if event["type"].startswith(prefix)]

    def sales(self):
        return self.events(SALE)

    def _sales(self, what, but=""):
        """A number of the sales, as SQLite counts it: of a million events none is read here."""
        rows = self._rows(f"""WITH sale AS (SELECT json_extract(CAST(payload AS TEXT), '$.data.transaction_id') AS number
                              FROM event WHERE type LIKE '{SALE}%' AND type <> '{but}') SELECT {what} FROM sale""")
        return rows[0][0] if rows else 0

    def transactions(self):
        """How many different transactions are there."""
        return self._sales("count(DISTINCT number)")

    def doubled(self):
        """Sales stored twice: further events of a transaction that do not say that they correct it."""
        return self._sales("count(*) - count(DISTINCT number)", but=CORRECTED)

    def gaps(self):
        """Sequence numbers that are missing, of all epochs."""
        rows = self._rows("SELECT epoch.seen, (SELECT count(*) FROM message WHERE message.epoch = epoch.id) FROM epoch")
        return sum(seen - settled for seen, settled in rows)

    def rejected(self):
        """(sequence, reason) of what the centre refused."""
        return self._rows("SELECT sequence, reason FROM message WHERE status = 2 ORDER BY sequence")

    def chain_breaks(self):
        """Events that do not name the hash of the one before (names.md, `prevhash`)."""
        rows = self._rows("SELECT epoch.epoch, message.payload FROM message JOIN epoch ON epoch.id = message.epoch "
                          "ORDER BY epoch.id, message.sequence")
        before, breaks = {}, []
        for epoch, payload in rows:
            data = payload if isinstance(payload, bytes) else payload.encode()
            event = json.loads(data)
            if event["prevhash"] != before.get(epoch, "0" * 64):
                breaks.append(event["sequence"])
            before[epoch] = hashlib.sha256(data).hexdigest()
        return breaks
