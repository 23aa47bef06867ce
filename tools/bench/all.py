#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The whole set, one after another, in some ten minutes on a machine that has nothing else to do.

Writes OUT/bench.json (every document), OUT/bench.md (the tables of the README, with the command that gives each)
and OUT/bench.svg (how far each figure is from what was hoped for). Root, for the figures of a process that
cannot be dumped. Exit code 1 when a script failed; a figure that is worse than hoped for is no failure.
"""

import argparse
import datetime
import json
import pathlib
import subprocess
import sys
import time

import measuring
import picture

HERE = pathlib.Path(__file__).resolve().parent
BEGIN, END = "<!-- figures: all.py --readme -->", "<!-- end of figures -->"


def commands(given):
    """The scripts with their options, in order."""
    brief = ["--brief"] if given.brief else []
    rounds = ["--rounds", str(given.rounds)]
    yield ["limits.py", *rounds, *brief]
    yield ["journal.py", *rounds, *brief]
    yield ["drain.py", *rounds, *brief]
    yield ["online.py", *rounds, *brief]
    yield ["relay.py", *rounds, *brief]
    yield ["wear.py", *(["--seconds", "120"] if given.long else []), *brief]
    yield ["footprint.py", *(["--million"] if given.long else []), *brief]
    if given.long:
        yield ["drain.py", "--events", "1000000", "--rounds", "1", *brief]
    if given.peers:
        yield ["peers/peers.py", *rounds, "--only", given.peers, *brief]


def run(command, given):
    """One script; its document, None when it failed."""
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-B", HERE / command[0], *command[1:], "--json", "--programs", given.programs,
                           "--dir", given.dir], stdout=subprocess.PIPE, text=True)
    took = time.monotonic() - began
    print(f"{' '.join(command)}: {'done' if done.returncode == 0 else 'FAILED'}, {took:.0f} s", file=sys.stderr, flush=True)
    if done.returncode != 0:
        return None
    return {**json.loads(done.stdout), "command": "tools/bench/" + " ".join(command), "seconds": took}


def markdown(documents):
    """One table a script."""
    parts = []
    for document in documents:
        rows = [["", "measured", "hoped for", "met"], ["---", "---:", "---:", ":---:"],
                *map(measuring.cells, document["ratios"])]
        parts.append(f"`{document['command']}`\n\n" + "\n".join("| " + " | ".join(row) + " |" for row in rows))
        if document["bench"] == "peers":
            header, *lines = measuring.matrix(document["figures"])
            rows = [header, ["---", *["---:"] * (len(header) - 1)], *lines]
            parts.append("\n".join("| " + " | ".join(row) + " |" for row in rows))
    return "\n\n".join(parts) + "\n"


def machine_words(machine, when):
    return (f"{machine['processors']} processors ({machine['model']}), kernel {machine['kernel']}, "
            f"load at the end {machine['load']:.1f}; {when}; medians of the rounds.")


def write_readme(whole, picture_text):
    """Puts the tables and the picture into the README of this folder, between its two marks."""
    readme = HERE / "README.md"
    head, _, rest = readme.read_text().partition(BEGIN)
    _, _, tail = rest.partition(END)
    text = (f"{BEGIN}\n{machine_words(whole['machine'], whole['when'])}\n\n![share of what was allowed](figures.svg)\n\n"
            f"{markdown(whole['benches'])}{END}")
    readme.write_text(head + text + tail)
    (HERE / "figures.svg").write_text(picture_text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/figures"), help="default build/figures")
    parser.add_argument("--programs", type=pathlib.Path, default=measuring.ROOT / "build", help="the build (default build)")
    parser.add_argument("--dir", type=pathlib.Path, default=pathlib.Path("/var/tmp"),
                        help="a folder on the disk to be measured (default /var/tmp)")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each kind, in turns (default 3)")
    parser.add_argument("--long", action="store_true", help="backlogs of 1,000,000 events, and two minutes of wear")
    parser.add_argument("--peers", nargs="?", const="naive-c,paho-c,tillwire,tillwire-core", metavar="NAMES",
                        help="the peers as well: some ten minutes for the two that need only Debian packages")
    parser.add_argument("--readme", action="store_true", help="put the tables and the picture into the README here")
    parser.add_argument("--brief", action="store_true", help="tiny numbers, for tests of this script")
    given = parser.parse_args()
    given.programs = given.programs.resolve()
    found = [run(command, given) for command in commands(given)]
    documents = [document for document in found if document is not None]
    given.out.mkdir(parents=True, exist_ok=True)
    whole = {"when": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
             "machine": measuring.machine(), "benches": documents}
    (given.out / "bench.json").write_text(json.dumps(whole, indent=1) + "\n")
    (given.out / "bench.md").write_text(markdown(documents))
    drawn = picture.draw(documents)
    (given.out / "bench.svg").write_text(drawn)
    if given.readme and len(documents) == len(found):
        write_readme(whole, drawn)
    print("\n\n".join(measuring.words(document) for document in documents))
    return 0 if len(documents) == len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
