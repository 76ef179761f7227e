"""What Prometheus needs to know of a running stack, for its file-based discovery."""

from __future__ import annotations

from typing import Any

from hunet_client.stack_state import StackState


def scrape_targets(state: StackState) -> list[dict[str, Any]]:
    """One group for each part: addresses, and the job that alerts and dashboards call it by."""
    addresses = {
        "triton": state.triton_metrics_address,
        "preprocess": state.preprocess_metrics_address,
        "gateway": state.gateway_http_address,
    }
    # Triton's metrics know no TLS, and the local page has none.
    scheme = preprocess_scheme(state)
    schemes = {} if scheme == "http" else {"preprocess": {"__scheme__": scheme}}
    return [{"targets": [address], "labels": {"job": job} | schemes.get(job, {})} for job, address in addresses.items()]


def preprocess_scheme(state: StackState) -> str:
    """How the preprocessing service's metrics are asked for."""
    return "http" if state.certificates is None else "https"
