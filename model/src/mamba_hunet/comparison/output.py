"""A comparison as a table to read, to paste, and to compute with."""

import csv
import io
from dataclasses import asdict

from hunet_client.notice import RESEARCH_USE_ONLY
from rich import box
from rich.console import Group
from rich.table import Table

from mamba_hunet.comparison.networks import Figure, Level
from mamba_hunet.comparison.statistics import RATER2, Comparison, Difference, Interval

_LEVELS = {Level.VOLUME: "by patient volume", Level.SLICE: "by slice with lesion"}
# Heading and rows of strings.
_Lines = tuple[list[str], list[list[str]]]


def as_document(comparison: Comparison) -> dict[str, object]:
    """Everything, for JSON."""
    return asdict(comparison) | {"meaning": comparison.meaning, "notice": RESEARCH_USE_ONLY}


def as_csv(comparison: Comparison) -> str:
    """One row for each network and figure."""
    heading = ["network", "figure", "patients", "mean", "low", "high"]
    heading += ["baseline", "difference", "difference_low", "difference_high", "better_on_patients", "notice"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heading)
    for network in comparison.networks:
        for figure, mean in network.means.items():
            difference = network.differences.get(figure)
            gain = (
                [difference.interval.mean, difference.interval.low, difference.interval.high, difference.better]
                if difference
                else [None] * 4
            )
            count = len(network.by_patient[figure])
            cells = [network.name, figure, count, mean.mean, mean.low, mean.high, comparison.baseline, *gain]
            writer.writerow([*cells, RESEARCH_USE_ONLY])
    return text.getvalue()


def as_markdown(comparison: Comparison) -> str:
    """Up to three tables with their explanation: means, differences, second rater."""
    parts = [f"{_title(comparison)}.", _markdown(_means(comparison, " "))]
    if len(comparison.networks) > 1:
        parts += [f"{_differences_title(comparison)}:", _markdown(_differences(comparison, " "))]
    if comparison.rater2:
        parts += [f"{_rater2_title(comparison)}:", _markdown(_second_rater(comparison))]
    return "\n\n".join([*parts, comparison.meaning, f"**{RESEARCH_USE_ONLY}**"]) + "\n"


def as_tables(comparison: Comparison) -> Group:
    """The same for a terminal."""
    tables = [_rich(_title(comparison), _means(comparison, "\n"))]
    if len(comparison.networks) > 1:
        tables.append(_rich(_differences_title(comparison), _differences(comparison, "\n")))
    if comparison.rater2:
        tables.append(_rich(_rater2_title(comparison), _second_rater(comparison)))
    return Group(*tables, comparison.meaning, RESEARCH_USE_ONLY)


def _title(comparison: Comparison) -> str:
    cases, patients = comparison.case_count, len(comparison.patients)
    whose = f"{cases} case{'s' if cases > 1 else ''} of {patients} patient{'s' if patients > 1 else ''}"
    return f"{whose}, {_LEVELS[comparison.level]}: mean and 95% interval"


def _differences_title(comparison: Comparison) -> str:
    return f"Difference to {comparison.baseline} on the same patients, and on how many of them it is better"


def _rater2_title(comparison: Comparison) -> str:
    assert comparison.rater2
    return f"Means on the patients with a second rater ({', '.join(comparison.rater2.patients)})"


def _means(comparison: Comparison, gap: str) -> _Lines:
    rows = [
        [network.name, *(_mean(network.means.get(figure.name), figure, gap) for figure in comparison.figures)]
        for network in comparison.networks
    ]
    return _heading(comparison), rows


def _differences(comparison: Comparison, gap: str) -> _Lines:
    rows = [
        [network.name, *(_gain(network.differences.get(figure.name), figure, gap) for figure in comparison.figures)]
        for network in comparison.networks
        if network.differences
    ]
    return _heading(comparison), rows


def _second_rater(comparison: Comparison) -> _Lines:
    assert comparison.rater2
    rows = []
    for who in (RATER2, *(network.name for network in comparison.networks)):
        means = {figure.name: comparison.rater2.means.get(figure.name, {}).get(who) for figure in comparison.figures}
        rows.append([who, *(_number(means[figure.name], figure) for figure in comparison.figures)])
    return _heading(comparison), rows


def _heading(comparison: Comparison) -> list[str]:
    arrows = {True: "↑", False: "↓"}
    return ["network", *(f"{figure.heading} {arrows[figure.higher_is_better]}" for figure in comparison.figures)]


def _mean(interval: Interval | None, figure: Figure, gap: str) -> str:
    if interval is None:
        return ""
    return gap.join(part for part in (_number(interval.mean, figure), _bounds(interval, figure)) if part)


def _gain(difference: Difference | None, figure: Figure, gap: str) -> str:
    if difference is None:
        return ""
    mean, bounds = _number(difference.interval.mean, figure, "+"), _bounds(difference.interval, figure, "+")
    return gap.join(part for part in (mean, bounds, f"{difference.better} of {difference.patients}") if part)


def _bounds(interval: Interval, figure: Figure, sign: str = "") -> str:
    if interval.low is None:
        return ""
    return f"({_number(interval.low, figure, sign)} to {_number(interval.high, figure, sign)})"


def _number(value: float | None, figure: Figure, sign: str = "") -> str:
    if value is None:
        return ""
    # Adding zero takes the sign off a negative zero.
    return f"{round(value, figure.decimals) + 0.0:{sign}.{figure.decimals}f}"


def _markdown(lines: _Lines) -> str:
    heading, rows = lines
    ruler = ["---", *("---:" for _ in heading[1:])]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heading, ruler, *rows))


def _rich(title: str, lines: _Lines) -> Table:
    heading, rows = lines
    table = Table(title=title, box=box.SIMPLE_HEAD)
    for number, name in enumerate(heading):
        table.add_column(name, justify="right" if number else "left", no_wrap=not number)
    for row in rows:
        table.add_row(*row)
    return table
