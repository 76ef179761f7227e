"""`hunet pacs`: the gateway's own commands."""

from __future__ import annotations

from pathlib import Path

import click
from hunet_client.notice import RESEARCH_USE_ONLY

_CONFIG = click.option(
    "--config",
    "config_file",
    required=True,
    envvar="HUNET_GATEWAY_CONFIG",
    show_envvar=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The gateway's TOML file: docs/gateway.md.",
)


@click.group(short_help="The PACS gateway: studies in by DICOM, results back.", epilog=RESEARCH_USE_ONLY)
def pacs() -> None:
    """A DICOM node that answers studies with a segmentation and a structured report."""


@pacs.command(epilog=RESEARCH_USE_ONLY)
@_CONFIG
@click.option(
    "--log-level", type=click.Choice(["DEBUG", "INFO", "WARNING", "ERROR"]), default="INFO", show_default=True
)
def serve(config_file: Path, log_level: str) -> None:
    """Run the gateway until Ctrl-C or SIGTERM."""
    from hunet_protocol.tracing import export_traces

    from pacs_gateway import serve as gateway
    from pacs_gateway.jobs.progress_board import ProgressBoard
    from pacs_gateway.log import set_up_logging
    from pacs_gateway.routing.configuration_file import read_configuration
    from pacs_gateway.wiring import processing_steps

    configuration = read_configuration(config_file)
    set_up_logging(log_level)
    export_traces("hunet-gateway")
    progress = ProgressBoard()
    gateway.serve(configuration, processing_steps(configuration, progress), progress)


@pacs.command("check-config")
@click.argument("config_file", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE")
def check_config(config_file: Path) -> None:
    """Say what is wrong in a configuration file, key by key, or that nothing is."""
    from pacs_gateway.routing.configuration_file import read_configuration

    configuration = read_configuration(config_file)
    senders = ", ".join(sender.ae_title for sender in configuration.senders) or "nobody: there is no DICOM node"
    destinations = ", ".join(one.name for one in configuration.destinations) or "nobody: they are on the web page"
    title = configuration.node.ae_title
    click.echo(f"{config_file}: right. {title} takes studies from {senders} and sends results to {destinations}.")


@pacs.command()
@_CONFIG
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")
@click.option("--state", help="Only jobs in this state.")
def jobs(config_file: Path, as_json: bool, state: str | None) -> None:
    """List the studies that came, what became of each, and why."""
    import json

    from pacs_gateway.job_table import job_rows, print_job_table
    from pacs_gateway.routing.configuration_file import read_configuration
    from pacs_gateway.storage.ledgers import Ledgers

    rows = [row for row in job_rows(Ledgers.open(read_configuration(config_file))) if state in (None, row["state"])]
    if as_json:
        click.echo(json.dumps({"research_use_only": RESEARCH_USE_ONLY, "jobs": rows}, indent=2))
    else:
        print_job_table(rows)


@pacs.command()
@_CONFIG
@click.argument("study_uid")
@click.argument("revision", type=click.IntRange(1))
def retry(config_file: Path, study_uid: str, revision: int) -> None:
    """Begin a failed job anew, in the gateway that is running."""
    from hunet_client.errors import UsageError

    from pacs_gateway.routing.configuration_file import read_configuration
    from pacs_gateway.storage.ledgers import Ledgers

    if not Ledgers.open(read_configuration(config_file)).revisions.retry(study_uid, revision):
        what = f"revision {revision} of study {study_uid} is unknown or has not failed"
        raise UsageError("hunet pacs retry", what, "`hunet pacs jobs --state failed` lists what can be retried")
    click.echo(f"revision {revision} of study {study_uid} starts anew")
