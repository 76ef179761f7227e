"""The subcommand `hunet compare`: networks side by side, from what `hunet evaluate` has written."""

from __future__ import annotations

import json
from pathlib import Path

import click
from rich.console import Console

_file = click.Path(path_type=Path, dir_okay=False)


@click.command(short_help="Compare networks that were evaluated on the same cases.")
@click.argument("tables", metavar="[LABEL=]CSV...", nargs=-1, required=True)
@click.option(
    "--level",
    type=click.Choice(["volume", "slice"]),
    default="volume",
    show_default=True,
    help="Voxel figures of whole volumes, or their means over slices with lesion.",
)
@click.option("--baseline", help="Network that differences refer to.  [default: mamba_hunet, else the first]")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the bootstrap.")
@click.option("--plot", "plot_file", type=_file, help="Draw means, intervals and patients into a PNG.")
@click.option("--csv", "csv_file", type=_file, help="Write means, intervals and differences.")
@click.option("--markdown", "markdown_file", type=_file, help="Write the tables as Markdown.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def compare(
    tables: tuple[str, ...],
    level: str,
    baseline: str | None,
    seed: int,
    plot_file: Path | None,
    csv_file: Path | None,
    markdown_file: Path | None,
    as_json: bool,
) -> None:
    """Compare networks by what `hunet evaluate --csv` has written, each patient counting once.

    Tables of one network, such as the folds of a cross-validation, are put together; LABEL= gives a table's network
    another name. All networks must have been evaluated on the same cases, none of a patient they were trained on.
    """
    from mamba_hunet.comparison import Level, compare_networks, group_networks
    from mamba_hunet.comparison.output import as_csv, as_document, as_markdown, as_tables
    from mamba_hunet.evaluation_csv import read_rows
    from mamba_hunet.result_file import write_result

    labelled = [_label_and_path(table) for table in tables]
    networks = group_networks((label, read_rows(path)) for label, path in labelled)
    comparison = compare_networks(networks, Level(level), baseline, seed)
    if plot_file:
        from mamba_hunet.comparison.plot import comparison_plot

        write_result(plot_file, comparison_plot(comparison))
    if csv_file:
        write_result(csv_file, as_csv(comparison).encode())
    if markdown_file:
        write_result(markdown_file, as_markdown(comparison).encode())
    if as_json:
        click.echo(json.dumps(as_document(comparison), indent=1))
    else:
        Console().print(as_tables(comparison))


def _label_and_path(table: str) -> tuple[str | None, Path]:
    label, equals, path = table.partition("=")
    # A path may hold an equals sign itself.
    if equals and label and path and not Path(table).exists():
        return label, Path(path)
    return None, Path(table)
