"""Where the services are that segment."""

from __future__ import annotations

from typing import Any

from hunet_client import ClientSettings

from pacs_gateway.routing.configuration import Processing


def client_settings(processing: Processing) -> ClientSettings:
    """The configured addresses, or else those that the client finds by itself (environment, `hunet up`)."""
    addresses: dict[str, Any] = {
        "preprocess_address": processing.preprocess_address,
        "triton_address": processing.triton_address,
    }
    return ClientSettings(**{name: address for name, address in addresses.items() if address is not None})
