#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What an event wears off the flash: bytes the agent causes to be written (/proc/PID/io, write_bytes), connected to
broker and centre, with the acknowledgements, the checkpoints and what is done when it is left alone.

Sales through the local interface, without and with an Idempotency-Key, and receipts through the tap; one a
second (each path on a stage of its own, at the same time), and in bursts of 100.
"""

import contextlib
import socket
import time

import measuring
from measuring import wait_until, written_bytes
from ring import Ring

SECONDS, BURSTS, BURST, CONNECTIONS = 60, 10, 100, 50
REST_S = 14  # acknowledgements become durable at the latest after 10 s; then it checkpoints
MOST_EACH, MOST_BURST = 12 * 1024, 2 * 1024

SALE = """{{"kind":"sale","receipt_number":"{n:08d}","printed_time":"2026-11-22T10:15:{second:02d}+01:00","operator":"17",\
"lines":[{{"kind":"item","gtin":"4006381333931","description":"STABILO BOSS","quantity":"2","unit_price":129,"amount":258}},\
{{"kind":"item","gtin":"4311501490259","description":"ROGGENBROT 750G","quantity":"1","unit_price":{price},\
"amount":{price}}}],"total":{total},"tax":34,"tax_included":true,"tenders":[{{"type":"cash","amount":{total}}}]}}"""

RECEIPT = """\
HOLLOWAY FOODS
1200 ORCHARD PIKE   555-0142
11/21/26 08:{minute:02d} AM  STR 0042 REG 07 OP 17
TRANS {n:08d}
------------------------------------------
SOURDOUGH LOAF                     {price:>7} F
YOGURT CUP PEACH                      4.45 F
   5 @ 0.89
------------------------------------------
TOTAL                              {total:>7}
CASH                               {total:>7}
CHANGE                                0.00
THANK YOU - COME AGAIN
"""


def sale(n):
    price = 100 + n % 900
    return SALE.format(n=n, second=n % 60, price=price, total=258 + price).encode()


def receipt(n):
    price = 100 + n % 900
    text = RECEIPT.format(n=n, minute=n % 60, price=f"{price / 100:.2f}", total=f"{price / 100 + 4.45:.2f}")
    return b"\x1b@" + text.encode() + b"\n\n\x1dV\x42\x00"


class Api:
    """Posts sales over connections that stay open, many at a time."""

    def __init__(self, ring, keyed):
        self.keyed = keyed
        self.made = 0
        self.ring = ring
        self.connections = []

    def _request(self):
        self.made += 1
        body = sale(self.made)
        key = f"Idempotency-Key: key-{self.made:08d}\r\n" if self.keyed else ""
        return (f"POST /v1/sales HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{key}"
                f"Content-Length: {len(body)}\r\n\r\n").encode() + body

    def send(self, count):
        """So many at once; returns when all are durable."""
        while len(self.connections) < min(count, CONNECTIONS):
            self.connections.append(socket.create_connection(("127.0.0.1", self.ring.ports["desk"]), 30))
        used = self.connections[:count]
        asked = [0] * len(used)
        for n in range(count):
            used[n % len(used)].sendall(self._request())
            asked[n % len(used)] += 1
        for connection, answers in zip(used, asked):
            got = b""
            while got.count(b"\"transaction_id\"") < answers:
                more = connection.recv(65536)
                if not more or got.count(b"HTTP/1.1 ") != got.count(b"HTTP/1.1 201"):
                    raise measuring.StageError(f"the agent did not take a sale: {got[-300:].decode()}")
                got += more

    def close(self):
        for connection in self.connections:
            connection.close()


class Tap:
    """Prints receipts through the relay, as the till does."""

    def __init__(self, ring):
        self.ring = ring
        self.made = 0

    def send(self, count):
        for _ in range(count):
            self.made += 1
            self.ring.till.send(receipt(self.made))
        self.ring.till.hang_up()

    def close(self):
        self.ring.till.hang_up()


PATHS = {"api": lambda ring: Api(ring, False), "api, keyed": lambda ring: Api(ring, True), "tap": Tap}


def events(ring):
    return ring.metric("events_committed_total")


class Worn:
    """Counts what one agent writes from its making to figures()."""

    def __init__(self, ring):
        self.ring = ring
        self.events = events(ring)
        self.written = written_bytes(ring.agent.pid)

    def figures(self, sent):
        made = events(self.ring) - self.events
        if made < sent:
            raise measuring.StageError(f"{sent} sales gave {made:.0f} events")
        return {"events": made, "bytes_an_event": (written_bytes(self.ring.agent.pid) - self.written) / made}


def rest(rings, given):
    for ring in rings:
        wait_until("everything to reach the centre", lambda ring=ring: ring.metric("queue_events") == 0, 60, [ring.agent])
    time.sleep(1 if given.brief else REST_S)


def one_a_second(sources, given):
    """All paths at the same time."""
    worn = {name: Worn(source.ring) for name, source in sources.items()}
    began = time.monotonic()
    for second in range(given.seconds):
        for source in sources.values():
            source.send(1)
        time.sleep(max(0.0, began + second + 1 - time.monotonic()) * (not given.brief))
    rest([source.ring for source in sources.values()], given)
    return {f"{name}, 1 a second": each.figures(given.seconds) for name, each in worn.items()}


def in_bursts(sources, given):
    worn = {name: Worn(source.ring) for name, source in sources.items()}
    for _ in range(given.bursts):
        for source in sources.values():
            source.send(BURST)
        time.sleep(0 if given.brief else 2)
    rest([source.ring for source in sources.values()], given)
    return {f"{name}, bursts of {BURST}": each.figures(given.bursts * BURST) for name, each in worn.items()}


def measure(given):
    if given.brief:
        given.seconds, given.bursts = 2, 1
    report = measuring.Report("wear", seconds=given.seconds, bursts=given.bursts, burst=BURST)
    with contextlib.ExitStack() as stack:
        sources = {}
        for name, make in PATHS.items():
            ring = stack.enter_context(Ring(given.programs, given.dir))
            ring.start()
            sources[name] = stack.enter_context(contextlib.closing(make(ring)))
            sources[name].send(1)  # what only the first event costs
        rest([source.ring for source in sources.values()], given)
        report.add(one_a_second(sources, given))
        report.add(in_bursts(sources, given))
    for name, figures in report.figures.items():
        report.ratio(f"written an event: {name}", figures["bytes_an_event"], "bytes",
                     most=MOST_BURST if "bursts" in name else MOST_EACH)
    return report


def add_options(made):
    made.add_argument("--seconds", type=int, default=SECONDS, help=f"at one event a second (default {SECONDS})")
    made.add_argument("--bursts", type=int, default=BURSTS, help=f"bursts of {BURST} (default {BURSTS})")


if __name__ == "__main__":
    measuring.run(__doc__, measure, add_options)
