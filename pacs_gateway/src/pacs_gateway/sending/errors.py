"""How a delivery can fail: for now, or for good."""

from __future__ import annotations

from hunet_client.errors import HunetError, ServiceError


class DestinationUnavailableError(ServiceError):
    """Nobody answers, or the destination has no room now: tried again later."""


class DeliveryRejectedError(HunetError):
    """The destination does not want it, and will not want it later: the delivery ends."""


class NothingAcceptedError(DeliveryRejectedError):
    """The destination takes none of the SOP classes that it was offered."""
