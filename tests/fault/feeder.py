# SPDX-License-Identifier: Apache-2.0
"""A till that never gives up: sales over the agent's HTTP interface from several connections, each said again
under its Idempotency-Key until it was accepted, and an account of what was accepted.

Sale number N is the same in every run with the same seed. Everything is done in turns of one thread, so that
whoever feeds can break things in between.
"""

import collections
import heapq
import json
import random
import selectors
import socket
import sqlite3
import time

AGAIN_S = 0.1  # after a refusal or a lost connection, or with nothing to say

HEAD = ("POST /v1/sales HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nIdempotency-Key: {key}\r\n"
        "Content-Length: {length}\r\n\r\n")
BODY = ('{{"kind":"sale","receipt_number":"{number:09d}","total":{total},"currency":"EUR","lines":[{{"kind":"item",'
        '"description":"{words}","quantity":"{quantity}","unit_price":{price},"amount":{total}}}],'
        '"tenders":[{{"type":"cash","amount":{total}}}]}}')
WORDS = "APPLES PEARS BREAD MILK BUTTER CHEESE COFFEE TEA SUGAR FLOUR RICE SALT SOAP PAPER CANDLES MATCHES".split()

LETTERS = str.maketrans("0123456789", "abcdefghij")  # digits enough might be a card number, which is refused


class Refused(Exception):
    """The agent gave an answer that no fault explains."""


class Account:
    """What was accepted, in a database of its own: a million rows are no burden there."""

    def __init__(self, path):
        self._database = sqlite3.connect(path)
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("CREATE TABLE accepted (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, "
                               "total INTEGER NOT NULL, mouth INTEGER NOT NULL)")
        self._waiting = []
        self.path = path
        self.count = self.total = 0

    def add(self, number, event, total, mouth):
        self.count += 1
        self.total += total
        self._waiting.append((number, event, total, mouth))
        if len(self._waiting) >= 5000:
            self.write()

    def write(self):
        self._database.executemany("INSERT INTO accepted VALUES (?, ?, ?, ?)", self._waiting)
        self._database.commit()
        self._waiting.clear()

    def close(self):
        self.write()
        self._database.close()


class Mouth:
    """One connection with one request at a time, in the order of its sales."""

    def __init__(self, feeder, index):
        self._feeder = feeder
        self.index = index
        self._socket = None
        self._heard = b""
        self._request = None
        self.number = self.total = None
        self.is_waiting = False  # for its turn

    def speak(self, now):
        """Says its sale, or the next one when the last was accepted."""
        if self.number is None and not self._take():
            self._feeder.later(self, now)
            return
        try:
            if self._socket is None:
                self._connect()
            self._socket.send(self._request)  # smaller than any socket's buffer
        except OSError:
            self.hang_up(now)

    def _take(self):
        self.number = self._feeder.next_number()
        if self.number is not None:
            self.total, self._request = self._feeder.request(self.number)
        return self.number is not None

    def _connect(self):
        self._socket = socket.create_connection(("127.0.0.1", self._feeder.port), timeout=5)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.setblocking(False)
        self._feeder.selector.register(self._socket, selectors.EVENT_READ, self)

    def listen(self, now):
        try:
            data = self._socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._heard += data
        end = self._heard.find(b"\r\n\r\n")
        if end >= 0:
            at = self._heard.lower().find(b"content-length:", 0, end)
            length = int(self._heard[at + 15:self._heard.find(b"\r\n", at)])
            if len(self._heard) >= end + 4 + length:
                self._answered(int(self._heard[9:12]), self._heard[end + 4:end + 4 + length], now)
                return
        if not data:
            self.hang_up(now)

    def _answered(self, status, body, now):
        self._heard = b""
        self._feeder.statuses[status] += 1
        if status in (200, 201):
            self._feeder.account.add(self.number, json.loads(body)["id"], self.total, self.index)
            self.number = None
            self.speak(now)
        elif status in (503, 507):
            self._feeder.later(self, now)
        else:
            raise Refused(f"sale {self.number}: {status} {body[:300]!r}")

    def hang_up(self, now):
        """The connection is gone; the sale is not."""
        self._feeder.statuses["lost connections"] += 1
        if self._socket is not None:
            if self._socket.fileno() in self._feeder.selector.get_map():
                self._feeder.selector.unregister(self._socket)
            self._socket.close()
        self._socket, self._heard = None, b""
        self._feeder.later(self, now)

    def close(self):
        if self._socket is not None:
            self._socket.close()
            self._socket = None


class Feeder:
    """Feeds from `mouths` connections; every sale it was allowed to begin is accepted in the end."""

    def __init__(self, port, account, seed, mouths=32):
        self.port, self.account = port, account
        self.selector = selectors.DefaultSelector()
        self.statuses = collections.Counter()
        self.allowed = 0  # sales that may be begun
        self._begun = 0
        self._seed = seed
        self._mouths = [Mouth(self, index) for index in range(mouths)]
        self._later = []  # when who is to speak again
        for mouth in self._mouths:
            self.later(mouth, 0.0)

    def next_number(self):
        if self._begun >= self.allowed:
            return None
        self._begun += 1
        return self._begun

    def request(self, number):
        """(total, bytes) of the sale of that number."""
        chance = random.Random(self._seed << 32 | number)
        quantity, price = chance.randrange(1, 10), chance.randrange(5, 5000)
        total = quantity * price
        words = " ".join(chance.choices(WORDS, k=chance.randrange(1, 8)))
        body = BODY.format(number=number, total=total, words=words, quantity=quantity, price=price)
        key = f"{self._seed}-{number}".translate(LETTERS)
        return total, (HEAD.format(key=key, length=len(body)) + body).encode()

    def later(self, mouth, now):
        if not mouth.is_waiting:
            mouth.is_waiting = True
            heapq.heappush(self._later, (now + AGAIN_S, mouth.index))

    def turn(self, timeout_s=0.05):
        """Speaks and listens for a moment."""
        now = time.monotonic()
        while self._later and self._later[0][0] <= now:
            mouth = self._mouths[heapq.heappop(self._later)[1]]
            mouth.is_waiting = False
            mouth.speak(now)
        if not self.selector.get_map():
            time.sleep(timeout_s)
        for key, _ in self.selector.select(timeout_s):
            key.data.listen(now)

    def is_done(self):
        return self.account.count >= self.allowed

    def close(self):
        for mouth in self._mouths:
            mouth.close()
        self.selector.close()
        self.account.close()
