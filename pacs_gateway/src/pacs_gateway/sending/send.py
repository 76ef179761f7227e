"""Results to a destination, by whichever protocol it speaks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pacs_gateway.routing.configuration import Destination, DimseDestination
from pacs_gateway.sending.store_scu import store
from pacs_gateway.sending.stow import store_over_http


def send_results(destination: Destination, files: Sequence[Path], our_title: str) -> None:
    """Raises DestinationUnavailableError, DeliveryRejectedError."""
    if isinstance(destination, DimseDestination):
        store(destination, files, our_title)
    else:
        store_over_http(destination, files)
