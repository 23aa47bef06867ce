#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a sale costs the agent, of a processor's time, from its POST /v1/sales to its acknowledgement by the centre:
user and system time of all its threads, connected to broker and centre.

Tills differ: some keep their connections open, some make a new one for every sale; one sale at a time, and
several at once. Each way is measured on the same agent, one after another. As root: nobody else may read the figures of a
process that cannot be dumped (P6).
"""

import os
import pathlib
import socket

import measuring
from measuring import wait_until
from ring import Ring
from wear import sale

EVENTS, WARM, AT_ONCE = 4000, 200, 16
TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")


def cpu_us(pid):
    """(user, system) time of the process (proc(5), stat: utime, stime), threads that have ended included."""
    words = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(words[11]) * TICK_US, int(words[12]) * TICK_US


class Till:
    """Posts sales; every answer must be 201."""

    def __init__(self, ring, at_once, stays):
        self.port = ring.ports["desk"]
        self.at_once = at_once
        self.stays = stays
        self.connections = []

    def _connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), 30)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def _post(self, connection, number):
        body = sale(number)
        close = "" if self.stays else "Connection: close\r\n"
        connection.sendall((f"POST /v1/sales HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{close}"
                            f"Content-Length: {len(body)}\r\n\r\n").encode() + body)

    def _take(self, connection):
        got = b""
        while b'"transaction_id"' not in got:
            more = connection.recv(65536)
            if not more:
                break
            got += more
        if not got.startswith(b"HTTP/1.1 201"):
            raise measuring.StageError(f"the agent did not take a sale: {got[-300:].decode()}")

    def send(self, first, count):
        """Sales `first` to `first` + `count` - 1; returns when all are durable."""
        for number in range(first, first + count, self.at_once):
            part = range(number, min(number + self.at_once, first + count))
            if len(self.connections) < len(part):
                self.connections += [self._connect() for _ in range(len(part) - len(self.connections))]
            for connection, each in zip(self.connections, part):
                self._post(connection, each)
            for connection, _ in zip(self.connections, part):
                self._take(connection)
            if not self.stays:
                self.close()

    def close(self):
        for connection in self.connections:
            connection.close()
        self.connections = []


WAYS = {
    "kept open, 1 at a time": (1, True),
    f"kept open, {AT_ONCE} at once": (AT_ONCE, True),
    "new each time, 1 at a time": (1, False),
    f"new each time, {AT_ONCE} at once": (AT_ONCE, False),
}


def drain(ring):
    wait_until("everything to reach the centre", lambda: ring.metric("queue_events") == 0, 60, [ring.agent])


def cost(ring, till, first, count):
    """One way: microseconds a sale, its delivery and acknowledgement included."""
    before = cpu_us(ring.agent.pid)
    till.send(first, count)
    drain(ring)
    till.close()
    user, system = (now - then for now, then in zip(cpu_us(ring.agent.pid), before))
    return {"us_a_sale": (user + system) / count, "user_us": user / count, "system_us": system / count}


def measure(given):
    if given.brief:
        given.events = 64
    report = measuring.Report("online", events=given.events, at_once=AT_ONCE)
    with Ring(given.programs, given.dir) as ring:
        ring.start()
        made = 1

        def run(way, count):
            nonlocal made
            first, made = made, made + count
            return cost(ring, Till(ring, *WAYS[way]), first, count)

        for way in WAYS:
            run(way, min(WARM, given.events))
        report.add(measuring.in_turns(given.rounds, {way: lambda way=way: run(way, given.events) for way in WAYS}))
    for way in WAYS:
        report.ratio(f"a sale, connections {way}", report.figures[way]["us_a_sale"], "us")
    return report


def add_options(made):
    made.add_argument("--events", type=int, default=EVENTS, help=f"sales of each kind a round (default {EVENTS})")


if __name__ == "__main__":
    measuring.run(__doc__, measure, add_options)
