#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Updates of the board that go wrong in every way there is: it always starts a good image.

On mps2-an386, whose NVM is a file: QEMU is killed at points all over an update (erase, data, mark, restart, trial,
confirmation), as power goes, and started again on what was left. Then images that are damaged (one bit at every 97th byte),
signed with another key, older, for another board, cut short, or that crash or hang. The images are the tap's own, but for
the healthy minute, which is a second here. An update is sent as the agent sends it (tillwire/tap_link.h); damage is also
written right into the slot, with the mark that the board would make, for a board must not depend on its own checks.

Usage: update.py [--points N] [--seed N] [unittest's arguments]
  --points N   kills in all (default 24; the figure of record is 200)
"""

import argparse
import collections
import contextlib
import itertools
import multiprocessing
import os
import pathlib
import random
import struct
import sys
import tempfile
import time
import unittest

import nvm as flash
from nvm import A, B, Nvm, State
from updating import (BAD_HASH, BAD_SIGNATURE, BOARD_NUMBER, CHECKED, CONFIRMED, FAILED, NEW, NO_HEADER, NOT_HEALTHY, NOW, OLD,
                      OLDEST, OTHER, PATIENCE_S, RECEIVING, REVERTED, TOO_OLD, UPDATE_BEGIN, UPDATE_DATA, UPDATE_END,
                      WRONG_BOARD, WRONG_LENGTH, WRONG_SLOT, Images, Tap, number)

POINTS, SEED, EVERY = 24, 1, 97
HEALTHY_S = 1.0  # of these images
WATCHDOG_S = 8
PARALLEL = (os.cpu_count() or 2) * 2  # a board mostly waits for time to pass


class Killed(Exception):
    """The power went where it should."""


images = None  # made before the workers are forked


@contextlib.contextmanager
def new_nvm():
    """A board that was updated before: NOW in A is confirmed, OLD is still in B."""
    with tempfile.TemporaryDirectory(prefix="tillwire-update-") as folder:
        with contextlib.closing(Nvm(pathlib.Path(folder, "nvm.bin"))) as nvm:
            nvm.place(A, images.good[NOW, A])
            nvm.place(B, images.good[OLD, B], b"\0")
            nvm.remember(State(confirmed=A, floor=number(NOW), rescue_floor=number(OLD)))
            yield nvm, folder


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def runs(folder):
    """(version, slot, INFO's state) of what starts."""
    with Tap(folder) as tap:
        info = tap.tell()
        return info.firmware, info.slot, info.state


# ---- power cuts

class Cut:
    """Where in an update the power goes: a phase, and how far into it (0 to 1)."""

    SHARES = {"erase": 3, "data": 6, "mark": 3, "restart": 3, "trial": 2, "confirm": 3}  # of 20

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.phase = self.random.choices(list(self.SHARES), self.SHARES.values())[0]
        self.share = self.random.random()

    def __str__(self):
        return f"{self.phase} {self.share:.3f}"

    def watch(self, tap, nvm):
        """Ends QEMU, and the waiting, when the point is reached."""
        reached = getattr(self, f"_{self.phase}")(nvm)

        def look():
            if reached():
                tap.board.kill()
                raise Killed

        tap.watch = look

    def _erase(self, nvm):
        at = flash.SLOTS[B] + int(self.share * (flash.SLOT - 1))
        while nvm.bytes[at] == 0xff:
            at += 1
        return lambda: nvm.bytes[at] == 0xff

    def _data(self, nvm):
        image = images.good[NEW, B]
        at = int(self.share * (len(image) - 1))
        while image[at] in (0xff, nvm.bytes[flash.SLOTS[B] + at]):
            at = (at + 1) % len(image)
        return lambda: nvm.bytes[flash.SLOTS[B] + at] == image[at]

    @staticmethod
    def _after(event, wait_s):
        """True once `event` was and so many seconds have passed."""
        since = []

        def reached():
            if not since and event():
                since.append(time.monotonic())
            return bool(since) and time.monotonic() - since[0] >= wait_s

        return reached

    @staticmethod
    def _record(nvm, wanted):
        """The log gets a record of a state like `wanted`; seen at its first byte, so that it may be torn."""
        place = itertools.count(sum(1 for _ in nvm.records()))
        at = [next(place) * flash.RECORD]

        def event():
            while nvm.bytes[at[0]] != 0xff:
                data = nvm.bytes[at[0]:at[0] + flash.RECORD]
                if wanted(data):
                    return True
                if flash.parse(data) is None:
                    return False  # still being written
                at[0] = next(place) * flash.RECORD
            return False

        return event

    # What is being written is known by the bytes that are there already.
    def _mark(self, nvm):
        return self._after(self._record(nvm, lambda data: data[0] == flash.STATE and data[5] != A), self.share * 0.002)

    def _restart(self, nvm):
        return self._after(self._record(nvm, lambda data: data[0] == flash.STATE), self.share * 1.3)

    def _trial(self, nvm):
        tried = self._record(nvm, lambda data: data[0] == flash.STATE and data[6] == 2)
        return self._after(tried, self.share * HEALTHY_S)

    def _confirm(self, nvm):
        confirmed = self._record(nvm, lambda data: data[0] == flash.STATE and data[4] == B)
        return self._after(confirmed, self.share * 0.002)


def cut_power(seed):
    """One update with the power cut in it; returns what was cut and what started then."""
    cut = Cut(seed)
    with new_nvm() as (nvm, folder):
        with Tap(folder) as tap:
            tap.tell()
            cut.watch(tap, nvm)
            with contextlib.suppress(Killed):
                check(tap.update(images.good[NEW, B]) == (CHECKED, 0), f"{cut}: the update was refused")
                tap.until("the cut", lambda: False)
        left = nvm.state()
        check(left.confirmed in (A, B), f"{cut}: a confirmed image was forgotten: {left}")
        check(left.floor >= number(NOW), f"{cut}: the floor went back: {left}")
        slot = left.trial if left.trial and left.tries else left.confirmed
        wanted = (number(NEW), B) if slot == B else (number(NOW), A)
        version, runs_in, _ = runs(folder)
        check((version, runs_in) == wanted, f"{cut}: {wanted} should run, but {(version, runs_in)} does; {left}")
        after = nvm.state()
        check(after.confirmed and after.floor >= left.floor, f"{cut}: from {left} to {after}")
        if seed % 8 == 0:
            finish(nvm, folder, cut)
        return cut.phase, runs_in


def finish(nvm, folder, cut):
    """After whatever happened, an update goes through to its end."""
    with Tap(folder) as tap:
        if tap.tell().slot == A:
            check(tap.update(images.good[NEW, B]) == (CHECKED, 0), f"{cut}: no update afterwards")
        tap.until("the new image to be confirmed", lambda: nvm.state().confirmed == B)
        check(nvm.state().floor == number(NEW), f"{cut}: {nvm.state()}")


# ---- damage

def start_flipped(at):
    """The image on trial has one bit wrong: the confirmed one starts."""
    with new_nvm() as (nvm, folder):
        image = bytearray(images.good[NEW, B])
        image[at] ^= 1 << at % 8
        nvm.place(B, bytes(image))
        nvm.remember(State(confirmed=A, trial=B, tries=3, floor=number(NOW), rescue_floor=number(OLD)))
        check(runs(folder) == (number(NOW), A, REVERTED), f"byte {at}: the damaged image started")
        state = nvm.state()
        check(state.fault and state.fault_slot == B and not state.trial, f"byte {at}: {state}")
        return state.fault


def start_rotten(at):
    """The confirmed image has one bit wrong: the one before starts."""
    with new_nvm() as (nvm, folder):
        image = bytearray(images.good[NOW, A])
        image[at] ^= 1 << at % 8
        nvm.place(A, bytes(image))
        check(runs(folder) == (number(OLD), B, REVERTED), f"byte {at}: nothing good started")
        check(nvm.state().fault_slot == A, f"byte {at}: {nvm.state()}")
        return nvm.state().fault


def everywhere(work, cases):
    with multiprocessing.get_context("fork").Pool(PARALLEL) as pool:
        return collections.Counter(pool.imap_unordered(work, cases))


class UpdateTest(unittest.TestCase):
    points, seed = POINTS, SEED

    def tell(self, what, outcomes, start):
        parts = ", ".join(f"{key}: {count}" for key, count in sorted(outcomes.items(), key=str))
        print(f"{what}: {sum(outcomes.values())} in {time.monotonic() - start:.0f} s ({parts})", flush=True)

    def test_power_cut_anywhere(self):
        start = time.monotonic()
        outcomes = everywhere(cut_power, range(self.seed * 1000, self.seed * 1000 + self.points))
        self.tell("power cuts, by phase and slot that started", outcomes, start)
        self.assertEqual(sum(outcomes.values()), self.points)

    def test_flipped_bits(self):
        start = time.monotonic()
        size = len(images.good[NEW, B])
        outcomes = everywhere(start_flipped, range(0, size, EVERY))
        self.tell("flipped bits in the image on trial, by reason", outcomes, start)
        self.assertEqual(set(outcomes) - {NO_HEADER, WRONG_BOARD, WRONG_SLOT, WRONG_LENGTH, BAD_SIGNATURE, BAD_HASH}, set())
        start = time.monotonic()
        self.tell("flipped bits in the confirmed image, by reason", everywhere(start_rotten, range(0, size, 10 * EVERY)), start)

    # Sent by an agent, which may lie about what it sends.

    def refused(self, image, wanted, **claims):
        """The update is refused, and nothing else changes."""
        with new_nvm() as (nvm, folder):
            with Tap(folder) as tap:
                tap.tell()
                before = nvm.state()
                state, reason = tap.update(image, **claims)
                self.assertEqual(state, FAILED)
                self.assertIn(reason, wanted)
                self.assertEqual(nvm.state(), before)
            self.assertEqual(runs(folder)[:2], (number(NOW), A))

    def test_other_versions_and_boards_are_refused(self):
        old = images.good[OLDEST, B]
        self.refused(old, {TOO_OLD}, version=OLDEST)
        self.refused(old, {TOO_OLD}, version=NEW)
        self.refused(images.wrong_board, {WRONG_BOARD}, board=1)
        self.refused(images.wrong_board, {WRONG_BOARD})
        self.refused(images.good[NEW, A], {WRONG_SLOT})

    def test_cut_short(self):
        image = images.good[NEW, B]
        self.refused(image[:5000], {OTHER})
        self.refused(image[:200], {WRONG_LENGTH})
        with new_nvm() as (nvm, folder):
            with Tap(folder) as tap:
                tap.tell()
                tap.ask(UPDATE_BEGIN, struct.pack("<III", len(image), number(NEW), BOARD_NUMBER))
                tap.ask(UPDATE_DATA, struct.pack("<I", 0) + image[:1024])
                self.assertEqual(tap.ask(UPDATE_END), (RECEIVING, 0, 1024))
            self.assertEqual(runs(folder)[:2], (number(NOW), A))

    def test_wrong_key(self):
        """The board cannot tell before the loader does; then the old image starts, and says so."""
        with new_nvm() as (nvm, folder), Tap(folder) as tap:
            tap.tell()
            self.assertEqual(tap.update(images.wrong_key), (CHECKED, 0))
            tap.until_restarted()
            info = tap.tell()
            self.assertEqual((info.firmware, info.slot, info.state), (number(NOW), A, REVERTED))
            self.assertEqual(nvm.state().fault, BAD_SIGNATURE)

    # Right in the slot, marked: the loader's own eyes.

    def test_the_loader_believes_no_mark(self):
        good = images.good[NEW, B]
        for image, fault in ((images.good[OLD, B], TOO_OLD), (images.wrong_board, WRONG_BOARD), (images.wrong_key, BAD_SIGNATURE),
                             (images.good[NEW, A], WRONG_SLOT), (good[:9000], BAD_HASH), (good[:250], BAD_SIGNATURE),
                             (b"", NO_HEADER)):
            with self.subTest(fault=fault), new_nvm() as (nvm, folder):
                nvm.place(B, image)
                nvm.remember(State(confirmed=A, trial=B, tries=3, floor=number(NOW), rescue_floor=number(OLD)))
                self.assertEqual(runs(folder), (number(NOW), A, REVERTED))
                self.assertEqual(nvm.state().fault, fault)

    def test_nothing_below_the_rescue_floor(self):
        """The confirmed image is gone, the other is older than the one before it: the board waits, and starts nothing."""
        with new_nvm() as (nvm, folder):
            nvm.place(A, b"")
            nvm.place(B, images.good[OLDEST, B])
            with Tap(folder) as tap, self.assertRaises(AssertionError):
                tap.until("anything to start", lambda: tap.starts, 3)
            self.assertEqual(nvm.state().fault, NO_HEADER)

    # Good images that are not good.

    def given_up(self, image, patience_s, tries=3):
        with new_nvm() as (nvm, folder):
            nvm.place(B, image)
            nvm.remember(State(confirmed=A, trial=B, tries=tries, floor=number(NOW), rescue_floor=number(OLD)))
            with Tap(folder) as tap:
                tap.until("the old image", lambda: tap.info is not None, patience_s)
                self.assertEqual((tap.info.firmware, tap.info.slot, tap.info.state), (number(NOW), A, REVERTED))
            self.assertEqual(nvm.state()[:5], (A, 0, 0, NOT_HEALTHY, B))

    def test_an_image_that_crashes_is_given_up(self):
        self.given_up(images.crashes, PATIENCE_S)

    def test_an_image_that_hangs_is_given_up(self):
        """By the watchdog, which the loader starts."""
        self.given_up(images.hangs, WATCHDOG_S + 40, tries=1)

    def test_an_image_that_meets_no_agent_is_given_up(self):
        """It prints all the while; but who cannot be updated again is not healthy."""
        with new_nvm() as (nvm, folder):
            nvm.place(B, images.good[NEW, B])
            nvm.remember(State(confirmed=A, trial=B, tries=3, floor=number(NOW), rescue_floor=number(OLD)))
            for tries in (2, 1, 0):
                with Tap(folder) as tap:
                    tap.meet = lambda: None
                    tap.until("a HELLO", lambda: tap.starts)
                    end = time.monotonic() + HEALTHY_S * 1.5
                    tap.until("time to pass", lambda: time.monotonic() > end)
                self.assertEqual((nvm.state().trial, nvm.state().tries), (B, tries))
            self.assertEqual(runs(folder), (number(NOW), A, REVERTED))

    def test_a_good_image_is_confirmed(self):
        """And then the other slot takes the next one: from A to B to A."""
        with new_nvm() as (nvm, folder), Tap(folder) as tap:
            tap.tell()
            for slot, version, floor in ((B, NOW, NOW), (A, NEW, NEW)):
                self.assertEqual(tap.update(images.good[version, slot], version=version), (CHECKED, 0))
                tap.until_restarted()
                tap.until("the image to be confirmed", lambda: nvm.state().confirmed == slot)
                self.assertEqual(nvm.state().floor, number(floor))
                self.assertEqual((tap.tell().slot, tap.info.state), (slot, CONFIRMED))


def main():
    global images
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--points", type=int, default=POINTS)
    parser.add_argument("--seed", type=int, default=SEED)
    options, rest = parser.parse_known_args()
    UpdateTest.points, UpdateTest.seed = options.points, options.seed
    print(f"seed {options.seed} (--seed)", flush=True)
    with tempfile.TemporaryDirectory(prefix="tillwire-images-") as folder:
        images = Images(pathlib.Path(folder))
        unittest.main(argv=[sys.argv[0], *rest], verbosity=2)


if __name__ == "__main__":
    main()
