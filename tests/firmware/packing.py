#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/firmware/pack: what it makes it can read again, and what is wrong it says in one line.

Needs openssl and nothing of a build.
"""

import contextlib
import importlib.machinery
import importlib.util
import io
import pathlib
import stat
import tempfile
import unittest

PACK = pathlib.Path(__file__).resolve().parents[2] / "tools/firmware/pack"
_loader = importlib.machinery.SourceFileLoader("pack", str(PACK))
pack = importlib.util.module_from_spec(importlib.util.spec_from_loader("pack", _loader))
_loader.exec_module(pack)


class PackTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tillwire-pack-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.key = self.make_key("key.pem")
        (self.folder / "body").write_bytes(bytes(range(256)) * 9)

    def run_pack(self, *arguments):
        """(exit code, stdout, stderr); names of files are those in the test's folder."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = pack.main([str(argument) for argument in arguments])
            except SystemExit as end:
                code = end.code
        return code, out.getvalue(), err.getvalue()

    def make_key(self, name):
        self.assertEqual(self.run_pack("key", "--out", self.folder / name)[0], 0)
        return self.folder / name

    def image(self, name, slot, version="1.2.3", board="stm32f405", body="body", key=None):
        path = self.folder / name
        outcome = self.run_pack("image", "--key", key or self.key, "--board", board, "--slot", slot, "--version", version,
                                "--body", self.folder / body, "--out", path)
        return path, outcome

    def assert_refused(self, outcome, *words):
        code, _, text = outcome
        self.assertEqual(code, 1)
        self.assertTrue(text.startswith("pack: ") and text.count("\n") == 1, text)
        for word in words:
            self.assertIn(word, text)

    def test_what_is_made_is_read_again(self):
        a, b = self.image("a", "A")[0], self.image("b", "B")[0]
        update = self.folder / "tap.twtap"
        self.assertEqual(self.run_pack("update", "--out", update, b, a)[0], 0)
        code, text, _ = self.run_pack("show", "--key", self.key, update)
        self.assertEqual((code, text.count("stm32f405"), text.count("version 1.2.3"), text.count(", signed with this key")), (0, 2, 2, 2))
        other = self.make_key("other.pem")
        self.assertIn("NOT signed", self.run_pack("show", "--key", other, a)[1])

    def test_the_format_is_the_one_written_down(self):
        """include/tillwire/tap_image.h, by its numbers."""
        data = self.image("a", "B", version="1.2.3")[0].read_bytes()
        self.assertEqual(data[:24].hex(), "5457544150000100" "01000000" "03020100" "02000000" + (256 + 2304).to_bytes(4, "little").hex())
        self.assertEqual(data[56:192], bytes(136))
        self.assertEqual(data[256:], (self.folder / "body").read_bytes())

    def test_a_key_is_private_and_never_overwritten(self):
        self.assertEqual(stat.S_IMODE(self.key.stat().st_mode), 0o600)
        before = self.key.read_bytes()
        self.assert_refused(self.run_pack("key", "--out", self.key), "is there already")
        self.assertEqual(self.key.read_bytes(), before)

    def test_signatures_of_any_length(self):
        """DER drops leading zeros and adds one before a high bit; r and s here have 32 bytes always."""
        for r, s in ((1, 2), (0x80, 0x7f), (1 << 255, 1), ((1 << 256) - 1, 1 << 200)):
            raw = r.to_bytes(32, "big") + s.to_bytes(32, "big")
            self.assertEqual(pack.der_integers(pack.der_signature(raw)), [r, s])

    def test_what_is_wrong_is_said(self):
        a, b = self.image("a", "A")[0], self.image("b", "B")[0]
        newer = self.image("newer", "B", version="1.2.4")[0]
        out = self.folder / "out"
        self.assert_refused(self.run_pack("update", "--out", out, a), "slot A and one for slot B")
        self.assert_refused(self.run_pack("update", "--out", out, a, newer), "one version")
        self.assert_refused(self.run_pack("show", self.folder / "body"), "is no image")
        self.assert_refused(self.run_pack("show", self.folder / "nothing"), "No such file")
        (self.folder / "cut").write_bytes(a.read_bytes()[:900])
        self.assert_refused(self.run_pack("show", self.folder / "cut"), "900 bytes")
        damaged = bytearray(b.read_bytes())
        damaged[1000] ^= 1
        (self.folder / "damaged").write_bytes(damaged)
        self.assert_refused(self.run_pack("update", "--out", out, a, self.folder / "damaged"), "damaged")
        self.assert_refused(self.image("x", "A", key=self.folder / "body")[1], "reading the key", "pack key makes one")
        (self.folder / "big").write_bytes(bytes(65536))
        self.assert_refused(self.image("x", "A", body="big")[1], "65536 bytes")
        self.assertFalse(out.exists())

    def test_usage(self):
        self.assertEqual(self.run_pack("--help")[0], 0)
        self.assertEqual(self.run_pack()[0], 2)
        self.assertEqual(self.image("x", "C")[1][0], 2)
        self.assertEqual(self.image("x", "A", version="1.2")[1][0], 2)
        self.assertFalse((self.folder / "x").exists())


if __name__ == "__main__":
    unittest.main()
