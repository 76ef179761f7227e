"""`hunet up`, `status`, `down`, `targets`, `canary`. Heavy imports are inside: `hunet --help` reads this module."""

from __future__ import annotations

import json
from pathlib import Path

import click


@click.command(short_help="Start the serving system and its web page on this machine.")
@click.option(
    "--detach",
    "-d",
    is_flag=True,
    help="Return once a real inference has answered; end it with `hunet down`.",
)
@click.option("--models", default="", metavar="A,B", help="Which models to serve.  [default: mamba_hunet]")
@click.option("--any-ports", is_flag=True, help="Take any free ports instead of the usual ones.")
@click.option(
    "--address",
    "addresses",
    multiple=True,
    metavar="NAME=HOST:PORT",
    help="Where a part listens: preprocess, preprocess-metrics, triton-grpc, triton-http, triton-metrics, "
    "gateway-http; with --pacs gateway-dicom, archive-dicom, archive-http.",
)
@click.option("--pacs", is_flag=True, help="With a DICOM node, and an Orthanc that sends it studies, where installed.")
@click.option(
    "--tls",
    "certificates",
    type=click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True),
    help="Folder of `hunet certificates`: Triton and preprocessing then ask their callers for one.",
)
def up(
    detach: bool, models: str, any_ports: bool, addresses: tuple[str, ...], pacs: bool, certificates: Path | None
) -> None:
    """Start Triton, the preprocessing service and the web page on this machine.

    Installs Triton and exports the models where that has not been done, waits until a real inference has
    answered by each, and restarts what dies. Everything serves this machine alone. With --pacs, an MR series that is
    stored in Orthanc is segmented, and its results come back into Orthanc; without Orthanc, studies are sent to the
    node and their results are on the web page. Research use only.
    """
    from hunet_client.home import find_home

    from hunet_local.addresses import choose_addresses, parse_addresses
    from hunet_local.models import check_running_serves, choose_models
    from hunet_local.records import is_running

    wanted = [name.strip() for name in models.split(",") if name.strip()]
    if is_running():
        check_running_serves(wanted)
        click.echo("already running; see `hunet status`, end it with `hunet down`")
        return
    given = parse_addresses(addresses)
    chosen = choose_models(find_home(), wanted)
    if detach:
        from hunet_local.detach import run_detached

        arguments = [f"--models={','.join(chosen)}", *(f"--address={address}" for address in addresses)]
        arguments += ["--any-ports"] * any_ports + ["--pacs"] * pacs
        run_detached([*arguments, *([f"--tls={certificates}"] if certificates else [])], click.echo)
        return
    from hunet_local.stack import Stack

    Stack(chosen, choose_addresses(given, usual=not any_ports), click.echo, pacs=pacs, certificates=certificates).run()


@click.command(short_help="Make certificates for services and their callers.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--days", type=click.IntRange(min=1), default=365, show_default=True, help="For how long they are valid.")
@click.option(
    "--name",
    "names",
    multiple=True,
    default=("localhost", "127.0.0.1", "triton", "preprocess", "gateway"),
    show_default=True,
    help="By what servers are called; may be given several times.",
)
def certificates(folder: Path, days: int, names: tuple[str, ...]) -> None:
    """Make an authority, and a certificate for servers and one for clients, in FOLDER.

    `hunet up --tls FOLDER` serves with them; clients on this machine find them by themselves, others by HUNET_TLS__CA,
    HUNET_TLS__CERTIFICATE and HUNET_TLS__KEY. For one machine and for trying: a hospital has an authority of its own.
    """
    from hunet_local.certificates import make_certificates

    make_certificates(folder, days, names)
    click.echo(f"{folder}: ca.pem, server.pem, client.pem and their keys, valid {days} days")


@click.command(short_help="Ask the running stack whether it answers.")
@click.option("--json", "as_json", is_flag=True, help="Print machine-readable results.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Ask every part of the running stack for real work. Exit code 0 when all answer, 4 when not."""
    from hunet_local.inquiry import inquire

    found = inquire()
    click.echo(json.dumps(found.as_dict(), indent=2) if as_json else found.as_text())
    ctx.exit(0 if found.answers else 4)


@click.command(short_help="Stop the running stack.")
def down() -> None:
    """Stop the running stack and return when nothing of it is left."""
    from hunet_local.inquiry import stop_running

    click.echo(stop_running())


@click.command(short_help="Print where Prometheus finds the running stack.")
def targets() -> None:
    """Print the running stack's metrics endpoints as a file for Prometheus's discovery.

    Put it into deploy/prometheus/targets/ and start Prometheus with deploy/prometheus/prometheus.yml.
    """
    from hunet_client.errors import ServiceUnavailableError
    from hunet_client.stack_state import StackState, stack_state_path

    from hunet_local.scrape_targets import scrape_targets

    state = StackState.read()
    if state is None:
        raise ServiceUnavailableError(str(stack_state_path()), "no stack is running", "Start one with `hunet up`.")
    click.echo(json.dumps(scrape_targets(state), indent=2))


@click.command(short_help="Ask a Triton's models for answers that are known.")
@click.option("--triton-address", required=True, metavar="HOST:PORT", help="Triton's gRPC endpoint.")
@click.option(
    "--repository",
    required=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="The model repository that it serves.",
)
def canary(triton_address: str, repository: Path) -> None:
    """Ask every model of a repository for an answer that is known.

    For health checks: a server that calls itself ready can still be unable to compute. Exit code 0 when all answer
    rightly, 4 when not. With TLS, HUNET_TLS__CA, HUNET_TLS__CERTIFICATE and HUNET_TLS__KEY say how to call.
    """
    import asyncio

    from hunet_client.errors import ServiceUnavailableError
    from hunet_client.settings import client_settings

    from hunet_local.models import VERSION
    from hunet_local.probes import Canary, NotAnsweringError, TritonProbe

    models = sorted(path.name for path in repository.iterdir() if (path / VERSION / "canary.npz").is_file())
    if not models:
        raise ServiceUnavailableError(str(repository), "holds no exported model", "Run `hunet export` first.")
    canaries = {model: Canary.read(repository / model / VERSION) for model in models}
    try:
        asyncio.run(TritonProbe(triton_address, canaries, client_settings().tls).check_ready())
    except NotAnsweringError as exc:
        raise ServiceUnavailableError(triton_address, str(exc), "See Triton's log.") from exc
    click.echo(f"{', '.join(models)}: right")


@click.command("send-study", short_help="Send a study to the stack's archive, wait for its results.")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("out/study"), show_default=True
)
@click.option("--timeout-s", type=click.FloatRange(min=1), default=300.0, show_default=True)
def send_study(folder: Path, output: Path, timeout_s: float) -> None:
    """Store a study's DICOM files in the archive of `hunet up --pacs`, and wait until its results are there.

    The archive forwards the study to the gateway, which has it segmented and sends SEG, SR, outlines and a PDF back.
    Their files and a picture come into the output folder. Research use only.
    """
    from hunet_local.study_round import send_study_round

    send_study_round(folder, output, timeout_s)
