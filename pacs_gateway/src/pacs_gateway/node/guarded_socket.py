"""The node's side of a connection, with bounds that the protocol library leaves open.

A PDU says its length in four bytes, and a message may have any number of PDUs: both are held to what was agreed.
"""

from __future__ import annotations

import socket
import time

from pynetdicom.transport import AssociationSocket

_CHUNK_BYTES = 65_536
# An association request with 128 presentation contexts and every transfer syntax is about a tenth of this.
MAX_PDU_BYTES = 1_048_576


class GuardedSocket(AssociationSocket):
    max_message_bytes: int
    message_bytes = 0

    def recv(self, nr_bytes: int) -> bytearray:
        """Exactly `nr_bytes`, or fewer where the peer closed. OSError closes the connection."""
        if nr_bytes > MAX_PDU_BYTES:
            raise OSError(f"a PDU of {nr_bytes} bytes is longer than agreed")
        self.message_bytes += nr_bytes
        if self.message_bytes > self.max_message_bytes:
            raise OSError(f"a message is longer than {self.max_message_bytes} bytes")
        assert isinstance(self.socket, socket.socket)
        received = bytearray()
        # The socket's own timeout holds for each read; this one, for a peer that trickles, for the whole PDU.
        timeout_s = self.socket.gettimeout()
        until = None if timeout_s is None else time.monotonic() + timeout_s
        while len(received) < nr_bytes:
            if until is not None and time.monotonic() > until:
                raise TimeoutError("a PDU took too long")
            part = self.socket.recv(min(nr_bytes - len(received), _CHUNK_BYTES))
            if not part:
                break
            received += part
        return received

    def message_ends(self) -> None:
        """A whole message was received: the next one starts from nothing."""
        self.message_bytes = 0
