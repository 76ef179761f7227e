"""Evaluated cases as CSV, one row a case, with what made it: `hunet evaluate` writes it, `hunet compare` reads it."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from hunet_client.errors import InputError
from hunet_client.notice import RESEARCH_USE_ONLY

if TYPE_CHECKING:
    from mamba_hunet.evaluation import CaseResult


class SeenInTraining(StrEnum):
    """Whether weights were trained on scans of the patient whom they are judged by."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class EvaluatedNetwork:
    """What made the results: the same for every row of an evaluation.

    Attributes:
        network: a name that `create_model` takes.
        checkpoint, checkpoint_sha256: the weights.
        precision: that the network computed in.
        threshold: lesion probability from which a voxel counts.
        command: as it was called.
    """

    network: str
    checkpoint: str
    checkpoint_sha256: str
    precision: str
    threshold: float
    command: str


@dataclass(frozen=True)
class CaseRow:
    """One row as it was read.

    Attributes:
        file: the CSV it is from.
        figures: by the names of `CaseResult.figures`; none where a figure is not defined.
    """

    file: Path
    network: str
    source: str
    case: str
    patient: str
    seen_in_training: SeenInTraining
    figures: dict[str, float | None]

    @property
    def name(self) -> str:
        return f"{self.source}/{self.case}"


_WHO = ("source", "case", "patient", "seen_in_training")
_NOTICE = "notice"


def rows_as_csv(network: EvaluatedNetwork, results: Sequence[CaseResult], trained_on: set[str] | None) -> str:
    """The table as text, with a heading.

    Args:
        network: what made the results.
        results: at least one.
        trained_on: patients that the weights were trained on, or none when that is not known.
    """
    rows = []
    for result in results:
        seen = SeenInTraining.UNKNOWN
        if trained_on is not None:
            seen = SeenInTraining.YES if result.patient in trained_on else SeenInTraining.NO
        who = zip(_WHO, (result.source, result.case, result.patient, seen), strict=True)
        rows.append(asdict(network) | dict(who) | result.figures() | {_NOTICE: RESEARCH_USE_ONLY})
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def read_rows(path: Path) -> list[CaseRow]:
    """Reads what `rows_as_csv` has made.

    Raises:
        InputError: no such file, or not a table of `hunet evaluate`.
    """
    fix = "Give a table of `hunet evaluate --csv`"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [_row(path, row) for row in csv.DictReader(file)]
    except OSError as exc:
        raise InputError(str(path), f"cannot be read: {exc.strerror}", fix) from exc
    except KeyError as exc:
        raise InputError(str(path), f"has no column {exc}", fix) from exc
    except (ValueError, csv.Error) as exc:
        raise InputError(str(path), f"is not a table of results: {exc}", fix) from exc
    if not rows:
        raise InputError(str(path), "holds no case", fix)
    return rows


def _row(path: Path, row: dict[str, str]) -> CaseRow:
    # Where a line has more or fewer cells than the heading, csv gives None as a name or as a value.
    if None in row or None in row.values():
        raise ValueError("a line has not as many cells as the heading")
    seen = SeenInTraining(row["seen_in_training"])
    around = {*_WHO, *EvaluatedNetwork.__dataclass_fields__, _NOTICE}
    figures = {name: float(value) if value else None for name, value in row.items() if name not in around}
    return CaseRow(path, row["network"], row["source"], row["case"], row["patient"], seen, figures)
