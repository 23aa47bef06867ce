# SPDX-License-Identifier: Apache-2.0
"""The stage of tools/sim with what a measurement needs besides: a broker that takes a window of 100,
somebody who counts what arrives, and a journal that was filled before the agent starts."""

import json
import pathlib
import select
import shutil
import subprocess
import tempfile

from measuring import StageError, once, wait_until
from stage import CLIENT, STORE, TENANT, TERMINAL, Stage

SOURCE = f"/{TENANT}/{STORE}/{TERMINAL}"
WINDOW = 100


class Counter:
    """mqtt_bench count: takes events until result(), which waits for all of them, at most so long, and is what it prints."""

    def __init__(self, command):
        self.child = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, text=True)
        if self.child.stdout.readline() != "ready\n":
            raise StageError("mqtt_bench count could not subscribe")

    def result(self, timeout_s):
        select.select([self.child.stdout], [], [], timeout_s)  # "all"
        self.child.terminate()
        return json.loads(self.child.stdout.read().removeprefix("all\n"))

    def close(self):
        self.child.kill()
        self.child.wait()
        self.child.stdout.close()


class Ring(Stage):
    """Made for one measurement on the disk of `folder`; `ack` is uplink.ack of the agent."""

    def __init__(self, programs, folder, ack="central"):
        super().__init__(programs, work=tempfile.mkdtemp(prefix="tillwire-bench-", dir=folder))
        self._keep = False
        with open(self.work / "mosquitto.conf", "a") as broker:
            broker.write(f"max_inflight_messages {WINDOW}\nmax_queued_messages 0\n")
        self.write_config()
        self.config.write_text(self.config.read_text().replace("ack: central", f"ack: {ack}"))
        self.observer = self.authority.client("observer")
        self.writer = self.authority.client(CLIENT + "_bench")
        with open(self.work / "acl", "a") as access:
            access.write(f"\nuser {CLIENT}_bench\ntopic write tillwire/v1/bench/#\n")

    def _central_options(self):
        """Without a line for each event: nobody reads them."""
        return [option for option in super()._central_options() if option != "--json"] + ["--quiet"]

    def start_broker(self):
        self.broker.start()
        wait_until("the broker", self.is_broker_up, 20, [self.broker])

    def _mqtt(self, what, identity, name, topic, *options):
        cert, key = identity
        return [self.programs / "bench/mqtt_bench", what, "--port", self.ports["broker"], "--ca", self.authority.ca,
                "--cert", cert, "--key", key, "--id", name, "--topic", topic, *options]

    def publish(self, messages, window=WINDOW, size=600):
        """libmosquitto alone; the same broker, a topic of its own."""
        _, *options = self._mqtt("publish", self.writer, "bench-writer", "tillwire/v1/bench/1/1/evt/sale", "--events",
                                 messages, "--window", window, "--bytes", size)
        return once(self.programs, "mqtt_bench", *options)

    def count(self, events):
        """Counts what arrives, of anybody: the first `events` of the agent."""
        return Counter(self._mqtt("count", self.observer, "bench-counter", "tillwire/v1/+/+/+/evt/#", "--events", events))

    def fill(self, events, template=None):
        """A journal with so many events queued; `template` is the state folder of an earlier one."""
        if template is None:
            return once(self.programs, "fill", "--journal", self.state / "journal.db", "--key", self.seal_key(),
                        "--source", SOURCE, "--events", events)
        shutil.copytree(template, self.state, dirs_exist_ok=True)
        return None

    def seal_key(self):
        return pathlib.Path(self.state) / "journal.key"
