"""A load's figures as a document, as Markdown and as a picture."""

from __future__ import annotations

from pathlib import Path

from hunet_client.notice import RESEARCH_USE_ONLY
from pydantic import BaseModel

from hunet_load.figures import LoadFigures
from hunet_load.processes import Growth


class OfferedLoad(BaseModel):
    """``share``: of the saturation."""

    share: float
    figures: LoadFigures


class LoadReport(BaseModel):
    """load.json. Rates are scans a second."""

    research_use_only: str = RESEARCH_USE_ONLY
    begun_at: str
    command: str
    machine: str
    model: str
    slices: tuple[int, ...]
    urgent_share: float
    deadline_s: float
    saturation_per_s: float
    loads: tuple[OfferedLoad, ...]
    growth: tuple[Growth, ...] = ()


_LOAD_HEADER = (
    "| offered | scans/s | sent | answered | refused | late | failed | goodput /s | p50 s | p95 s | p99 s | "
    "urgent p95 s | routine p95 s | refusal p95 s |"
)
_GROWTH_HEADER = "| process | MiB | MiB per 1,000 requests | threads | descriptors |"


def markdown(report: LoadReport) -> str:
    """The report for people."""
    lines = [
        f"# Load, {report.begun_at}",
        "",
        f"{report.research_use_only} `{report.command}`, {report.machine}.",
        "",
        f"Scans of {', '.join(map(str, report.slices))} slices in turn by chance, {report.urgent_share:.0%} urgent, "
        f"deadline {report.deadline_s:g} s, {report.model}. Saturation: **{report.saturation_per_s:.2f} scans/s**.",
        "",
        _LOAD_HEADER,
        _rule(_LOAD_HEADER),
        *(_load_row(load) for load in report.loads),
    ]
    if report.growth:
        lines += ["", _GROWTH_HEADER, _rule(_GROWTH_HEADER), *map(_growth_row, report.growth)]
    return "\n".join(lines) + "\n"


def plot(report: LoadReport, path: Path) -> None:
    """Goodput and refusals against what was offered, and how long answers took. Writes a PNG."""
    from matplotlib.figure import Figure

    loads = sorted(report.loads, key=lambda load: load.figures.offered_per_s)
    offered = [load.figures.offered_per_s for load in loads]
    figure = Figure(figsize=(9, 4), layout="constrained")
    rates, latencies = figure.subplots(1, 2)
    rates.plot(offered, [load.figures.goodput_per_s for load in loads], marker="o", label="goodput")
    refused = [load.figures.offered_per_s * load.figures.refused / max(load.figures.requests, 1) for load in loads]
    rates.plot(offered, refused, marker="s", label="refused")
    rates.axline((0, 0), slope=1, color="0.8", linestyle="--", label="offered")
    rates.axhline(report.saturation_per_s, color="0.5", linestyle=":", label="saturation")
    rates.set(xlabel="offered, scans/s", ylabel="scans/s", ylim=(0, None))
    for percent in (50, 95, 99):
        values = [getattr(load.figures, f"latency_p{percent}_s") for load in loads]
        latencies.plot(offered, values, marker="o", label=f"p{percent}")
    latencies.axhline(report.deadline_s, color="0.5", linestyle=":", label="deadline")
    latencies.set(xlabel="offered, scans/s", ylabel="seconds until answered", yscale="log")
    for axes in (rates, latencies):
        axes.legend(frameon=False)
    figure.suptitle(f"{report.model}. {report.research_use_only}", fontsize="small")
    figure.savefig(path, dpi=120)


def _load_row(load: OfferedLoad) -> str:
    figures = load.figures
    counts = (figures.requests, figures.answered, figures.refused, figures.late, figures.failed)
    seconds = (
        figures.latency_p50_s, figures.latency_p95_s, figures.latency_p99_s,
        figures.urgent_p95_s, figures.routine_p95_s, figures.refusal_p95_s,
    )  # fmt: skip
    cells = [
        f"{load.share:.0%}",
        f"{figures.offered_per_s:.2f}",
        *map(str, counts),
        f"{figures.goodput_per_s:.2f}",
        *("" if value is None else f"{value:.2f}" for value in seconds),
    ]
    return f"| {' | '.join(cells)} |"


def _growth_row(growth: Growth) -> str:
    threads = f"{growth.threads_first} to {growth.threads_last}"
    descriptors = f"{growth.descriptors_first} to {growth.descriptors_last}"
    memory = f"{growth.resident_mib:.0f} | {growth.resident_mib_per_1000_requests:+.2f}"
    return f"| {growth.process} | {memory} | {threads} | {descriptors} |"


def _rule(header: str) -> str:
    return "|" + "---|" * (header.count("|") - 1)
