#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The ELF that would be flashed passes bytes: a till and a printer that talk at once, and an agent that keeps up.

P5: both hear every byte of the other, unchanged. P7: the copy is complete, in order, and nothing of it was given up.
Usage: pass.py [--bytes N] [--seed N]
"""

import pathlib
import random
import select
import socket
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

import support  # noqa: E402
from qemu import Board  # noqa: E402
from tap_link import Agent  # noqa: E402

BYTES, SEED = 1 << 20, 1
PATIENCE_S = 280         # wall clock, for a test that hangs; no outcome depends on it
AHEAD_BYTES = 12 * 1024  # of the agent; QEMU's lines are as fast as the host, and the copy is to be complete
PIECE_BYTES = 4096


def send_some(end, data):
    """As many bytes as QEMU takes now. It stops as a whole when nobody reads from it: whoever talks must not wait."""
    try:
        return end.send(data, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return 0


class Talk:
    """One direction: what is said, and what of it was heard."""

    def __init__(self, said):
        self.said = said
        self.sent = 0
        self.heard = bytearray()

    def send(self, end, most):
        piece = self.said[self.sent:self.sent + min(PIECE_BYTES, most)]
        if piece:
            self.sent += send_some(end, piece)

    def is_over(self):
        return len(self.heard) >= len(self.said)


class PassTest(support.StageTest):
    def test_stm32f405(self):
        self.pass_both_ways("netduinoplus2")

    def test_mps2(self):
        self.pass_both_ways("mps2-an386")

    def pass_both_ways(self, machine):
        chance = random.Random(SEED)
        with Board(machine, seed=SEED) as board:
            # What the agent has to say waits until QEMU takes it: nobody here waits for anybody.
            words = bytearray()
            agent = Agent(words.extend)
            out, back = Talk(chance.randbytes(BYTES)), Talk(chance.randbytes(BYTES))
            start = time.monotonic()
            while not (out.is_over() and back.is_over() and agent.at >= BYTES):
                self.assertLess(time.monotonic() - start, PATIENCE_S,
                                f"{len(out.heard)} and {len(back.heard)} bytes passed, {agent.at} copied")
                self.turn(board, agent, words, out, back)
            seconds = time.monotonic() - start
            self.assertEqual(bytes(out.heard), out.said, "the paper differs from what was printed")
            self.assertEqual(bytes(back.heard), back.said, "the till heard something else than the printer said")
            self.assertEqual((agent.lost, agent.damaged, agent.hellos), ([], 0, 1))
            agent.account(out.said)
            print(f"{machine}: {BYTES} bytes each way at once and {len(agent.taken)} frames of the copy in {seconds:.1f} s")

    @staticmethod
    def turn(board, agent, words, out, back):
        writers = [board.agent] if words else []
        room = agent.at + AHEAD_BYTES - out.sent if agent.streams else 0
        writers += [board.till] if room > 0 and out.sent < BYTES else []
        writers += [board.printer] if agent.streams and back.sent < BYTES else []
        readable, writable, _ = select.select([board.till, board.printer, board.agent], writers, [], 0.1)
        if board.agent in writable:
            del words[:send_some(board.agent, words)]
        if board.till in writable:
            out.send(board.till, room)
        if board.printer in writable:
            back.send(board.printer, PIECE_BYTES)
        if board.printer in readable:
            out.heard += board.printer.recv(65536)
        if board.till in readable:
            back.heard += board.till.recv(65536)
        if board.agent in readable:
            agent.hear(board.agent.recv(65536))
            if agent.at == BYTES:
                agent.acknowledge()


if __name__ == "__main__":
    BYTES, SEED = support.numbers(bytes=BYTES, seed=SEED)
    support.main()
