# SPDX-License-Identifier: Apache-2.0
"""A small SOCKS5 proxy (RFC 1928, RFC 1929) on a free port of loopback, for tests: it notes whom it was asked
for, and can want a password, refuse with a reply code, or answer as no proxy does."""

import select
import socket
import threading


class Socks5:
    def __init__(self, user=None, password=None, reply=0, names=None, method=None, greeting=5):
        self.user, self.password, self.reply, self.method, self.greeting = user, password, reply, method, greeting
        self.names = names or {}  # what a host name stands for
        self.asked = []           # (host, port) of each request
        self.signed_in = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    @staticmethod
    def _read(sock, count):
        data = b""
        while len(data) < count:
            more = sock.recv(count - len(data))
            if not more:
                raise OSError("closed")
            data += more
        return data

    def _sign_in(self, client):
        _, count = self._read(client, 2)
        offered = self._read(client, count)
        method = 2 if self.user is not None else 0
        if self.method is not None:
            method = self.method
        elif method not in offered:
            method = 0xff
        client.sendall(bytes((self.greeting, method)))
        if method != 2:
            return method == 0 and self.greeting == 5
        _, length = self._read(client, 2)
        user = self._read(client, length).decode()
        password = self._read(client, self._read(client, 1)[0]).decode()
        self.signed_in.append((user, password))
        fine = (user, password) == (self.user, self.password)
        client.sendall(bytes((1, 0 if fine else 1)))
        return fine

    def _target(self, client):
        _, _, _, kind = self._read(client, 4)
        if kind == 1:
            host = socket.inet_ntop(socket.AF_INET, self._read(client, 4))
        elif kind == 4:
            host = socket.inet_ntop(socket.AF_INET6, self._read(client, 16))
        else:
            host = self._read(client, self._read(client, 1)[0]).decode()
        return host, int.from_bytes(self._read(client, 2), "big")

    def _serve(self, client):
        try:
            with client:
                if not self._sign_in(client):
                    return
                host, port = self._target(client)
                self.asked.append((host, port))
                client.sendall(bytes((5, self.reply, 0, 1, 127, 0, 0, 1)) + port.to_bytes(2, "big"))
                if self.reply == 0:
                    with socket.create_connection((self.names.get(host, host), port)) as server:
                        self._pump(client, server)
        except OSError:
            pass

    @staticmethod
    def _pump(a, b):
        while True:
            for ready in select.select([a, b], [], [])[0]:
                data = ready.recv(65536)
                if not data:
                    return
                (b if ready is a else a).sendall(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
