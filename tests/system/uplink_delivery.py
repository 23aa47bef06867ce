#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""P2, P3, P4 between a real journal and a real centre: everything arrives once, in order and chained,
whatever is killed on the way; and what the uplink says about a broker that will not have it."""

import json
import pathlib
import random
import shutil
import socket
import time
import unittest

from uplink_stage import Feed, Stage, wait_until

SEED = 20261122


class Delivery(unittest.TestCase):
    def assert_whole(self, stage, count):
        report, code = stage.report()
        self.assertEqual(report["distinct"], count)
        self.assertEqual((report["gaps"], report["rejected"], report["unreadable"]), (0, 0, 0))
        self.assertTrue(report["chain_ok"])
        self.assertEqual(code, 0)

    def drain(self, stage, feed, count, limit_s=60):
        wait_until("the journal is empty", lambda: feed.status()["queued"] == 0, limit_s)
        self.assert_whole(stage, count)

    def test_p2_delivered_means_committed_at_the_centre(self):
        with Stage() as stage:
            stage.start_broker()
            stage.start_central("--json")
            feed = Feed(stage)
            feed.add(500)
            self.drain(stage, feed, 500)
            status = feed.status()
            self.assertEqual((status["connected"], status["why"], status["open"]), (True, "", 0))
            self.assertEqual(status["acknowledged"], 500)
            self.assertLess(feed.quit(), 1500)
            stage.central.terminate()
            self.assertEqual(stage.central.wait(10), 0)
            lines = [json.loads(line) for line in stage.text("central.out").splitlines()]
            self.assertEqual([line["sequence"] for line in lines], list(range(1, 501)))
            self.assertEqual(lines[0]["data"]["device"], "printer")

    def test_centre_away_holds_and_says_so(self):
        with Stage() as stage:
            stage.start_broker()
            feed = Feed(stage)
            feed.add(300)
            wait_until("the alarm", lambda: "nobody at the broker" in feed.status()["why"])
            time.sleep(1)
            self.assertEqual(feed.status()["queued"], 300)
            self.assertLessEqual(feed.status()["published"], 110)  # held, not spun
            stage.start_central("-q")
            self.drain(stage, feed, 300, 20)
            self.assertEqual(feed.status()["why"], "")
            feed.quit()

    def test_broker_mode_takes_the_brokers_word(self):
        with Stage() as stage:
            stage.start_broker()
            stage.start_central("-q")
            wait_until("the centre listens", lambda: "listening" in stage.text("central.err"))
            feed = Feed(stage, ack="broker")
            feed.add(500)
            wait_until("the journal is empty", lambda: feed.status()["queued"] == 0)
            wait_until("all are at the centre", lambda: stage.report()[0]["distinct"] == 500)
            self.assert_whole(stage, 500)
            feed.quit()

    def chaos(self, kill):
        rng = random.Random(SEED)
        with Stage() as stage:
            stage.start_broker()
            stage.start_central("-q")
            feed = Feed(stage)
            total = 0
            for _ in range(3):
                total = feed.add(1500)
                time.sleep(rng.uniform(0.05, 0.4))
                feed = kill(stage, feed)
            # two more after the last kill: a sequence that goes on
            feed.tell("add 2 600")
            self.drain(stage, feed, total + 2, 90)
            feed.quit()

    def test_p3_broker_killed(self):
        def kill(stage, feed):
            stage.kill(stage.broker)
            stage.start_broker()
            return feed
        self.chaos(kill)

    def test_p3_centre_killed(self):
        def kill(stage, feed):
            stage.kill(stage.central)
            stage.start_central()
            return feed
        self.chaos(kill)

    def test_p3_agent_killed(self):
        totals = []
        rng = random.Random(SEED + 1)
        with Stage() as stage:
            stage.start_broker()
            stage.start_central("-q")
            for _ in range(3):
                feed = Feed(stage)
                totals.append(feed.add(1000))
                time.sleep(rng.uniform(0.05, 0.4))
                feed.kill()
            feed = Feed(stage)
            self.drain(stage, feed, sum(totals))
            feed.quit()

    def test_p7_reject_goes_to_the_dead_letters_and_the_rest_goes_on(self):
        with Stage() as stage:
            stage.start_broker()
            feed = Feed(stage)
            feed.add(10)
            feed.tell("bad")
            feed.add(10)
            stage.start_central("-q")
            wait_until("the journal is empty", lambda: feed.status()["queued"] == 0)
            status = feed.status()
            self.assertEqual((status["dead"], status["rejected"]), (1, 1))
            report, code = stage.report()
            self.assertEqual((report["rejected"], report["gaps"], code), (1, 0, 1))
            self.assertEqual(report["events"]["io.tillwire.capture.unparsed"], 20)
            self.assertTrue(report["chain_ok"])
            self.assertIn("rejected /acme/0042/07", stage.text("central.err"))
            feed.quit()


class WayDown(unittest.TestCase):
    def test_members_pages_and_changes(self):
        with Stage() as stage:
            stage.start_broker()
            key = stage.dir / "pseudonym.key"
            key.write_text("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n")
            key.chmod(0o600)
            members = [{"card": f"600920{n:07d}", "scheme": "club", "tier": "gold", "points": n} for n in range(2000)]
            file = stage.dir / "members.json"
            file.write_text(json.dumps({"store": "0042", "members": members}))
            stage.start_central("-q", "--members", file, "--pseudonym-key", key)
            wait_until("the centre listens", lambda: "listening" in stage.text("central.err"))
            feed = Feed(stage)

            def pages(version):
                feed.status()
                return [page for page in feed.members if page["version"] == version and
                        (page["members"] or page["gone"])]
            wait_until("all pages", lambda: len({m["pseudonym"] for p in pages(1) for m in p["members"]}) == 2000)
            first = pages(1)
            self.assertGreater(first[0]["pages"], 1)
            self.assertEqual({page["base"] for page in first}, {0})
            self.assertLessEqual(max(len(json.dumps(page)) for page in first), 70000)

            members[0]["points"] = 77
            file.write_text("\n".join(json.dumps({"store": "0042", **m}) for m in members[:-1]))
            stage.central.send_signal(1)
            wait_until("the change", lambda: pages(2))
            change = pages(2)[0]
            self.assertEqual((change["base"], change["pages"]), (1, 1))
            self.assertEqual([m["points"] for m in change["members"]], [77])
            self.assertEqual(len(change["gone"]), 1)

            feed.members.clear()
            feed.tell("members 1")
            wait_until("the answer", lambda: pages(2))
            self.assertEqual(pages(2)[0]["base"], 1)
            feed.quit()


class Refusals(unittest.TestCase):
    def assert_why(self, feed, words):
        wait_until(f"why says: {words}", lambda: words in feed.status()["why"], 15)
        self.assertFalse(feed.status()["connected"])

    def test_sentences_name_cause_and_remedy(self):
        with Stage(("07", "08")) as stage, Stage(("07",)) as stranger:
            feed = Feed(stage)
            self.assert_why(feed, "nothing listens there")
            feed.quit()
            stage.start_broker()
            feed = Feed(stage, ca=stranger.pki / "ca.pem")
            self.assert_why(feed, "not signed by the CA in")
            feed.quit()
            feed = Feed(stage, cert=stranger.pki / "acme-0042-07.pem", key=stranger.pki / "acme-0042-07.key")
            self.assert_why(feed, "acme-0042-07.pem")
            feed.quit()
            feed = Feed(stage, key=stage.pki / "central.key")
            self.assert_why(feed, "does not belong to the certificate")
            feed.quit()
            feed = Feed(stage, cert=stage.pki / "acme-0042-08.pem", key=stage.pki / "acme-0042-08.key")
            feed.add(3)  # a terminal in another's place
            wait_until("the refusal", lambda: "access list" in feed.status()["why"], 15)
            self.assertEqual(feed.status()["queued"], 3)
            feed.quit()

    def test_host_name_mismatch(self):
        with Stage() as stage:
            conf = stage.dir / "broker.conf"
            conf.write_text(conf.read_text().replace("127.0.0.1", "127.0.0.9", 1))
            stage.host = "127.0.0.9"
            stage.start_broker()
            feed = Feed(stage, url=f"mqtts://127.0.0.9:{stage.port}")
            self.assert_why(feed, "for another host name")
            feed.quit()

    def test_files_that_cannot_be_used_are_named_at_start(self):
        with Stage() as stage:
            for which in ("ca", "cert", "key"):
                for path in (stage.dir / "missing.pem", stage.dir / "broker.conf"):
                    feed = Feed(stage, **{which: path})
                    self.assertEqual(feed.process.wait(10), 1)
                    feed.close()
                    error = stage.text("feed-07.err").splitlines()[-1]
                    self.assertIn(f"uplink.{which}", error)
                    self.assertIn(str(path), error)

    def test_stop_is_quick_when_the_broker_is_silent(self):
        with Stage() as stage, socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(8)
            feed = Feed(stage, url=f"mqtts://127.0.0.1:{silent.getsockname()[1]}")
            time.sleep(0.5)
            self.assertLess(feed.quit(), 1500)

    def test_stop_is_quick_when_nothing_answers(self):
        with Stage() as stage, socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            crowd = [socket.socket() for _ in range(4)]  # fills the backlog: further SYNs are dropped
            for one in crowd:
                one.setblocking(False)
                one.connect_ex(full.getsockname())
            feed = Feed(stage, url=f"mqtts://127.0.0.1:{full.getsockname()[1]}")
            time.sleep(0.5)
            self.assertLess(feed.quit(), 1500)
            for one in crowd:
                one.close()

    def test_a_peer_without_tls_is_left(self):
        with Stage() as stage, socket.socket() as rude:
            rude.bind(("127.0.0.1", 0))
            rude.listen(8)
            rude.settimeout(5)
            feed = Feed(stage, url=f"mqtts://127.0.0.1:{rude.getsockname()[1]}")
            for _ in range(2):  # the try, then the connection: closed in the middle of the handshake
                rude.accept()[0].close()
            self.assert_why(feed, "closed the connection before it answered")
            feed.quit()


class Idle(unittest.TestCase):
    @staticmethod
    def switches(pid):
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            if (task / "comm").read_text().strip() == "uplink":
                for line in (task / "status").read_text().splitlines():
                    if line.startswith("voluntary_ctxt_switches"):
                        return int(line.split()[1])
        raise AssertionError("no uplink thread")

    def test_no_wake_ups_while_nothing_happens(self):
        with Stage() as stage:
            stage.start_broker()
            stage.start_central("-q")
            feed = Feed(stage)
            feed.add(5)
            wait_until("the journal is empty", lambda: feed.status()["queued"] == 0)
            time.sleep(0.5)
            before = self.switches(feed.process.pid)
            time.sleep(4)
            self.assertLessEqual(self.switches(feed.process.pid) - before, 2)
            feed.quit()


if __name__ == "__main__":
    if shutil.which("mosquitto", path="/usr/sbin:/usr/bin") is None:
        raise SystemExit(77)
    unittest.main(verbosity=2)
