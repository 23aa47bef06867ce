# SPDX-License-Identifier: Apache-2.0
"""A throw-away certificate authority: made with openssl(1) in a folder, gone with it."""

import subprocess

DAYS = "2"
SERVER = "subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n"
CLIENT = "extendedKeyUsage=clientAuth\n"


def _openssl(*arguments):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {' '.join(map(str, arguments))}: {done.stderr}")


class Authority:
    """Issues certificates on P-256 keys; the files are FOLDER/NAME.pem and FOLDER/NAME.key."""

    def __init__(self, folder, name="Tillwire stage"):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.ca = folder / "ca.pem"
        self._key = folder / "ca.key"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", DAYS,
                 "-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE",
                 "-keyout", self._key, "-out", self.ca)

    def server(self, name, extensions=SERVER):
        """A certificate for 127.0.0.1 and localhost. Returns (certificate, key)."""
        return self._issue(name, extensions)

    def client(self, name):
        """A certificate whose common name is `name`. Returns (certificate, key)."""
        return self._issue(name, CLIENT)

    def _issue(self, name, extensions):
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        request, wishes = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        wishes.write_text(extensions)
        _openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                 "-subj", f"/CN={name}", "-keyout", key, "-out", request)
        _openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self._key, "-CAcreateserial",
                 "-days", DAYS, "-extfile", wishes, "-out", certificate)
        return certificate, key
