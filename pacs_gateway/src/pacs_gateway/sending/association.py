"""Associations with a destination, opened by us."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

from pacs_gateway.routing.configuration import DimseDestination
from pacs_gateway.routing.tls import client_context
from pacs_gateway.sending.errors import DeliveryRejectedError, DestinationUnavailableError, NothingAcceptedError

_ACCEPTED, _REJECTED_PERMANENT = 0, 1


@contextmanager
def associate(
    destination: DimseDestination,
    our_title: str,
    contexts: Sequence[PresentationContext],
    **options: Any,
) -> Iterator[Association]:
    """An established association, released at the end. `options` are those of pynetdicom's `AE.associate`.

    Raises DestinationUnavailableError, DeliveryRejectedError.
    """
    entity = AE(ae_title=our_title)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = destination.timeout_s
    entity.connection_timeout = destination.timeout_s
    if destination.tls is not None:
        options["tls_args"] = (_tls(destination), destination.host)
    association = entity.associate(
        destination.host, destination.port, list(contexts), ae_title=destination.ae_title, **options
    )
    try:
        if association.is_rejected:
            _raise_rejected(destination, association)
        if _accepted_nothing(association):
            what = f"{destination.ae_title} takes none of the object types that it was offered"
            raise NothingAcceptedError(destination.name, what, "Leave them out of destinations.outputs")
        if not association.is_established:
            what = f"no association with {destination.ae_title} at {destination.host}:{destination.port}"
            raise DestinationUnavailableError(destination.name, what, "Start it, or correct its address")
        yield association
        association.release()
    finally:
        if association.is_established:
            association.abort()


def _tls(destination: DimseDestination) -> ssl.SSLContext:
    assert destination.tls is not None
    try:
        return client_context(destination.tls)
    except OSError as error:
        what = f"its TLS files cannot be used: {error.strerror}"
        raise DeliveryRejectedError(destination.name, what, "Correct destinations.tls") from error


def _accepted_nothing(association: Association) -> bool:
    """The peer accepted the association without a single presentation context; the library has ended it then."""
    answer = association.acceptor.primitive
    return not association.is_established and answer is not None and answer.result == _ACCEPTED


def _raise_rejected(destination: DimseDestination, association: Association) -> None:
    """PS3.8 table 9-21: the peer says itself whether it is for good."""
    answer = association.acceptor.primitive
    if answer is not None and answer.result == _REJECTED_PERMANENT:
        what = f"{destination.ae_title} rejects our association for good ({answer.reason_str})"
        raise DeliveryRejectedError(destination.name, what, "Make our AE title known there, and theirs here")
    what = f"{destination.ae_title} rejects our association for now"
    raise DestinationUnavailableError(destination.name, what, "Look at its load")
