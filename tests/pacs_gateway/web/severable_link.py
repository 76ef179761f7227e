"""A TCP link between two programs that a test can sever and mend."""

from __future__ import annotations

import contextlib
import socket
import threading


class SeverableLink:
    """Listens on a port of its own and passes everything on to `port` of this machine, until it is severed."""

    def __init__(self, port):
        self.target = ("127.0.0.1", port)
        self.is_severed = False
        self.sockets = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def sever(self):
        """Ends every connection; new ones end as they begin."""
        self.is_severed = True
        sockets, self.sockets = self.sockets, []
        for one in sockets:
            _end(one)

    def mend(self):
        self.is_severed = False

    def close(self):
        self.sever()
        _end(self.listener)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                if self.is_severed:
                    near.close()
                    continue
                far = socket.create_connection(self.target)
                self.sockets += [near, far]
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()


def _pass_on(source, sink):
    with contextlib.suppress(OSError):
        while content := source.recv(65536):
            sink.sendall(content)
    _end(sink)


def _end(one):
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
