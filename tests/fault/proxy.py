#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A bad line between an agent and its broker: an MQTT 5 proxy on TLS that breaks what passes, packet by packet.

It takes the agent's connection with a server certificate of the test's authority and goes on to the broker
with the terminal's own certificate. Which packet meets which fault is drawn from a seed: of the packets a
fault can be done to, it takes one in `every` on average, at places and with values of its own random
sequence, so that a run can be repeated as far as real programs allow.

Usage: proxy.py LISTEN_PORT BROKER_PORT CA SERVER_CERT SERVER_KEY CLIENT_CERT CLIENT_KEY SEED
Reads lines of JSON from standard input: {"faults": {NAME: EVERY, …}} from now on only these; {"resume": true}
ends what `orphan` began; {"cut": true} ends every connection. Answers each with a line of counts. Prints
{"orphan": true} of its own accord when the centre is to be killed.

To add a fault: a function and a line in FAULTS.
"""

import asyncio
import collections
import json
import logging
import random
import ssl
import subprocess
import sys
import uuid

# MQTT 5 section 2.1.2, types of packets.
CONNACK, PUBLISH, PUBACK = 2, 3, 4
UP, DOWN = False, True
RECEIVE_MAXIMUM = 0x21  # section 3.2.2.3.3
REFUSALS = (0x10, 0x97, 0x80)  # no matching subscribers, quota exceeded, unspecified error
RECEIVE_MAXIMA = (1, 2, 7, 20, 60)
DROPPED_PUBACKS = 30  # of one connection: each takes a place in the agent's window until the next one


# ---- packets ----

def varint(value):
    """A variable byte integer (section 1.5.5)."""
    out = bytearray()
    while True:
        value, digit = value >> 7, value & 0x7f
        out.append(digit | (0x80 if value else 0))
        if not value:
            return bytes(out)


def read_varint(data, at):
    """(value, where it ends), or None while it is not whole."""
    value = 0
    for n in range(4):
        if at + n >= len(data):
            return None
        value |= (data[at + n] & 0x7f) << 7 * n
        if not data[at + n] & 0x80:
            return value, at + n + 1
    raise ValueError("not MQTT")


def take_packets(buffer):
    """The whole packets at the beginning of `buffer`, which keeps the rest."""
    packets, at = [], 0
    while at + 2 <= len(buffer):
        length = read_varint(buffer, at + 1)
        if length is None or length[1] + length[0] > len(buffer):
            break
        end = length[1] + length[0]
        packets.append(bytes(buffer[at:end]))
        at = end
    del buffer[:at]
    return packets


def body_of(raw):
    return raw[read_varint(raw, 1)[1]:]


def packet(first_byte, body):
    return bytes([first_byte]) + varint(len(body)) + body


def publish_parts(raw):
    """(topic, packet id or None, payload) of a PUBLISH (section 3.3)."""
    body = body_of(raw)
    at = 2 + int.from_bytes(body[:2], "big")
    topic, number = body[2:at].decode(), None
    if raw[0] & 0x06:
        number, at = int.from_bytes(body[at:at + 2], "big"), at + 2
    length, at = read_varint(body, at)
    return topic, number, body[at + length:]


def is_ack(raw):
    return raw[0] >> 4 == PUBLISH and publish_parts(raw)[0].endswith("/ack")


def puback(number, reason=0):
    return packet(PUBACK << 4, number.to_bytes(2, "big") + (bytes([reason, 0]) if reason else b""))


def property_end(properties, at):
    """Where the property of a CONNACK that begins at `at` ends (section 2.2.2.2)."""
    sizes = {0x11: 4, 0x21: 2, 0x24: 1, 0x25: 1, 0x27: 4, 0x22: 2, 0x28: 1, 0x29: 1, 0x2a: 1, 0x13: 2}
    name, at = properties[at], at + 1
    if name in sizes:
        return at + sizes[name]
    for _ in range(2 if name == 0x26 else 1):  # texts; a user property has two
        at += 2 + int.from_bytes(properties[at:at + 2], "big")
    return at


def with_receive_maximum(raw, most):
    """A CONNACK that allows `most` (section 3.2)."""
    body = body_of(raw)
    length, at = read_varint(body, 2)
    old, properties, at = body[at:at + length], bytes([RECEIVE_MAXIMUM]) + most.to_bytes(2, "big"), 0
    while at < len(old):
        end = property_end(old, at)
        properties += old[at:end] if old[at] != RECEIVE_MAXIMUM else b""
        at = end
    return packet(raw[0], body[:2] + varint(len(properties)) + properties)


# ---- faults ----
# Each is called with the line, the packet, its direction and the fault's own random numbers, and passes on
# what it wants to be passed on.

async def blackhole(line, raw, down, rng):
    """Nothing is read and nothing is passed on, while the connection stays open."""
    await line.be_silent(rng.uniform(0.2, 7))
    line.send(down, raw)


async def pit(line, raw, down, rng):
    """The same until the agent has had enough of it."""
    del raw, down, rng
    await line.be_silent(120)


async def delay(line, raw, down, rng):
    await asyncio.sleep(rng.uniform(0.01, 0.4))
    line.send(down, raw)


async def duplicate(line, raw, down, rng):
    """A PUBLISH comes twice, the second time marked as such; its second PUBACK is the line's."""
    del rng
    line.send(down, raw)
    line.send(down, bytes([raw[0] | 0x08]) + raw[1:])


async def reorder(line, raw, down, rng):
    """Changes places with the next one, if that comes soon."""
    del rng
    line.hold(down, raw)


async def truncate(line, raw, down, rng):
    """The connection ends in the middle of a packet."""
    line.send(down, raw[:rng.randrange(1, len(raw))])
    await asyncio.sleep(0.01)
    line.cut()


async def drop_puback(line, raw, down, rng):
    del rng
    line.dropped_pubacks += 1
    if line.dropped_pubacks > DROPPED_PUBACKS:
        line.send(down, raw)


async def drop_ack(line, raw, down, rng):
    """A word of the centre that the broker believes delivered."""
    del rng
    if is_ack(raw):
        line.swallow(raw)
    else:
        line.send(down, raw)


async def foreign_ack(line, raw, down, rng):
    """Another epoch's `ack`, or one of this epoch that was true before, follows a word of the centre."""
    line.send(down, raw)
    if is_ack(raw):
        topic, _, payload = publish_parts(raw)
        told = json.loads(payload)
        word = rng.choice(({"epoch": str(uuid.UUID(int=rng.getrandbits(128))), "through": rng.randrange(1 << 40)},
                           {"epoch": told["epoch"], "through": rng.randrange(told["through"] + 1)}))
        body = len(topic).to_bytes(2, "big") + topic.encode() + b"\0" + json.dumps(word).encode()
        line.send(down, packet(PUBLISH << 4, body))


async def narrow(line, raw, down, rng):
    """The broker allows fewer messages in flight than before."""
    line.send(down, with_receive_maximum(raw, rng.choice(RECEIVE_MAXIMA)) if raw[0] >> 4 == CONNACK and
              body_of(raw)[1] == 0 else raw)


async def refuse(line, raw, down, rng):
    """A PUBACK that says that the broker did not like it."""
    line.send(down, puback(int.from_bytes(body_of(raw)[:2], "big"), rng.choice(REFUSALS)))


async def orphan(line, raw, down, rng):
    """The centre has committed, and is to be killed before anybody hears of it."""
    del rng
    if is_ack(raw):
        line.proxy.begin_orphan()
        line.swallow(raw)
    else:
        line.send(down, raw)


# What a fault can be done to, and one in how many it is done to unless told otherwise.
Fault = collections.namedtuple("Fault", "apply packets every")
FAULTS = {
    "blackhole": Fault(blackhole, {(PUBLISH, UP), (PUBLISH, DOWN)}, 3000),
    "pit": Fault(pit, {(PUBLISH, UP)}, 3000),
    "delay": Fault(delay, {(PUBLISH, UP), (PUBLISH, DOWN), (PUBACK, DOWN)}, 300),
    "duplicate": Fault(duplicate, {(PUBLISH, UP), (PUBLISH, DOWN)}, 60),
    "reorder": Fault(reorder, {(PUBLISH, DOWN), (PUBACK, DOWN)}, 20),
    "truncate": Fault(truncate, {(PUBLISH, UP), (PUBLISH, DOWN), (PUBACK, DOWN)}, 1000),
    "drop_puback": Fault(drop_puback, {(PUBACK, DOWN)}, 150),
    "drop_ack": Fault(drop_ack, {(PUBLISH, DOWN)}, 20),
    "foreign_ack": Fault(foreign_ack, {(PUBLISH, DOWN)}, 10),
    "narrow": Fault(narrow, {(CONNACK, DOWN)}, 2),
    "refuse": Fault(refuse, {(PUBACK, DOWN)}, 400),
    "orphan": Fault(orphan, {(PUBLISH, DOWN)}, 100),
}


class Plan:
    """Which packets meet a fault: for each of them the distance to the next, from the seed."""

    def __init__(self, seed):
        self._random = {name: random.Random(f"{seed}/{name}") for name in FAULTS}
        self._every = {}
        self._left = {}
        self._by_packet = {}
        self.done = collections.Counter()

    def choose(self, every):
        self._every = {name: number or FAULTS[name].every for name, number in every.items()}
        self._left = {name: self._distance(name) for name in every}
        self._by_packet = {}
        for name in every:
            for kind in FAULTS[name].packets:
                self._by_packet.setdefault(kind, []).append(name)

    def _distance(self, name):
        return self._random[name].randint(1, 2 * self._every[name] - 1)

    def draw(self, raw, down):
        """The name of the fault this packet meets, or None."""
        met = None
        for name in self._by_packet.get((raw[0] >> 4, down), ()):
            self._left[name] -= 1
            if self._left[name] <= 0 and met is None:
                met = name
                self._left[name] = self._distance(name)
                self.done[name] += 1
        return met

    def random(self, name):
        return self._random[name]


class Line:
    """One connection of the agent and the one that was made for it to the broker."""

    def __init__(self, proxy, agent, broker):
        self.proxy = proxy
        self._readers = {UP: agent[0], DOWN: broker[0]}
        self._writers = {UP: broker[1], DOWN: agent[1]}
        self._open = asyncio.Event()
        self._open.set()
        self._held = {}
        self.dropped_pubacks = 0

    async def run(self):
        pumps = [asyncio.ensure_future(self._pump(down)) for down in (UP, DOWN)]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        self.cut()

    async def _pump(self, down):
        reader, writer, buffer = self._readers[down], self._writers[down], bytearray()
        while True:
            data = await reader.read(65536)
            await self._open.wait()
            if not data:
                return
            buffer += data
            for raw in take_packets(buffer):
                await self._pass(raw, down)
            await writer.drain()

    async def _pass(self, raw, down):
        self.proxy.packets += 1
        name = self.proxy.plan.draw(raw, down)
        if self.proxy.orphaned and down and is_ack(raw):
            self.swallow(raw)
        elif name is None:
            self.send(down, raw)
        else:
            await FAULTS[name].apply(self, raw, down, self.proxy.plan.random(name))

    def send(self, down, raw):
        self._writers[down].write(raw)
        held = self._held.pop(down, None)
        if held is not None:
            self._writers[down].write(held)

    def hold(self, down, raw):
        if down in self._held:
            self.send(down, raw)
            return
        self._held[down] = raw

        def release():
            if self._held.get(down) is raw:
                self._writers[down].write(self._held.pop(down))
        asyncio.get_running_loop().call_later(0.1, release)

    def swallow(self, raw):
        """Takes a PUBLISH that goes down for delivered."""
        number = publish_parts(raw)[1]
        if number is not None:
            self.send(UP, puback(number))

    async def be_silent(self, seconds):
        self._open.clear()
        await asyncio.sleep(seconds)
        self._open.set()

    def cut(self):
        for writer in self._writers.values():
            writer.transport.abort()


class Proxy:
    """Listens, and obeys standard input."""

    def __init__(self, broker_port, client, seed):
        self.plan = Plan(seed)
        self.packets = self.connections = 0
        self.orphaned = False
        self._broker_port, self._client = broker_port, client
        self._lines = set()

    async def on_agent(self, reader, writer):
        try:
            broker = await asyncio.open_connection("127.0.0.1", self._broker_port, ssl=self._client)
        except OSError:
            writer.transport.abort()
            return
        self.connections += 1
        line = Line(self, (reader, writer), broker)
        self._lines.add(line)
        try:
            await line.run()
        finally:
            self._lines.discard(line)

    def begin_orphan(self):
        if not self.orphaned:
            self.orphaned = True
            print('{"orphan": true}', flush=True)

    def obey(self, order):
        if "faults" in order:
            self.plan.choose(order["faults"])
        if "resume" in order:
            self.orphaned = False
        if "cut" in order:
            for line in list(self._lines):
                line.cut()
        print(json.dumps({"packets": self.packets, "connections": self.connections, "done": self.plan.done}), flush=True)

    async def listen_to_orders(self):
        orders = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
        while True:
            order = await orders.readline()
            if not order:
                return
            self.obey(json.loads(order))


async def serve(arguments):
    listen, broker, ca, server_cert, server_key, client_cert, client_key, seed = arguments
    as_broker = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=ca)
    as_broker.verify_mode = ssl.CERT_REQUIRED
    as_broker.load_cert_chain(server_cert, server_key)
    as_terminal = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=ca)
    as_terminal.check_hostname = False
    as_terminal.load_cert_chain(client_cert, client_key)
    proxy = Proxy(int(broker), as_terminal, int(seed))
    logging.getLogger("asyncio").disabled = True  # broken connections are what this is for
    server = await asyncio.start_server(proxy.on_agent, "127.0.0.1", int(listen), ssl=as_broker)
    async with server:
        await proxy.listen_to_orders()  # they wait in the pipe until now


# ---- the side of the tests ----

class BadLine:
    """proxy.py as a process, between the agent of a stage and its broker."""

    def __init__(self, stage, port, client, seed):
        """`port`: where to listen; `client`: the name of the terminal's certificate, which the stage has made."""
        pki = stage.authority
        names = (pki.ca, *pki.server("line"), pki.folder / f"{client}.pem", pki.folder / f"{client}.key")
        self.port = port
        self.command = ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-B", __file__, str(port),
                        str(stage.ports["broker"]), *map(str, names), str(seed)]
        self.wants_orphan = False
        self._child = None

    def start(self):
        """Listens when this returns."""
        self._child = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                       start_new_session=True)
        self.tell()

    @property
    def pid(self):
        return self._child.pid

    def tell(self, **order):
        """Gives an order; the counts."""
        self._child.stdin.write(json.dumps(order) + "\n")
        self._child.stdin.flush()
        while True:
            answer = self._child.stdout.readline()
            if not answer:
                raise RuntimeError("the proxy ended by itself")
            told = json.loads(answer)
            if "orphan" not in told:
                return told
            self.wants_orphan = True

    def stop(self):
        if self._child is not None:
            self._child.kill()
            self._child.communicate()
            self._child = None


if __name__ == "__main__":
    if len(sys.argv) != 9:
        sys.exit(__doc__)
    asyncio.run(serve(sys.argv[1:]))
