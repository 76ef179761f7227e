"""`hunet load`. Heavy imports are inside: `hunet --help` reads this module."""

from __future__ import annotations

from pathlib import Path

import click
from hunet_client.notice import RESEARCH_USE_ONLY

_SHARE = click.FloatRange(min=0.01, max=10.0)
_SECONDS = click.FloatRange(min=0.1)


@click.command(short_help="Load the running system: saturation, overload, soak.", epilog=RESEARCH_USE_ONLY)
@click.argument("scan", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("out/load"), show_default=True
)
@click.option(
    "--slices",
    "sizes",
    multiple=True,
    type=click.IntRange(min=1),
    default=(8, 20, 35),
    show_default=True,
    help="Sizes of the scans that are cut out of SCAN's middle; may be given several times.",
)
@click.option(
    "--share",
    "shares",
    multiple=True,
    type=_SHARE,
    default=(0.8, 1.2, 2.0),
    show_default=True,
    help="Offered loads, as shares of the saturation; may be given several times.",
)
@click.option(
    "--duration-s", type=_SECONDS, default=300.0, show_default=True, help="For how long each load is offered."
)
@click.option(
    "--probe-s", type=_SECONDS, default=20.0, show_default=True, help="For how long each number of callers is tried."
)
@click.option(
    "--deadline-s",
    type=_SECONDS,
    default=30.0,
    show_default=True,
    help="A request is given up this long after it was due.",
)
@click.option(
    "--urgent",
    "urgent_share",
    type=click.FloatRange(0, 1),
    default=0.2,
    show_default=True,
    help="Share of urgent requests.",
)
@click.option("--model", default="mamba_hunet", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Of the arrivals.")
@click.option(
    "--soak-min",
    type=click.FloatRange(min=0.1),
    help="Instead: 70% of the saturation for so long, and what the local stack's processes hold.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_context
def load(
    ctx: click.Context, scan: Path, output: Path, as_json: bool, soak_min: float | None, **options: object
) -> None:
    """Load the running serving system with scans cut out of SCAN, a NIfTI file.

    First the saturation is found: more callers at once, until more of them bring nothing. Then requests arrive by
    chance (a Poisson process), whether or not earlier ones have been answered, at shares of it. Latencies count from
    when a request was due. Writes load.json, load.md and load.png.

    \b
    hunet load flair.nii.gz                       0.8, 1.2 and 2 times the saturation, 5 minutes each
    hunet load flair.nii.gz --share 1.5 --duration-s 60
    hunet load flair.nii.gz --soak-min 30         exit code 1 when a process grows over 1 MiB per 1,000 requests
    """
    import anyio
    from hunet_client.errors import ServiceUnavailableError
    from hunet_client.output_files import prepare_folder
    from hunet_client.stack_state import StackState, stack_state_path
    from rich.console import Console
    from rich.progress import Progress

    from hunet_load.report import markdown, plot
    from hunet_load.run import Plan, run
    from hunet_load.scans import cut_scans
    from hunet_load.soak import grows

    sizes = options.pop("sizes")
    assert isinstance(sizes, tuple)
    plan = Plan(scans=cut_scans(scan, sizes), soak_s=None if soak_min is None else 60 * soak_min, **options)  # type: ignore[arg-type]
    state = StackState.read()
    if plan.soak_s is not None and state is None:
        fix = "Start one with `hunet up`: a soak looks at its processes."
        raise ServiceUnavailableError(str(stack_state_path()), "no stack is running", fix)
    prepare_folder(output)
    with Progress(console=Console(stderr=True)) as progress:
        report = anyio.run(run, plan, progress, state.pid if state else None)
    (output / "load.json").write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    (output / "load.md").write_text(markdown(report), encoding="utf-8")
    plot(report, output / "load.png")
    click.echo(report.model_dump_json(indent=2) if as_json else markdown(report))
    if grown := grows(report.growth):
        click.echo(f"error: {', '.join(one.process for one in grown)}: resident memory grows", err=True)
        ctx.exit(1)
