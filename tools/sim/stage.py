#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The whole chain on one machine: broker, centre, relay and agent as real programs, between a
simulated till, printer and scanner. `tools/run` shows it (demo.py), the system tests play on it.

Everything it makes lies in one work folder, everything it starts ends with it, all ports are free
ones of 127.0.0.1.
"""

import contextlib
import http.client
import json
import os
import pathlib
import random
import re
import secrets
import shutil
import subprocess
import tempfile

from authority import Authority
from centre import Centre
from printer import Printer
from process import Process, StageError, accepts, free_port, wait_until
from scanner import Scanner
from till import Till

ROOT = pathlib.Path(__file__).resolve().parents[2]
TENANT, STORE, TERMINAL = "acme", "0042", "07"
CLIENT = f"{TENANT}-{STORE}-{TERMINAL}"
TOPICS = f"tillwire/v1/{TENANT}/{STORE}/{TERMINAL}"
SCHEME = "club"
CARDS = r"^6009200\d{9}$"

BROKER = """\
# Made by tools/sim/stage.py.
listener {port} 127.0.0.1
cafile {ca}
certfile {cert}
keyfile {key}
tls_version tlsv1.3
require_certificate true
use_identity_as_username true
allow_anonymous false
acl_file {acl}
persistence false
set_tcp_nodelay true
log_dest stdout
{user}
"""

# The common name of the certificate is the user. A terminal has its own topics, and its store's members.
ACCESS = f"""\
user {CLIENT}
topic write {TOPICS}/evt/#
topic write {TOPICS}/state
topic write {TOPICS}/req/#
topic read {TOPICS}/ack
topic read {TOPICS}/reject
topic read {TOPICS}/rsp/#
topic read tillwire/v1/{TENANT}/{STORE}/members

user central
topic readwrite tillwire/v1/{TENANT}/#

user observer
topic read tillwire/v1/#
"""

AGENT = """\
# Made by tools/sim/stage.py.
tenant: {tenant}
store: "{store}"
terminal: "{terminal}"
currency: {currency}
timezone: {timezone}
state_dir: {state}
run_dir: {run}
devices:
  - {{name: printer, class: tap, transport: tcp, listen: "127.0.0.1:{till_port}", forward: "127.0.0.1:{printer_port}", profile: generic}}
  - {{name: scanner, class: scanner, transport: serial, port: {scanner}, baud: 9600}}
loyalty:
  pseudonym_key: {pseudonym_key}
  cards: [{{scheme: {scheme}, pattern: '{cards}', check: luhn}}]
uplink: {{url: "mqtts://127.0.0.1:{broker_port}", ca: {ca}, cert: {cert}, key: {key}, ack: central}}
desk: {{listen: "127.0.0.1:{desk_port}"}}
"""


class Stage:
    """Made with all its files; nothing runs before start(). Use it as a context manager."""

    def __init__(self, programs=ROOT / "build", tape=None, seed=0, work=None):
        self.random = random.Random(seed)
        self.work = pathlib.Path(work or tempfile.mkdtemp(prefix="tillwire-"))
        self.work.mkdir(parents=True, exist_ok=True)
        self._keep = work is not None
        self.programs = pathlib.Path(programs)
        self.ports = {name: free_port() for name in ("broker", "till", "printer", "desk")}
        self.authority = Authority(self.work / "pki")
        self.config = self.work / "tillwire.yaml"
        self.log_folder = self._folder("log")
        self.state = self._folder("state")
        self.pseudonym_key = self._write_key()
        self.scanner = Scanner()
        self.printer = Printer(self.ports["printer"])
        self.till = Till(self.ports["till"], self.random)
        self.centre = Centre(self.work / "central.db")
        self._write_files(tape)
        self.broker = self.process("broker", "mosquitto", ["-c", self.work / "mosquitto.conf"])
        self.central = self.program("tillwire-central", self._central_options())
        self.relay = self.program("tillwire-relay", ["--config", self.config, "--device", "printer"])
        self.agent = self.program("tillwired", ["--config", self.config], self._agent_environment())
        self.others = []  # what a test started besides; stopped with the rest

    # ---- files ----

    def _folder(self, name):
        folder = self.work / name
        folder.mkdir(exist_ok=True)
        return folder

    def _write_key(self):
        path = self.work / "pseudonym.key"
        path.write_text(secrets.token_hex(32) + "\n")
        path.chmod(0o600)
        return path

    def key(self):
        """The tenant's pseudonym key."""
        return bytes.fromhex(self.pseudonym_key.read_text())

    def _write_files(self, tape):
        members = [{"scheme": SCHEME, **member} for member in (tape.members if tape else ())]
        (self.work / "members.json").write_text(json.dumps({"store": STORE, "members": members}))
        (self.work / "acl").write_text(ACCESS)
        cert, key = self.authority.server("broker")
        (self.work / "mosquitto.conf").write_text(BROKER.format(
            port=self.ports["broker"], ca=self.authority.ca, cert=cert, key=key, acl=self.work / "acl",
            user="user root" if os.getuid() == 0 else ""))
        self.write_config()

    def write_config(self, **changes):
        """Writes the agent's configuration; `changes` replace single values of the template."""
        cert, key = self.authority.client(CLIENT)
        values = {
            "tenant": TENANT, "store": STORE, "terminal": TERMINAL, "currency": "EUR", "timezone": "Europe/Berlin",
            "state": self.state, "run": self._folder("run"), "scanner": self.scanner.port, "scheme": SCHEME,
            "cards": CARDS, "pseudonym_key": self.pseudonym_key, "ca": self.authority.ca, "cert": cert, "key": key,
            **{f"{name}_port": port for name, port in self.ports.items()}}
        self.config.write_text(AGENT.format(**{**values, **changes}))

    # ---- programs ----

    def process(self, name, program, options, environment=None):
        path = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
        if path is None:
            raise StageError(f"{program} is not there; run tools/dev/setup")
        return Process(name, [path, *options], self.log_folder / f"{name}.log", environment)

    def program(self, name, options, environment=None):
        path = self.programs / name
        if not path.exists():
            raise StageError(f"{path} is not there; build it: cmake -S . -B build && cmake --build build")
        return self.process(path.name, path, options, environment)

    def _central_options(self):
        cert, key = self.authority.client("central")
        return ["--host", "127.0.0.1", "--port", self.ports["broker"], "--ca", self.authority.ca, "--cert", cert,
                "--key", key, "--database", self.centre.path, "--schemas", ROOT / "include/contract/schema",
                "--tenant", TENANT, "--members", self.work / "members.json", "--pseudonym-key", self.pseudonym_key,
                "--json"]

    def _agent_environment(self):
        """A pseudo terminal is no serial port to libserialport; the shim makes it one."""
        shim = self.programs / "tests/libserial_shim.so"
        sanitizers = os.environ.get("ASAN_OPTIONS", "")
        return {"LD_PRELOAD": str(shim), "ASAN_OPTIONS": f"{sanitizers}:verify_asan_link_order=0"}

    def start(self, but=()):
        """Starts all programs but the ones named, and waits until they can be used."""
        ready = {"broker": self.is_broker_up, "central": lambda: True,
                 "relay": lambda: accepts(self.ports["till"]), "agent": self.is_agent_up}
        for name, is_ready in ready.items():
            if name not in but:
                process = getattr(self, name)
                process.start()
                wait_until(f"{process.name} to be ready", is_ready, 20, [process])

    def is_broker_up(self):
        return accepts(self.ports["broker"])

    def is_agent_up(self):
        try:
            return self.get("/healthz")[0] == 200
        except OSError:
            return False

    def stop(self):
        """Stops what runs; removes the work folder unless it was asked for."""
        self.till.hang_up()
        for process in (*self.others, self.agent, self.relay, self.central, self.broker):
            process.stop()
        self.printer.close()
        self.scanner.close()
        if not self._keep:
            shutil.rmtree(self.work, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # ---- the agent's local interface ----

    def request(self, method, path, body=None, headers=None):
        """(status, body text) of one request to the desk; OSError when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["desk"], timeout=10)
        try:
            with contextlib.suppress(BrokenPipeError):  # the answer to too large a body comes before its end
                connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except http.client.HTTPException as error:
            raise ConnectionError(str(error)) from error
        finally:
            connection.close()

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, value, headers=None):
        """Posts a JSON value; (status, object)."""
        status, text = self.request("POST", path, json.dumps(value),
                                    {"Content-Type": "application/json", **(headers or {})})
        return status, json.loads(text)

    def metric(self, name, **labels):
        """Sum of the agent's metric tillwire_NAME over the series that have these labels; 0 while it is down."""
        try:
            text = self.get("/metrics")[1]
        except OSError:
            return 0
        total = 0
        for line in re.findall(rf"^tillwire_{name}(?:{{.*}})? .*$", text, re.MULTILINE):
            if all(f'{key}="{value}"' in line for key, value in labels.items()):
                total += float(line.rsplit(" ", 1)[1])
        return total

    def accepted_sales(self):
        """Sale events the agent made durable since it started."""
        return int(sum(self.metric("events_committed_total", type="sale." + kind)
                       for kind in ("completed", "returned", "voided", "corrected")))

    def is_drained(self):
        """Whether all that was printed, and each scan that was read, is accounted for, and the centre has what was made of it."""
        return self.has_taken_paper() and self.has_kept_scans() and self.metric("queue_events") == 0

    def has_taken_paper(self):
        """Whether events of every byte that was printed are durable: the tap's position in the status says so."""
        try:
            devices = json.loads(self.get("/v1/status")[1])["devices"]
        except (OSError, ValueError):  # it is just starting
            return False
        positions = [device["position"] for device in devices if device["name"] == "printer"]
        return positions == [len(self.till.sent)] or not self.till.sent

    def has_kept_scans(self):
        """Whether each loyalty scan that was counted is durable; with a journal that takes none it never is."""
        scans = self.metric("scans_total", result="loyalty")
        return self.metric("events_committed_total", type="loyalty.scanned") >= scans

    def has_taken_receipts(self):
        """The same for whole receipts; paper that is fed after the last one may still wait for its end."""
        return self.metric("receipts_total") >= self.till.receipts or self.has_taken_paper()

    def tillwire(self, command, *options, stdin=""):
        """Runs the command line tool on this agent; the finished process with its output as text."""
        return subprocess.run([self.programs / "tillwire", command, "--config", self.config, *options], input=stdin,
                              capture_output=True, text=True, timeout=30)

    # ---- playing ----

    def scan(self, code):
        """Scans between two customers: after the last receipt was taken, before the next is printed."""
        self.till.hang_up()
        wait_until("the agent to take what was printed", self.has_taken_receipts, 20, [self.agent])
        before = self.metric("scans_total")
        self.scanner.scan(code)
        wait_until("the agent to take a scan", lambda: self.metric("scans_total") > before, 20, [self.agent])

    def play(self, tape, pause=lambda seconds: None, after=lambda step: None):
        """Plays a tape. pause(seconds) is called where the tape pauses, after(step) when a step is done."""
        for step in tape.steps:
            if step["do"] == "scan":
                self.scan(step["code"])
            elif step["do"] == "print":
                self.till.print(step["bytes"])
            else:
                pause(step["ms"] / 1000)
            after(step)
        self.till.hang_up()

    def settle(self, timeout_s=60):
        """Waits until everything that was printed, and each scan that was read, has reached the centre."""
        wait_until("everything to reach the centre", self.is_drained, timeout_s, [self.agent])


if __name__ == "__main__":
    import sys

    import demo
    sys.exit(demo.main())
