# SPDX-License-Identifier: Apache-2.0
"""A second subscriber that keeps all that the broker carries."""

from process import wait_until
from stage import CLIENT, TENANT, TOPICS


class Observer:
    """Subscribes to the tenant's topics from the moment it is made."""

    def __init__(self, stage):
        cert, key = stage.authority.client("observer")
        self._process = stage.process("observer", "stdbuf", ["-oL", "mosquitto_sub",
            "-h", "127.0.0.1", "-p", stage.ports["broker"], "--cafile", stage.authority.ca, "--cert", cert, "--key", key,
            "--tls-version", "tlsv1.3", "-V", "5", "-i", f"{CLIENT}-observer", "-q", "1", "-t", f"tillwire/v1/{TENANT}/#",
            "-F", "%t\t%p", "-d"])
        stage.others.append(self._process)
        self._process.start()
        wait_until("the observer to subscribe", lambda: b"Subscribed (mid" in self._traffic(), 20, [self._process])

    def _traffic(self):
        with open(self._process.log, "rb") as log:
            return log.read()

    def traffic(self):
        """Everything, as bytes: topics, payloads, and what mosquitto_sub says besides."""
        return self._traffic()

    def events(self):
        """The payloads of the events, in the order they came."""
        topic = f"{TOPICS}/evt/".encode()
        lines = (line.split(b"\t", 1) for line in self._traffic().splitlines() if line.startswith(topic))
        return [payload for _, payload in lines]
