"""A TCP link between two programs that a test can sever, silence and mend."""

from __future__ import annotations

import contextlib
import socket
import threading


class SeverableLink:
    """Listens on a port of its own and passes everything on to `port` of this machine, until it is severed."""

    def __init__(self, port):
        self.target = ("127.0.0.1", port)
        self.is_severed = False
        self.connections = []
        self.swallowed = None
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def sever(self):
        """Ends every connection; new ones end as they begin."""
        with self.lock:
            self.is_severed = True
            for connection in self.connections:
                connection.end()
            self.connections.clear()

    def fall_silent(self, request):
        """Nothing more comes through where `request` was the last that passed, and no side is told."""
        with self.lock:
            for connection in self.connections:
                connection.is_silent = request in connection.last_request

    def swallow_next(self, request):
        """The connection by which it comes falls silent with it."""
        self.swallowed = request

    def mend(self):
        with self.lock:
            self.is_severed = False

    def close(self):
        self.sever()
        _end(self.listener)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                with self.lock:
                    if self.is_severed:
                        _end(near)
                    else:
                        self._connect(near)

    def _connect(self, near):
        try:
            far = socket.create_connection(self.target)
        except OSError:
            _end(near)
        else:
            self.connections.append(_Connection(self, near, far))


class _Connection:
    def __init__(self, link, near, far):
        self.link = link
        self.sockets = (near, far)
        self.is_silent = False
        self.last_request = b""
        for source, sink in (self.sockets, self.sockets[::-1]):
            threading.Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def end(self):
        for one in self.sockets:
            _end(one)

    def _pass_on(self, source, sink):
        with contextlib.suppress(OSError):
            while content := source.recv(65536):
                if source is self.sockets[0]:
                    self._note(content)
                if not self.is_silent:
                    sink.sendall(content)
        if not self.is_silent:
            self.end()

    def _note(self, request):
        self.last_request = request
        with self.link.lock:
            if self.link.swallowed is not None and self.link.swallowed in request:
                self.is_silent = True
                self.link.swallowed = None


def _end(one):
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
