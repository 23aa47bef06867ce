#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The agent among its peers: runs the peers' harness with two contenders of ours.

  tillwire       tillwired as it is, behind line_desk, which posts each event to its local interface
  tillwire-core  journal and uplink in one process behind line_core: what these two cost by themselves

The harness lies in TILLWIRE_PEERBENCH (default ../shared/peerbench beside this tree); what its own contenders
need is in its README, and one that lacks it only gives an error. What `naive-c` and `paho-c` need (libpaho-mqtt-dev, which
even building the harness takes, and strace) tools/dev/setup installs. Everything is made in a work folder of its own.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import measuring  # noqa: E402
from measuring import ROOT, StageError  # noqa: E402

from authority import Authority  # noqa: E402
from stage import CLIENT  # noqa: E402

OURS = ("tillwire", "tillwire-core")
# Where the harness' consumer finds the event's number in what a contender of ours publishes.
KEYS = {"tillwire": '"receipt_number":"', "tillwire-core": '"seq":'}
# Peers that lose events, on a crash, offline, or with the power since they never sync: no measure.
LOSING = ("paho-c", "mosq-default", "mosq-tuned", "mosq-autosave1s", "mqttjs-level", "mqttjs-jsonl", "nanomq")
CONFIG = """\
tenant: acme
store: "0042"
terminal: "07"
currency: EUR
timezone: Europe/Berlin
state_dir: {{dir}}/state
run_dir: {{dir}}/run
loyalty: {{{{pseudonym_key: {key_file}, cards: []}}}}
uplink: {{{{url: "mqtts://127.0.0.1:{{tls}}", ca: {{ca}}, cert: {cert}, key: {key}, ack: broker}}}}
desk: {{{{listen: "127.0.0.1:{{local}}"}}}}
"""


def contenders(programs, work):
    """The harness' --extra: braces of its own are doubled."""
    authority = Authority(work / "pki", "Tillwire peers")
    cert, key = authority.client(CLIENT)
    pseudonyms = work / "pseudonym.key"
    pseudonyms.write_text("5" * 64 + "\n")
    pseudonyms.chmod(0o600)
    config = CONFIG.format(key_file=pseudonyms, cert=cert, key=key)
    bench = programs / "bench"
    return {
        "tillwire": {
            "cmd": [str(bench / "line_desk"), "{dir}/sock", "{dir}/run/control.sock", str(programs / "tillwired"),
                    "{dir}/tillwire.yaml"],
            "files": {"tillwire.yaml": config}, "ingest": "line:{dir}/sock"},
        "tillwire-core": {
            "cmd": [str(bench / "line_core"), "{dir}/sock", "{dir}", "mqtts://127.0.0.1:{tls}", "{ca}", str(cert), str(key)],
            "ingest": "line:{dir}/sock"}}


def harness():
    path = pathlib.Path(os.environ.get("TILLWIRE_PEERBENCH", ROOT / "../shared/peerbench")).resolve() / "bench.py"
    if not path.exists():
        raise StageError(f"{path} is not there; TILLWIRE_PEERBENCH names the folder of the peers' harness")
    return path


def run_harness(given, names, work, key):
    """The records of some contenders; the harness has one key for all it runs."""
    extra, records = work / "extra.json", work / f"{names[0]}.jsonl"
    extra.write_text(json.dumps(contenders(given.programs, work)))
    environment = {**os.environ, "SINK_KEY": key, "PEERBENCH_WORK": str(work / "work"), "PEERBENCH_BUILD": str(work / "build"),
                   "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, harness(), "run", "--only", ",".join(names), "--runs", "1", "--phases", given.phases,
               "--n", given.events, "--extra", extra, "--out", records, "--slow-us", given.slow_us]
    done = subprocess.run(list(map(str, command)), env=environment, stdout=sys.stderr)
    if done.returncode != 0:
        raise StageError("the harness failed; its words are above")
    return [json.loads(line) for line in records.read_text().splitlines()]


def gather(given, work):
    """Every contender's records, one round after another, so that they take turns."""
    gathered = {}
    for _ in range(given.rounds):
        for name in given.only.split(","):
            for record in run_harness(given, [name], work, KEYS.get(name, '"seq":')):
                gathered.setdefault(name, []).append(record)
    return gathered


def figures_of(records):
    """Medians of every figure over the rounds; the phases have names of their own for theirs."""
    kept = {}
    for record in records:
        for name, value in record.items():
            if measuring.is_number(value) and name not in ("run", "took"):
                kept.setdefault(name, []).append(value)
        if "error" in record:
            print(f"peers: {record['name']}, {record['phase']}: {record['error']}", file=sys.stderr)
    return {name: measuring.statistics.median(values) for name, values in kept.items()}


def compare(report, ours):
    """One of ours against the peers that lose nothing."""
    own = report.figures[ours]
    peers = {name: figures for name, figures in report.figures.items() if name not in OURS + LOSING}

    def best(figure, choose):
        values = [figures[figure] for figures in peers.values() if figure in figures]
        return choose(values) if values and figure in own else None
    lost = [own[name] for name in ("off_lost", "coff_lost", "con_lost", "on_lost") if name in own]
    if lost:
        report.ratio(f"{ours}: lost, in all phases", sum(lost), most=0)
    for figure, choose, what, hope in (("drain_rate", max, "drain, of the best that loses nothing", {"least": 2}),
                                       ("cpu_100k", min, "CPU an event online, of the best that loses nothing", {"most": 1}),
                                       ("drain_cpu_100k", min, "CPU an event of the drain, likewise", {"most": 1}),
                                       ("wr_ev", min, "written an event online, likewise", {"most": 1}),
                                       ("acc_rate", max, "accepted a second, 64 open, likewise", {}),
                                       ("acc_p50", min, "accept latency p50, likewise", {})):
        other = best(figure, choose)
        if other:
            report.ratio(f"{ours}: {what}", own[figure] / other, "x", **hope)


def measure(given):
    if given.brief:
        given.events, given.phases = 2000, "online,offline"
    report = measuring.Report("peers", events=given.events, phases=given.phases, slow_us=given.slow_us)
    with tempfile.TemporaryDirectory(prefix="tillwire-peers-", dir=given.dir) as folder:
        pathlib.Path(folder).chmod(0o755)
        report.add({name: figures_of(records) for name, records in gather(given, pathlib.Path(folder)).items()})
    for name in OURS:
        if report.figures.get(name):
            compare(report, name)
    return report


def add_options(made):
    made.add_argument("--only", default="naive-c,paho-c,tillwire,tillwire-core", help="contenders, ours and the harness'")
    made.add_argument("--phases", default="online,offline,crashoff,crashon,fsync")
    made.add_argument("--events", type=int, default=100000, help="queued while offline (default 100000)")
    made.add_argument("--slow-us", type=int, default=0, help="every sync takes so much longer")


if __name__ == "__main__":
    measuring.run(__doc__, measure, add_options)
