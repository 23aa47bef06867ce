#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""`tillwire devices` on the real agent: the list, a recording that holds no code, its replay, and the verdicts of a test."""

import contextlib
import http.server
import json
import os
import pathlib
import re
import signal
import socketserver
import stat
import subprocess
import tempfile
import threading
import time

import support
from process import wait_until
from support import EVENTS, on_stage, receipt
from till import Tape

GTIN = "4006381333931"
PAN = "4111111111111111"
TRACKS = "%B4111111111111111^MUSTERMANN/ERIKA^29121010000000000000?;4111111111111111=29121010000000000000?"


@contextlib.contextmanager
def running(stage, *options):
    """`tillwire devices OPTIONS` beside the test; ended with it."""
    process = subprocess.Popen([stage.programs / "tillwire", "devices", "--config", stage.config, *options],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


class DevicesTest(support.StageTest):
    def devices(self, stage, *options):
        return stage.tillwire("devices", *options)

    def scanner_of(self, stage):
        listed = json.loads(self.devices(stage, "--json").stdout)["devices"]
        return next(device for device in listed if device["name"] == "scanner")

    def test_the_list_says_how_they_are(self):
        with on_stage() as stage:
            wait_until("the devices", lambda: self.devices(stage).returncode == 0, 20, [stage.agent])
            done = self.devices(stage)
            self.assertRegex(done.stdout, r"(?m)^printer +tap +tcp +ready ")
            self.assertRegex(done.stdout, r"(?m)^scanner +scanner +serial +ready +never +0 B +0 +0$")
            stage.scanner.scan(GTIN)
            wait_until("the scan", lambda: self.scanner_of(stage)["reads"] == 1, 20, [stage.agent])
            scanner = self.scanner_of(stage)
            self.assertEqual((scanner["bytes"], scanner["last"]), (15, {"characters": 13, "symbology": None}))
            stage.relay.stop()
            wait_until("the loss", lambda: self.devices(stage).returncode == 1, 20, [stage.agent])
            self.assertRegex(self.devices(stage).stdout, r"(?m)^\* printer: .+")
            stage.agent.stop()
            self.assertEqual(self.devices(stage).returncode, 3)

    def record(self, stage, file):
        """Records what is scanned meanwhile, until SIGINT; the program's exit code and what it said."""
        with running(stage, "record", "scanner", str(file)) as recorder:
            wait_until("the recording to begin", lambda: file.exists() and " up" in file.read_text(), 20, [stage.agent])
            for code in (GTIN, "]E0" + GTIN, PAN, TRACKS, "6009200000041016"):
                stage.scan(code)
                time.sleep(0.1)
            stage.scanner.send(PAN[:6].encode())
            time.sleep(1.3)
            stage.scan(PAN[6:])
            time.sleep(0.2)
            stage.scanner.send(bytes(byte | (byte.bit_count() % 2) << 7 for byte in f";{PAN}=2912?".encode()))  # 7E1, read as 8N1
            wait_until("the lines", lambda: file.read_text().count('"') >= 2 * 9, 20, [stage.agent])
            recorder.send_signal(signal.SIGINT)
            recorder.wait(10)
            return recorder.returncode, recorder.stderr.read()

    def test_a_recording_holds_no_code_and_replays(self):
        """P6: neither a card number nor any other code is in it; the scans count as always."""
        with on_stage(Tape([], Tape.own().members)) as stage, tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder) / "scanner.rec"
            code, said = self.record(stage, file)
            self.assertEqual(code, 0, said)
            text = file.read_text()
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
            self.assertRegex(text, r"(?m)^class scanner\ntransport serial\n")
            payload = "".join(re.findall(r"(?m)^\d+ < (.*)$", text))
            self.assertRegex(payload.replace("]E0", ""), r'^["0 \\rn]+$')  # what is left of codes
            self.assertEqual(payload.count("]E0"), 1)
            wait_until("the events", lambda: stage.centre.events(EVENTS + "loyalty.scanned"), 30, [stage.agent])
            again = self.devices(stage, "record", "scanner", str(file), "--seconds", "1")
            self.assertEqual((again.returncode, file.read_text()), (2, text), again.stderr)  # nothing is written over
            done = self.devices(stage, "replay", str(file), "--speed", "0", "--json")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            scans = [scan["code"] for scan in json.loads(done.stdout)["scans"]]
            self.assertEqual(scans[:2], ["0" * 13, "]E0" + "0" * 13])
            self.assertEqual([len(scan) for scan in scans[2:5]], [len(PAN), len(TRACKS), 16])

    def test_who_may_not_be_recorded(self):
        with on_stage() as stage:
            done = self.devices(stage, "record", "printer", "--seconds", "1")
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("only scanners are recorded", done.stderr)
            self.assertIn("no device of this name", self.devices(stage, "record", "nobody", "--seconds", "1").stderr)
            with running(stage, "record", "scanner") as recorder:
                self.assertIn("# Recorded by tillwire", recorder.stdout.readline())
                second = self.devices(stage, "record", "scanner", "--seconds", "1")
                self.assertEqual(second.returncode, 1)
                self.assertIn("being recorded already; press Ctrl-C", second.stderr)
                recorder.send_signal(signal.SIGINT)
                recorder.wait(10)
            self.assertIn("nothing was heard", self.devices(stage, "record", "scanner", "--seconds", "1").stderr)
            with running(stage, "record", "scanner") as recorder:
                self.assertIn("# Recorded by tillwire", recorder.stdout.readline())
                stage.agent.stop()
                recorder.wait(20)
                self.assertEqual(recorder.returncode, 3)
                self.assertIn("went away", recorder.stderr.read())
            silent = self.devices(stage, "record", "scanner", "--seconds", "1")
            self.assertEqual(silent.returncode, 3)

    def test_a_device_is_tested(self):
        with on_stage() as stage:
            wait_until("the devices", lambda: self.devices(stage).returncode == 0, 20, [stage.agent])
            self.verdict(stage, "scanner", lambda: stage.scanner.scan("]E0" + GTIN), 0,
                         r"scanner works: heard 18 bytes, 1 scan of 13 characters, EAN-13\.")
            self.verdict(stage, "scanner", lambda: None, 1, "heard nothing. Check its power", seconds=2)
            self.verdict(stage, "printer", lambda: stage.till.print(receipt("000001")), 0, r"printer works: \d+ bytes of printing")
            stage.till.hang_up()
            self.assertEqual(self.devices(stage, "test", "nobody").returncode, 1)
            stage.relay.stop()
            wait_until("the loss", lambda: self.devices(stage).returncode == 1, 20, [stage.agent])
            self.verdict(stage, "printer", lambda: None, 1, "printer does not work: ")

    def verdict(self, stage, device, act, code, pattern, seconds=20):
        with running(stage, "test", device, "--seconds", str(seconds)) as tester:
            if code == 0:
                self.assertIn("it counts as always", tester.stdout.readline())
            act()
            out, _ = tester.communicate(timeout=60)
        self.assertEqual(tester.returncode, code, out)
        self.assertRegex(out, pattern)
        self.assertNotIn(GTIN, out)


class FakeAgent:
    """A control socket that answers one list of devices, then another, over and over."""

    def __init__(self, folder, first, then):
        answers = iter([first])

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps({"devices": [next(answers, then)]}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def address_string(self):
                return "local"

            def log_message(self, *_):
                pass

        self.path = os.path.join(folder, "control.sock")
        self.server = socketserver.ThreadingUnixStreamServer(self.path, Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class VerdictTest(support.StageTest):
    """What is said of devices that cannot be had here."""

    def ask(self, transport, class_name="scanner", state="ready", why=None, **heard):
        device = {"name": "d", "class": class_name, "transport": transport, "state": "ready", "why": None, "bytes": 7,
                  "reads": 2, "errors": 1, "position": None, "last": {"characters": 3, "symbology": None}}
        with tempfile.TemporaryDirectory() as folder:
            agent = FakeAgent(folder, device, {**device, "state": state, "why": why, **heard})
            done = subprocess.run([support.PROGRAMS / "tillwire", "devices", "test", "d", "--seconds", "5", "--json", "--socket", agent.path],
                                  capture_output=True, text=True, timeout=60)
            agent.close()
        if not done.stdout:
            return done.returncode, done.stderr
        answer = json.loads(done.stdout)
        self.assertEqual(answer["works"], done.returncode == 0)
        return done.returncode, answer["verdict"]

    def test_verdicts(self):
        symbol = {"characters": 20, "symbology": "QR Code"}
        cases = [
            (dict(transport="hidraw", bytes=71, reads=3, last=symbol), 0, "heard 64 bytes, 1 scan of 20 characters, QR Code."),
            (dict(transport="evdev", bytes=71, reads=4, last=symbol), 0, "2 scans, the last of 20 characters"),
            (dict(transport="hidraw", bytes=71), 1, "no complete scan. Set the scanner to HID POS mode."),
            (dict(transport="evdev", bytes=71), 1, "with Enter, and `layout`"),
            (dict(transport="serial", bytes=71, errors=3), 1, "2 were refused as damaged or too long. Check `baud`"),
            (dict(transport="tcp", bytes=71), 1, "Check that `suffix`"),
            (dict(transport="tcp", state="lost", why="it hung up"), 1, "d does not work: it hung up"),
            (dict(transport="serial", class_name="stripe", bytes=71, errors=2), 1, "no pattern of `loyalty.cards` matches the card, or it may"),
            (dict(transport="hidraw", class_name="stripe", bytes=71, errors=2), 1, "always refused. Otherwise try another card."),
            (dict(transport="tcp", class_name="stripe", bytes=71, reads=3, last=symbol), 0, "1 swipe of 20 characters"),
            (dict(transport="directory", class_name="poslog", bytes=71), 0, "heard 64 bytes."),
            (dict(transport="serial", class_name="tap", bytes=71), 1, "alive, but no printing was kept"),
            (dict(transport="serial", class_name="display"), 2, "a display says nothing"),
        ]
        for options, code, words in cases:
            with self.subTest(words):
                got, said = self.ask(**options)
                self.assertEqual(got, code, said)
                self.assertIn(words, said)


def bytes_of(code):
    """How many bytes a code had; JSON shows each that is no UTF-8 as one character."""
    return len(code.replace("\ufffd", "?").encode())


class ReplayTest(support.StageTest):
    def test_every_recording_is_read_as_its_driver_reads_it(self):
        """Through the whole life of a device and the replay transport, what tests/replay expects of the driver alone."""
        recordings = sorted((support.ROOT / "tests/replay/scanner").glob("*.rec"))
        self.assertGreater(len(recordings), 10)
        for file in recordings:
            with self.subTest(file.name):
                done = subprocess.run([support.PROGRAMS / "tillwire", "devices", "replay", file, "--speed", "0", "--json"],
                                      capture_output=True, text=True, timeout=60)
                answer = json.loads(done.stdout)
                lines = [json.loads(line) for line in file.with_suffix(".expect").read_text().splitlines()]
                expected = [(line["at_ms"], len(line["scan"])) for line in lines if "scan" in line]
                self.assertEqual([(scan["at_ms"], bytes_of(scan["code"])) for scan in answer["scans"]], expected)
                self.assertEqual(answer["errors"], lines[-1]["errors"])
                self.assertEqual(done.returncode, 0 if expected and not answer["errors"] else 1)


if __name__ == "__main__":
    support.main()
