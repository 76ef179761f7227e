"""Where the services are that segment."""

from __future__ import annotations

from typing import Any

from hunet_client import ClientSettings

from pacs_gateway.routing.configuration import Processing


def client_settings(processing: Processing) -> ClientSettings:
    """As configured, or else as the client finds them by itself (environment, `hunet up`)."""
    addresses: dict[str, Any] = {
        "preprocess_address": processing.preprocess_address,
        "triton_address": processing.triton_address,
    }
    found = {name: address for name, address in addresses.items() if address is not None}
    if processing.tls is not None:
        found["tls"] = processing.tls.model_dump()
    return ClientSettings(**found)
