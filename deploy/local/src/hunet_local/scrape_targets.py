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
    groups: list[dict[str, Any]] = [
        {"targets": [address], "labels": {"job": job}} for job, address in addresses.items()
    ]
    if state.certificates is not None:
        # Triton's metrics know no TLS, and the local page has none.
        groups[1]["labels"]["__scheme__"] = "https"
    return groups
