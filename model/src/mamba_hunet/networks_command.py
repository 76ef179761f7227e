"""The subcommand `hunet networks`: what can be trained and served, and what it costs."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click
from hunet_client.notice import RESEARCH_USE_ONLY

if TYPE_CHECKING:
    from mamba_hunet.networks.base import SegmentationNetwork
    from mamba_hunet.networks.cost import NetworkCost

# What the served pipeline hands to a network.
SIDE = 256


@click.command(short_help="The networks, their size and their cost.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
def networks(as_json: bool) -> None:
    """List the networks that --model takes, what one slice of 256x256 pixels costs, and the paper each is from.

    GMACs are multiplications with addition, in thousand millions, without the selective scan; updates are the scan's
    steps, in millions; a slice's side in pixels must be a multiple of n, or be the number given.
    """
    import torch

    from mamba_hunet.networks import create_model, list_models
    from mamba_hunet.networks.cost import network_cost

    with torch.device("meta"):
        listed = [(name, create_model(name), network_cost(name, SIDE)) for name in list_models()]
    if as_json:
        entries = [_entry(*row) for row in listed]
        click.echo(json.dumps({"networks": entries, "notice": RESEARCH_USE_ONLY}, indent=1))
    else:
        _print_table(listed)


def _entry(name: str, network: SegmentationNetwork, cost: NetworkCost) -> dict[str, object]:
    sizes = {"stride": network.stride, "slice_size": network.slice_size}
    return {"name": name, **asdict(cost), **sizes, "source": network.source}


def _print_table(listed: list[tuple[str, SegmentationNetwork, NetworkCost]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"Networks; cost of one {SIDE}x{SIDE} slice", caption=RESEARCH_USE_ONLY)
    table.add_column("Name", no_wrap=True)
    for heading in ("Params M", "GMACs", "Updates M", "Side"):
        table.add_column(heading, justify="right")
    table.add_column("Source")
    for name, network, cost in listed:
        table.add_row(
            name,
            f"{cost.parameters / 1e6:.2f}",
            f"{cost.multiply_accumulates / 1e9:.2f}",
            f"{cost.state_updates / 1e6:.0f}" if cost.state_updates else "",
            str(network.slice_size or f"{network.stride}n"),
            network.source,
        )
    Console().print(table)
