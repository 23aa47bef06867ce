#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sales by the hundred thousand while everything around them breaks, and at the end a proof.

The real agent takes sales over its HTTP interface and delivers them through a bad line (proxy.py) to a real
broker and the reference centre. All the while, drawn from the seed, agent, centre and broker are killed, the
centre also between its commit and anybody hearing of it; the line does what proxy.py can do; the agent is
stopped for a moment; its clock jumps; its disk fills up and gets room again. What was not accepted is said
again under its Idempotency-Key.

The proof: the centre has exactly the events that were accepted, by their ids, with their totals; those of each
connection in the order in which they were said; every sequence number of each epoch; and a chain of hashes that,
computed again from the payloads, has no break and ends in the head the centre has noted.

Usage: soak.py [--events N] [--seed N] [--every N] [--keep FOLDER]
  --events  sales (1,000,000)                     --seed  of everything random (1)
  --every   accepted sales from blow to blow, on average (2000)
  --keep    keeps databases and logs there
One line of JSON at the end; exit code 0 when the proof holds.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import signal
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools/sim"), str(ROOT / "tests/system")]

from feeder import Account, Feeder  # noqa: E402
from machine import Clock, Disk  # noqa: E402
from process import free_port  # noqa: E402
from proof import has_sales, prove, settled  # noqa: E402
from proxy import FAULTS, BadLine  # noqa: E402
from stage import CLIENT, Stage  # noqa: E402

PROGRAMS = pathlib.Path(os.environ.get("TILLWIRE_PROGRAMS", ROOT / "build"))
LINE_FAULTS = ("blackhole", "delay", "duplicate", "reorder", "truncate", "drop_puback", "drop_ack", "foreign_ack",
               "narrow", "refuse", "orphan")
DISK_BYTES = 6 << 30
ROOM = "journal: {{max_bytes: 4GiB, reserve_bytes: {reserve}}}\n"
HOUR_S = 3600
BACKLOG = 50000  # events on their way, beyond which feeding waits
PROGRESS_S = 5


# What a blow does, the things it is done to (one blow at a time to each), and how often it is drawn.
Blow = collections.namedtuple("Blow", "strike things weight")


class Blows:
    """What breaks. Each blow begins, lasts a while and ends, also several at a time; feeding goes on."""

    def __init__(self, soak, seed):
        self._soak = soak
        self._random = random.Random(seed)
        self.done = collections.Counter()
        self._ends = []  # (when, things, function)
        self._table = [Blow(self.kill, ("agent",), 4), Blow(self.kill, ("central",), 2), Blow(self.kill, ("broker",), 1),
                       Blow(self.kill, ("agent", "central"), 1), Blow(self.kill, ("agent", "broker"), 1),
                       Blow(self.kill, ("central", "broker"), 1), Blow(self.stop_a_while, ("agent",), 1),
                       Blow(self.spoil, ("line",), 6), Blow(self.jump, ("clock",), 3)]
        if soak.disk.is_ours:
            self._table.append(Blow(self.fill, ("disk",), 2))

    def is_under(self, thing):
        return any(thing in things for _, things, _ in self._ends)

    def strike(self):
        blow = self._random.choices(self._table, [blow.weight for blow in self._table])[0]
        if not any(map(self.is_under, blow.things)):
            self.done[f"{blow.strike.__name__} {' and '.join(blow.things)}"] += 1
            duration_s, end = blow.strike(*blow.things)
            self._ends.append((time.monotonic() + duration_s, blow.things, end))

    def turn(self):
        """Ends what has lasted long enough."""
        now = time.monotonic()
        due = [end for end in self._ends if end[0] <= now]
        self._ends = [end for end in self._ends if end[0] > now]
        for _, _, function in due:
            function()

    def end_all(self):
        self._ends = [(0.0, things, function) for _, things, function in self._ends]
        self.turn()

    # Each gives how long it lasts and what ends it.

    def kill(self, *names):
        processes = [getattr(self._soak.stage, name) for name in names]
        for process in processes:
            process.kill()

        def revive():
            for process in processes:
                self._soak.start(process)
        return self._random.uniform(0, 0.4), revive

    def stop_a_while(self, name):
        pid = getattr(self._soak.stage, name).pid
        os.kill(pid, signal.SIGSTOP)
        return self._random.uniform(0.1, 1.5), lambda: os.kill(pid, signal.SIGCONT)

    def spoil(self, _):
        names = self._random.sample(LINE_FAULTS, self._random.randrange(1, 5))
        self._soak.line.tell(faults={name: max(FAULTS[name].every // 4, 1) for name in names})
        return self._random.uniform(0.5, 3), lambda: self._soak.line.tell(faults={})

    def jump(self, _):
        self._soak.clock.jump(self._random.choice((1, -1)) * self._random.randrange(20 * HOUR_S))
        back = self._random.random() < 0.5
        return self._random.uniform(0.2, 2), lambda: self._soak.clock.jump(0) if back else None

    def fill(self, _):
        self._soak.disk.fill(self._random.choice((0, 1 << 14, 1 << 17, 1 << 20)))
        return self._random.uniform(0.2, 1.5), self._soak.disk.make_room


class Soak:
    def __init__(self, stage, options):
        self.stage, self._options = stage, options
        self._random = random.Random(f"{options.seed}/soak")
        stage.central.command = ["-q" if word == "--json" else word for word in stage.central.command]
        self.disk = Disk(stage.state, DISK_BYTES)
        self.clock = Clock(stage)
        self.line = BadLine(stage, free_port(), CLIENT, options.seed)
        stage.write_config(broker_port=self.line.port)
        self._config = stage.config.read_text()
        self.account = Account(stage.work / "account.db")
        self.feeder = Feeder(stage.ports["desk"], self.account, options.seed)
        self.blows = Blows(self, options.seed)
        self.trouble = collections.Counter()
        self._began = time.monotonic()
        self._told = self._checked = self._began
        self._through = 0

    def configure(self):
        """Half of the lives meet the end of the disk itself, half stop before."""
        self.stage.config.write_text(self._config + ROOM.format(reserve=self._random.choice(("0", "1MiB"))))

    def start(self, process):
        if process is self.stage.agent:
            self.configure()
        process.start()

    def run(self):
        self.line.start()
        self.configure()
        self.stage.start(but=("relay",))
        self._feed()
        self.blows.end_all()
        self.clock.jump(0)
        self.line.tell(faults={}, resume=True)
        self._finish()
        self.feeder.close()

    def _feed(self):
        next_blow = self._distance()
        while self.account.count < self._options.events:
            backlog = self.account.count - self._through
            self.feeder.allowed = self._options.events if backlog < BACKLOG else self.feeder.allowed
            self._turn()
            if self.account.count >= next_blow:
                self.blows.strike()
                next_blow = self.account.count + self._distance()

    def _distance(self):
        return self._random.randrange(self._options.every // 4, self._options.every * 7 // 4)

    def _turn(self):
        self.feeder.turn()
        self.blows.turn()
        now = time.monotonic()
        if now >= self._checked + 0.25:
            self._checked = now
            self._check_programs()
        if now >= self._told + PROGRESS_S:
            self._told = now
            self._tell(now)

    def _check_programs(self):
        """Kills the centre where the line asks for it; starts again what ended by itself, which is trouble."""
        stage = self.stage
        self.line.tell()
        if self.line.wants_orphan and not self.blows.is_under("central"):
            self.line.wants_orphan = False
            self.blows.done["centre killed between commit and ack"] += 1
            stage.central.kill()
            self.start(stage.central)
            self.line.tell(resume=True)
        for name in ("agent", "central", "broker"):
            process = getattr(stage, name)
            if not self.blows.is_under(name) and not process.is_alive():
                last = process.tail(1).strip()
                print(f"soak: {name} ended by itself: {last}", file=sys.stderr, flush=True)
                self.trouble["start refused on a full disk" if "disk is full" in last else f"{name} ended by itself"] += 1
                self.start(process)

    def _tell(self, now):
        self._through = settled(self.stage.centre.path)
        count, rate = self.account.count, self.account.count / (now - self._began)
        print(f"soak: {count:,} of {self._options.events:,} accepted, {rate:,.0f}/s, {count - self._through:,} on their "
              f"way, {sum(self.blows.done.values())} blows, {(self._options.events - count) / max(rate, 1):.0f} s to go",
              file=sys.stderr, flush=True)

    def _finish(self):
        """Everything runs; waits until the agent has delivered all."""
        end = time.monotonic() + 120 + self._options.events / 1000
        self.stage.agent.kill()  # its back-off may have become long
        self.start(self.stage.agent)
        while not has_sales(self.stage.centre.path, self.account.count) and time.monotonic() < end:
            self._check_programs()
            time.sleep(0.2)
            if time.monotonic() >= self._told + PROGRESS_S:
                self._told = time.monotonic()
                self._tell(self._told)

    def seconds(self):
        return time.monotonic() - self._began

    def close(self):
        self.stage.agent.stop()
        self.disk.close()
        self.line.stop()


def report(soak, options, found, sums):
    unexplained = set(soak.trouble) - {"start refused on a full disk"}
    holds = not any(found.values()) and not unexplained and sums["epochs"] == 1 and \
        sums["accepted"] == sums["arrived"] == options.events and \
        sums["accepted_total"] == sums["arrived_total"]
    done = soak.line_done
    return {"events": options.events, "seed": options.seed, "seconds": round(soak.seconds(), 1), **sums, **found,
            "blows": dict(soak.blows.done), "line": done, "answers": {str(k): v for k, v in soak.feeder.statuses.items()},
            "full_disks": soak.disk.is_ours, "trouble": dict(soak.trouble), "holds": holds}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1000000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--every", type=int, default=2000)
    parser.add_argument("--keep", default=os.environ.get("TILLWIRE_KEEP"))
    options = parser.parse_args()
    stage = Stage(PROGRAMS, None, options.seed, options.keep)
    with stage:
        soak = Soak(stage, options)
        try:
            if not soak.disk.is_ours:
                print("soak: no full disks: only root may mount", file=sys.stderr)
            soak.run()
            soak.line_done = soak.line.tell()["done"]
        finally:
            soak.close()
        stage.central.stop()
        outcome = report(soak, options, *prove(stage.centre.path, soak.account.path))
    print(json.dumps(outcome))
    return 0 if outcome["holds"] else 1


if __name__ == "__main__":
    sys.exit(main())
