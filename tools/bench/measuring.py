# SPDX-License-Identifier: Apache-2.0
"""What the scripts of this folder share: runs of the measuring programs, what /proc says about a process,
medians, and a report as a table for people or as one JSON document.

Machines differ more than programs do, and one machine from minute to minute: every figure that matters
is a ratio of medians of runs that took turns.
"""

import argparse
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/sim"))

from process import StageError, wait_until  # noqa: E402, F401

SLOW_US = 5000  # what an eMMC or an SD card takes for a sync, about
QUIET_SHARE, PATIENCE = 0.05, 3  # of in_turns: stolen time that does not count, and rounds played for one that is kept


# ---- a process ----

def pss_bytes(pid):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)[1]) * 1024


def rss_bytes(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmRSS:\s+(\d+) kB", text, re.MULTILINE)[1]) * 1024


def cpu_ns(pid):
    """Time on a processor of all threads that live."""
    return sum(int(file.read_text().split()[0]) for file in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"))


def written_bytes(pid):
    """What a process caused to be written to disk (proc(5), io: write_bytes)."""
    text = pathlib.Path(f"/proc/{pid}/io").read_text()
    return int(re.search(r"^write_bytes: (\d+)", text, re.MULTILINE)[1])


def folder_bytes(folder):
    """As du(1): the blocks that files take."""
    return sum(path.stat().st_blocks * 512 for path in pathlib.Path(folder).rglob("*") if path.is_file())


# ---- runs ----

def slow_disk(programs, us=SLOW_US):
    """The environment in which every sync takes `us` more."""
    return {"LD_PRELOAD": str(pathlib.Path(programs).resolve() / "bench/slow_sync.so"), "TILLWIRE_SLOW_SYNC_US": str(us)}


def once(programs, name, *options, environment=None):
    """One run of a program of build/bench; the object it prints."""
    path = pathlib.Path(programs) / "bench" / name
    if not path.exists():
        raise StageError(f"{path} is not there; build it: cmake -S . -B build && cmake --build build")
    done = subprocess.run([path, *map(str, options)], capture_output=True, text=True,
                          env={**os.environ, **(environment or {})})
    if done.returncode != 0:
        raise StageError(f"{' '.join(map(str, [name, *options]))}: {done.stderr.strip()}")
    return json.loads(done.stdout.splitlines()[-1])


def processor_times():
    """(wanted, stolen) by all processors since the start, in ticks (proc(5), stat). Stolen is what a virtual machine's host
    gave to others while it was wanted."""
    user, nice, system, _, _, irq, soft_irq, stolen = map(
        int, pathlib.Path("/proc/stat").read_text().partition("\n")[0].split()[1:9])
    return user + nice + system + irq + soft_irq + stolen, stolen


def in_turns(rounds, runs):
    """Every run of {name: function} once a round; {name: {figure: median}}. While the host steals, rounds are played again, up
    to PATIENCE times as many, and the quietest are kept; "rounds" says how many and what was stolen in them."""
    played = []
    while sum(share <= QUIET_SHARE for share, _ in played) < rounds and len(played) < PATIENCE * rounds:
        before = processor_times()
        objects = {name: run() for name, run in runs.items()}
        wanted, stolen = (now - then for now, then in zip(processor_times(), before))
        played.append((stolen / max(wanted, 1), objects))
    kept = sorted(played, key=lambda each: each[0])[:rounds]
    figures = {name: medians([objects[name] for _, objects in kept]) for name in runs}
    return {**figures, "rounds": {"kept": len(kept), "played": len(played), "stolen_share": kept[-1][0]}}


def medians(objects):
    """Of objects alike: the median of every number, the first of what is none."""
    return {name: statistics.median(each[name] for each in objects) if is_number(value) else value
            for name, value in objects[0].items()}


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


# ---- a report ----

class Report:
    """The figures of one measurement and what was hoped for.

    as_json() is {"bench", "settings", "figures": {run: {figure: number}}, "ratios": [{"what", "value", "unit",
    "least" or "most" where something is hoped for, and "met"}]}.
    """

    def __init__(self, bench, **settings):
        self.bench = bench
        self.settings = settings
        self.figures = {}
        self.ratios = []

    def add(self, figures):
        self.figures.update(figures)

    def ratio(self, what, value, unit="", least=None, most=None):
        """One line of the table."""
        line = {"what": what, "value": value, "unit": unit}
        if least is not None:
            line.update(least=least, met=value >= least)
        if most is not None:
            line.update(most=most, met=value <= most)
        self.ratios.append(line)

    def as_json(self):
        return {"bench": self.bench, "settings": self.settings, "figures": self.figures, "ratios": self.ratios}


def number(value):
    """Three digits that matter, thousands apart."""
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 1 else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def hoped(line):
    if "least" in line:
        return f"at least {number(line['least'])}"
    return f"at most {number(line['most'])}" if "most" in line else ""


def cells(line):
    """A ratio as the texts of a row."""
    outcome = {True: "yes", False: "NO"}.get(line.get("met"), "")
    return [line["what"], f"{number(line['value'])} {line['unit']}".strip(), hoped(line), outcome]


def table(rows):
    """Columns under each other; the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join("  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
                     .rstrip() for row in rows)


def matrix(figures):
    """Figures that all runs share, as rows of texts: one a figure, a column a run."""
    names = list(dict.fromkeys(name for each in figures.values() for name in each if is_number(each[name])))
    return [["", *figures], *([name, *(number(each[name]) if name in each else "-" for each in figures.values())]
                              for name in names)]


def words(report):
    """The report for people: first the ratios, then what they were made of."""
    parts = []
    if report["ratios"]:
        parts.append(table([["", "measured", "hoped for", "met"], *map(cells, report["ratios"])]))
    if report["bench"] == "peers":
        parts.append("\n" + table(matrix(report["figures"])))
    else:
        parts += [f"  {name}: " + ", ".join(f"{key} {number(value)}" for key, value in figures.items() if is_number(value))
                  for name, figures in report["figures"].items()]
    return "\n".join(parts)


def machine():
    """Where it was measured."""
    model = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return {"processors": len(os.sched_getaffinity(0)), "model": model[1] if model else platform.machine(),
            "kernel": platform.release(), "load": os.getloadavg()[0]}


# ---- a script ----

def parser(doc):
    """The options all have. --brief is for tests: it ends soon, its figures mean nothing."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--json", action="store_true", help="one JSON document instead of a table")
    made.add_argument("--brief", action="store_true", help="tiny numbers, for tests of this script")
    made.add_argument("--rounds", type=int, default=3, help="runs of each kind, in turns (default 3)")
    made.add_argument("--programs", type=pathlib.Path, default=ROOT / "build", help="the build (default build)")
    made.add_argument("--dir", type=pathlib.Path, default=pathlib.Path("/var/tmp"),
                      help="a folder on the disk to be measured (default /var/tmp)")
    return made


def run(doc, measure, add_options=lambda made: None):
    """The main function of a script: measure(given) makes its Report."""
    made = parser(doc)
    add_options(made)
    given = made.parse_args()
    given.rounds = 1 if given.brief else given.rounds
    given.programs = given.programs.resolve()
    try:
        report = measure(given)
    except PermissionError:
        sys.exit(f"{made.prog}: the agent cannot be dumped (P6), so only root may read its figures; run this as root")
    except StageError as error:
        sys.exit(f"{made.prog}: {error}")
    print(json.dumps({**report.as_json(), "machine": machine()}) if given.json else words(report.as_json()))
