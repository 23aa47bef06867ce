# SPDX-License-Identifier: Apache-2.0
"""A real Mosquitto (TLS 1.3, client certificates, an access list per terminal), the real centre and
uplink_feed (journal and uplink alone), for the tests uplink_*.py."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools/sim"))
from process import free_port, wait_until  # noqa: E402
BUILD = pathlib.Path(os.environ.get("TILLWIRE_PROGRAMS", ROOT / "build"))


class Feed:
    """uplink_feed as an object; members objects that come in between are kept."""

    def __init__(self, stage, terminal="07", ack="central", cert=None, key=None, ca=None, url=None, journal=None,
                 **options):
        pki = stage.pki
        cert = cert or pki / f"acme-0042-{terminal}.pem"
        key = key or pki / f"acme-0042-{terminal}.key"
        self.members = []
        stage.feeds.append(self)
        self.errors = (stage.dir / f"feed-{terminal}.err").open("a+b")
        self.process = subprocess.Popen(
            [BUILD / "tests/uplink_feed", journal or stage.dir / f"journal-{terminal}.db",
             url or f"mqtts://localhost:{stage.port}", ca or pki / "ca.pem", cert, key, ack, "acme", "0042", terminal,
             *(f"{name}={value}" for name, value in options.items())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)

    def ask(self, line, key):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        while True:
            answer = self.process.stdout.readline()
            assert answer, "uplink_feed ended"
            answer = json.loads(answer)
            if key in answer:
                return answer
            self.members.append(answer)

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def add(self, count, size=600):
        return self.ask(f"add {count} {size}", "added")["added"]

    def status(self):
        return self.ask("status", "queued")

    def quit(self):
        stopped = self.ask("quit", "stopped_ms")["stopped_ms"]
        assert self.process.wait(20) == 0, f"uplink_feed left {self.process.returncode}"
        self.close()
        return stopped

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.close()

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.errors.close()


class Stage:
    def __init__(self, terminals=("07",), inflight=100, broker_lines=()):
        self.temp = tempfile.TemporaryDirectory(prefix="tillwire-uplink-")
        self.dir = pathlib.Path(self.temp.name)
        self.pki = self.dir / "pki"
        self.host = "127.0.0.1"
        self.port = free_port()
        self.database = self.dir / "central.db"
        self.broker = self.central = None
        self.feeds = []
        self.central_options = []
        names = [f"acme-0042-{terminal}" for terminal in terminals]
        subprocess.run(["sh", ROOT / "tests/fakes/testca.sh", self.pki, *names], check=True)
        self._write_broker(terminals, inflight, broker_lines)

    def _write_broker(self, terminals, inflight, broker_lines):
        acl = ["user central", "topic readwrite tillwire/v1/acme/#"]
        for terminal in terminals:
            own = f"tillwire/v1/acme/0042/{terminal}"
            acl += [f"user acme-0042-{terminal}"]
            acl += [f"topic write {own}/{rest}" for rest in ("evt/#", "state", "req/#")]
            acl += [f"topic read {own}/{rest}" for rest in ("ack", "reject", "rsp/#", "cmd/#")]
            acl += ["topic read tillwire/v1/acme/0042/members"]
        (self.dir / "acl").write_text("\n".join(acl) + "\n")
        (self.dir / "broker.conf").write_text(
            f"listener {self.port} 127.0.0.1\ncafile {self.pki}/ca.pem\ncertfile {self.pki}/broker.pem\n"
            f"keyfile {self.pki}/broker.key\nrequire_certificate true\nuse_identity_as_username true\n"
            f"tls_version tlsv1.3\nallow_anonymous false\nacl_file {self.dir}/acl\npersistence false\n"
            f"max_inflight_messages {inflight}\nmax_queued_messages 0\n"
            + ("user root\n" if os.geteuid() == 0 else "") + "".join(f"{line}\n" for line in broker_lines))

    def issue(self, name, begins, ends):
        """Makes a pair of a terminal NAME, valid from and to these seconds since 1970."""
        def date(seconds):
            return time.strftime("%Y%m%d%H%M%SZ", time.gmtime(seconds))
        work = self.dir / "issue"
        work.mkdir(exist_ok=True)
        (work / "index").write_text("")
        (work / "serial").write_text(f"{time.time_ns():x}0"[:16] + "\n")
        (work / "ca.conf").write_text(
            f"[ca]\ndefault_ca=it\n[it]\ndatabase={work}/index\nserial={work}/serial\nnew_certs_dir={work}\n"
            f"certificate={self.pki}/ca.pem\nprivate_key={self.pki}/ca.key\ndefault_md=sha256\npolicy=any\n"
            "x509_extensions=client\n[any]\ncommonName=supplied\n[client]\nextendedKeyUsage=clientAuth\n")
        subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                        f"/CN={name}", "-keyout", work / "new.key", "-out", work / "new.csr"], check=True,
                       stderr=subprocess.DEVNULL)
        subprocess.run(["openssl", "ca", "-batch", "-notext", "-config", work / "ca.conf", "-in", work / "new.csr", "-out",
                        work / "new.pem", "-startdate", date(begins), "-enddate", date(ends)], check=True,
                       stderr=subprocess.DEVNULL)
        return work / "new.pem", work / "new.key"

    def install(self, name, pem=None, key=None):
        """Puts files in the places of NAME's, each at once."""
        for file, suffix in ((pem, "pem"), (key, "key")):
            if file is not None:
                fresh = self.pki / f"fresh.{suffix}"
                fresh.write_bytes(pathlib.Path(file).read_bytes())
                fresh.replace(self.pki / f"{name}.{suffix}")

    def start_broker(self):
        log = (self.dir / "broker.log").open("ab")
        self.broker = subprocess.Popen(["/usr/sbin/mosquitto", "-c", self.dir / "broker.conf"], stdout=log, stderr=log)
        log.close()
        wait_until("the broker listens", self._listens)

    def _listens(self):
        with socket.socket() as probe:
            return probe.connect_ex((self.host, self.port)) == 0

    def start_central(self, *options):
        self.central_options = list(options) or self.central_options
        out = (self.dir / "central.out").open("ab")
        err = (self.dir / "central.err").open("ab")
        self.central = subprocess.Popen(
            [BUILD / "tillwire-central", "--url", f"mqtts://localhost:{self.port}", "--ca", self.pki / "ca.pem",
             "--cert", self.pki / "central.pem", "--key", self.pki / "central.key", "--tenant", "acme",
             "--database", self.database, "--schemas", ROOT / "include/contract/schema", *self.central_options],
            stdout=out, stderr=err)
        out.close()
        err.close()

    def text(self, name):
        path = self.dir / name
        return path.read_text(errors="replace") if path.exists() else ""

    def report(self):
        done = subprocess.run([BUILD / "tillwire-central", "--report", "--json", "--database", self.database],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return (json.loads(done.stdout) if done.stdout else {"distinct": 0}), done.returncode

    @staticmethod
    def kill(process):
        process.send_signal(signal.SIGKILL)
        process.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            for name in ("broker.log", "central.err", "feed-07.err"):
                print(f"--- {name}\n{self.text(name)[-2000:]}")
        for feed in self.feeds:
            if feed.process.poll() is None:
                feed.kill()
        for process in (self.central, self.broker):
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait(10)
        self.temp.cleanup()
