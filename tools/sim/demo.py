# SPDX-License-Identifier: Apache-2.0
"""What `tools/run` shows: the stage with the lights on."""

import argparse
import json
import pathlib
import signal
import sys
import time

from centre import money, pseudonym
from process import StageError
from stage import ROOT, SCHEME, Stage
from till import SALES, OWN_TAPE, Tape

HUMAN_S = 0.45  # between two things a cashier does, in a demonstration


def options(arguments):
    """The command line; --help is that of tools/run."""
    parser = argparse.ArgumentParser(prog="tools/run", add_help=False)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--receipts", type=pathlib.Path)
    parser.add_argument("--keep", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--programs", type=pathlib.Path, default=ROOT / "build")
    given = parser.parse_args(arguments)
    given.once = given.once or given.json
    return given


class Terminal:
    """Lines that stay, and one below them that is written again and again."""

    def __init__(self, silent):
        self._silent = silent
        self._rewrites = sys.stdout.isatty() and not silent
        self._shown = ""

    def say(self, text=""):
        if not self._silent:
            self._wipe()
            print(text, flush=True)
            self._draw()

    def progress(self, text):
        if self._rewrites:
            self._wipe()
            self._shown = text
            self._draw()

    def end_progress(self):
        self._wipe()
        self._shown = ""

    def _wipe(self):
        if self._shown:
            print(f"\r\033[K", end="", flush=True)

    def _draw(self):
        if self._shown:
            print(self._shown, end="", flush=True)


class Show:
    """Plays a tape on a stage and tells what happens."""

    def __init__(self, stage, tape, terminal):
        self._stage = stage
        self._tape = tape
        self._terminal = terminal
        self._tiers = {pseudonym(stage.key(), SCHEME, m["card"]): m["tier"] for m in tape.members}
        self._shown = 0
        self.printed = 0

    def introduce(self):
        stage, say = self._stage, self._terminal.say
        say(f"""
  a till   ->  tillwire-relay  ->  a printer       127.0.0.1:{stage.ports['till']} -> {stage.ports['printer']}
                     |
  a scanner -> tillwired  ->  Mosquitto (TLS 1.3)  127.0.0.1:{stage.ports['broker']}
                                     |
                              tillwire-central     {stage.centre.path}

Look around from another terminal:
  {self._cli('status')}
  {self._cli('events')} --follow
  echo {self._tape.members[0]['card'] if self._tape.members else 'CARD'} | {self._cli('lookup')}
The desk: http://127.0.0.1:{stage.ports['desk']}/metrics     Logs: {stage.log_folder}
""")
        say("time      receipt       kind         total      member   lines")

    def _cli(self, command):
        return f"{self._stage.programs / 'tillwire'} {command} --config {self._stage.config}"

    def stepped(self, step):
        """A step of the tape is done."""
        if step["do"] == "print" and step.get("truth", {}).get("type") in SALES:
            self.printed += 1
        self.refresh()

    def refresh(self):
        """Shows what has arrived since the last time."""
        for event in self._stage.centre.sales()[self._shown:]:
            self._shown += 1
            self._terminal.say(self._line(event))
        self._terminal.progress(f"printed {self.printed}  accepted {self._stage.accepted_sales()}  arrived {self._shown}")

    def _line(self, event):
        sale = event["data"]
        tier = self._tiers.get((sale["customer"] or {}).get("pseudonym"), "-")
        closes = "" if sale["reconciled"] else "  does not close"
        return (f"{event['time'][11:19]}  {sale['receipt_number'] or '-':<12}  {sale['kind']:<6} "
                f"{money(sale['total']):>13} {sale['currency']}  {tier:<7} {len(sale['lines']):>5}{closes}")

    def idle(self, seconds):
        """Waits like a person, and goes on showing."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(min(0.1, max(0, end - time.monotonic())))
            self.refresh()

    def settle(self):
        """Until all has arrived; says what is missing when it does not."""
        try:
            self._stage.settle()
        finally:
            self.refresh()

    def summary(self):
        """The numbers of the whole run."""
        centre, accepted = self._stage.centre, self._stage.accepted_sales()
        printed = self.printed if self._tape.sales() is not None else accepted
        arrived = centre.transactions()
        doubled = centre.doubled() + max(0, arrived - printed)
        return {"printed": printed, "accepted": accepted, "arrived": arrived, "duplicates": doubled,
                "gaps": centre.gaps(), "lost": max(0, printed - arrived)}


def is_well(summary):
    return summary["lost"] == summary["duplicates"] == summary["gaps"] == 0


def tell(summary, given, terminal):
    terminal.end_progress()
    if given.json:
        print(json.dumps(summary))
    else:
        terminal.say("\n" + "  ".join(f"{name} {count}" for name, count in summary.items()))
        terminal.say("nothing lost, nothing doubled" if is_well(summary) else
                     "NOT well: something was lost or doubled; --keep DIR keeps databases and logs")
    return 0 if is_well(summary) else 1


def play_once(stage, show, tape):
    """As fast as it goes."""
    stage.play(tape, after=show.stepped)
    show.settle()


def play_slowly(stage, show, tape, terminal):
    """At a person's pace; then stays for the person to look around."""
    def after(step):
        show.stepped(step)
        show.idle(HUMAN_S)

    stage.play(tape, pause=show.idle, after=after)
    show.settle()
    terminal.say("\nThe tape has ended; everything stays up to be looked at. Ctrl-C ends it.")
    while True:
        show.idle(1)


def run(given, terminal):
    tape = Tape.of_folder(given.receipts) if given.receipts else Tape.own()
    if not tape.steps:
        raise StageError(f"{given.receipts} holds no .bin files")
    with Stage(given.programs, tape, given.seed, given.keep) as stage:
        terminal.say("starting broker, centre, relay and agent")
        stage.start()
        show = Show(stage, tape, terminal)
        show.introduce()
        try:
            if given.once:
                play_once(stage, show, tape)
            else:
                play_slowly(stage, show, tape, terminal)
        except KeyboardInterrupt:
            if given.once:
                raise
        return tell(show.summary(), given, terminal)


def main(arguments=None):
    """Exit codes: 0 nothing lost or doubled, 1 otherwise, 2 usage."""
    given = options(arguments)
    # A terminal that closes, a service manager and Ctrl-C all mean the same.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    terminal = Terminal(silent=given.json)
    try:
        return run(given, terminal)
    except KeyboardInterrupt:
        terminal.end_progress()
        return 130
    except (StageError, RuntimeError, OSError) as error:
        terminal.end_progress()
        print(f"tools/run: {error}", file=sys.stderr)
        if not given.keep:
            print("tools/run: run it again with --keep DIR to keep logs and databases", file=sys.stderr)
        return 1
