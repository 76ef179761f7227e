"""findings.html: the findings on one sheet of paper. One file, no script, nothing fetched; every text is escaped."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from hunet_client.findings.document import LOCATION_NAMES, Findings, Kind, LocatedLesion, SizeBand, Statement

# Rows of the lesion table; more would not leave room for the rest of the sheet.
MOST_ROWS = 10

_KINDS: tuple[tuple[Kind, str], ...] = (
    ("association", "What it goes with"),
    ("differential", "What else looks like it"),
    ("next_step", "Suggested next steps"),
)
_SHORT = {
    "periventricular": "PV",
    "juxtacortical": "JC",
    "infratentorial": "IT",
    "deep_white_matter": "DWM",
}


def findings_page(findings: Findings) -> str:
    """The findings as an HTML document that prints to one page of A4."""
    style = files("hunet_client.findings").joinpath("findings.css").read_text("utf-8")
    return _template().render(
        findings=findings,
        style=Markup(style),
        style_hash=_hash(style),
        rows=findings.lesions[:MOST_ROWS],
        left_out=max(0, findings.lesion_count - MOST_ROWS),
        changes=_changes(findings),
        kinds=[(title, those) for title, those in _by_kind(findings.statements) if those],
        numbers={key: number for number, key in enumerate(findings.references, start=1)},
        location_names=LOCATION_NAMES,
        short=_SHORT,
    )


def _hash(style: str) -> str:
    """What the page's content security policy lets pass: this style and nothing else."""
    return "sha256-" + base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()


@cache
def _template() -> Template:
    environment = Environment(
        loader=PackageLoader("hunet_client.findings", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"ml": _ml, "share": _share, "mm": _mm, "band": _band, "likely": _likely}
    return environment.get_template("findings.html.j2")


def _by_kind(statements: tuple[Statement, ...]) -> list[tuple[str, list[Statement]]]:
    of_kind = {kind: list(those) for kind, those in groupby(sorted(statements, key=_kind), key=_kind)}
    return [(title, of_kind.get(kind, [])) for kind, title in _KINDS]


def _kind(statement: Statement) -> str:
    return statement.kind


def _changes(findings: Findings) -> dict[int, str]:
    """What became of each lesion, by its index; empty without an earlier scan."""
    if findings.change is None:
        return {}
    return {row.index: row.change.replace("_", " ") for row in findings.change.lesions if row.index is not None}


def _ml(volume_ml: float) -> str:
    return f"{volume_ml:.2f}" if volume_ml >= 0.095 else f"{volume_ml:.3f}"


def _share(value: float | None) -> str:
    return "not known" if value is None else f"{value:.2f}"


def _mm(distance_mm: float | None) -> str:
    return "-" if distance_mm is None else f"{distance_mm:.0f}"


def _band(band: SizeBand) -> str:
    if band.below_ml is None:
        return f"{band.at_least_ml:g} ml and more"
    return f"{band.at_least_ml:g} to {band.below_ml:g} ml" if band.at_least_ml else f"under {band.below_ml:g} ml"


def _likely(lesion: LocatedLesion) -> list[tuple[str, Any]]:
    """The regions that are at least 5 % probable, most probable first."""
    if lesion.probabilities is None:
        return []
    shares = lesion.probabilities.model_dump().items()
    return sorted(((name, share) for name, share in shares if share >= 0.05), key=lambda one: -one[1])
