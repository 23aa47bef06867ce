#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""P2, P4, P7 when one side lost a part of its past: a centre with an empty or an older database, a
terminal whose disk was set back or is new. What can still arrive does, once; what cannot is told."""

import shutil
import sqlite3
import unittest

from uplink_stage import Feed, Stage, wait_until


class Lives(unittest.TestCase):
    def drain(self, feed, limit_s=20):
        wait_until("the journal is empty", lambda: feed.status()["queued"] == 0, limit_s)

    def begin(self, stage, count):
        stage.start_broker()
        stage.start_central("-q")
        feed = Feed(stage)
        feed.add(count)
        self.drain(feed)
        return feed

    @staticmethod
    def forget(stage, copy=None):
        """The centre stops and comes back with `copy` for a database, or none."""
        stage.kill(stage.central)
        for file in stage.dir.glob("central.db*"):
            file.unlink()
        if copy is not None:
            shutil.copy(copy, stage.database)
        stage.start_central()

    @staticmethod
    def remove_journal(stage):
        """The journal, not the key beside it."""
        for ending in ("", "-wal", "-shm"):
            (stage.dir / f"journal-07.db{ending}").unlink(missing_ok=True)

    def assert_report(self, stage, distinct, gaps):
        report, code = stage.report()
        self.assertEqual((report["distinct"], report["gaps"], report["chain_ok"]), (distinct, gaps, True))
        self.assertEqual(code, 1 if gaps else 0)

    def test_centre_without_a_past_goes_on(self):
        with Stage() as stage:
            feed = self.begin(stage, 300)
            self.forget(stage)
            feed.add(50)
            self.drain(feed)
            self.assert_report(stage, 50, 300)
            self.assertIn("has removed all up to 300", stage.text("central.err"))
            self.assertEqual(stage.text("central.err").count("ALARM"), 1)
            feed.quit()

    def test_centre_without_a_past_goes_on_with_a_terminal_that_starts_anew(self):
        with Stage() as stage:
            self.begin(stage, 30).quit()  # a kill could take acknowledgements along, and all would come again
            self.forget(stage)
            feed = Feed(stage)
            feed.add(5)
            self.drain(feed)
            self.assert_report(stage, 5, 30)
            feed.quit()

    def test_centre_with_an_older_database_goes_on(self):
        with Stage() as stage:
            feed = self.begin(stage, 100)
            backup = stage.dir / "backup.db"
            with sqlite3.connect(stage.database) as source, sqlite3.connect(backup) as target:
                source.backup(target)
            feed.add(40)
            self.drain(feed)
            self.forget(stage, backup)
            feed.add(10)
            self.drain(feed)
            self.assert_report(stage, 110, 40)
            feed.quit()

    def set_back(self, more):
        """A terminal's disk is set back by 60 events and goes on with `more` of its own."""
        with Stage() as stage:
            feed = self.begin(stage, 40)
            feed.quit()
            copy = stage.dir / "image.db"
            shutil.copy(stage.dir / "journal-07.db", copy)
            feed = Feed(stage)
            feed.add(60)
            self.drain(feed)
            feed.quit()
            self.remove_journal(stage)
            shutil.copy(copy, stage.dir / "journal-07.db")
            stage.kill(stage.broker)
            feed = Feed(stage)
            feed.add(more)
            stage.start_broker()
            self.drain(feed, 40)
            self.assertEqual(stage.report()[0]["distinct"], 100 + more)
            feed.quit()

    def test_p4_disk_set_back_behind_the_centre(self):
        self.set_back(20)

    def test_p4_disk_set_back_and_gone_on_beyond_the_centre(self):
        self.set_back(200)

    def test_p4_new_disk(self):
        with Stage() as stage:
            self.begin(stage, 40).kill()
            self.remove_journal(stage)
            feed = Feed(stage)
            feed.add(20)
            self.drain(feed)
            self.assert_report(stage, 60, 0)
            feed.quit()


if __name__ == "__main__":
    if shutil.which("mosquitto", path="/usr/sbin:/usr/bin") is None:
        raise SystemExit(77)
    unittest.main(verbosity=2)
