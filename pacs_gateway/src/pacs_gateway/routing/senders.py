"""Who may send: calling AE title and address together, or for STOW-RS a token and the address."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from pacs_gateway.routing.configuration import Sender
from pacs_gateway.routing.tokens import read_token


def may_connect(senders: Sequence[Sender], address: str) -> bool:
    """Whether any sender lives at this address."""
    return any(sender.sends_from(address) for sender in senders)


def find_sender(senders: Sequence[Sender], ae_title: str, address: str) -> Sender | None:
    """The sender with this AE title that may send from this address."""
    for sender in senders:
        if sender.ae_title == ae_title.strip() and sender.sends_from(address):
            return sender
    return None


def find_sender_by_token(senders: Sequence[Sender], token: str, address: str) -> Sender | None:
    """The sender at this address whose token this is; compared in constant time."""
    for sender in senders:
        expected = read_token(sender.bearer_token_file)
        same = hmac.compare_digest(expected.encode(), token.encode())
        if expected and same and sender.sends_from(address):
            return sender
    return None
