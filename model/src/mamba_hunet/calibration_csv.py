"""Reliability as CSV, one row a case and bin: `hunet evaluate` writes it, `hunet calibration` reads it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hunet_client.errors import InputError
from hunet_client.notice import RESEARCH_USE_ONLY

from mamba_hunet.metrics.calibration import ReliabilityBin, reliability

if TYPE_CHECKING:
    from mamba_hunet.evaluation import Evaluation
    from mamba_hunet.evaluation_csv import EvaluatedNetwork


@dataclass(frozen=True)
class CaseReliability:
    """A case's bins, lowest first, and by which weights of which network they were made."""

    network: str
    checkpoint_sha256: str
    source: str
    case: str
    patient: str
    bins: list[ReliabilityBin]


_NAMES = ("network", "checkpoint_sha256", "source", "case", "patient")


def case_reliability(network: EvaluatedNetwork, evaluation: Evaluation) -> CaseReliability:
    """Bins one evaluated case."""
    result = evaluation.result
    bins = reliability(evaluation.segmentation.probability, evaluation.truth)
    return CaseReliability(network.network, network.checkpoint_sha256, result.source, result.case, result.patient, bins)


def reliability_as_csv(cases: Iterable[CaseReliability]) -> str:
    """The table as text, with a heading; at least one case."""
    rows = [
        {name: getattr(case, name) for name in _NAMES} | asdict(each) | {"notice": RESEARCH_USE_ONLY}
        for case in cases
        for each in case.bins
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def read_reliability(path: Path) -> list[CaseReliability]:
    """Reads what `reliability_as_csv` has made.

    Raises:
        InputError: no such file, or not a table of `hunet evaluate --calibration`.
    """
    fix = "Give a table of `hunet evaluate --calibration`"
    cases: dict[tuple[str, str, str, str, str], list[ReliabilityBin]] = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                network, digest, source, case, patient = (row[name] for name in _NAMES)
                numbers = (float(row[name]) for name in ("low", "high", "mean_probability", "lesion_share"))
                low, high, said, share = numbers
                bins = cases.setdefault((network, digest, source, case, patient), [])
                bins.append(ReliabilityBin(low, high, int(row["voxels"]), said, share))
    except OSError as exc:
        raise InputError(str(path), f"cannot be read: {exc.strerror}", fix) from exc
    except KeyError as exc:
        raise InputError(str(path), f"has no column {exc}", fix) from exc
    except (ValueError, TypeError, csv.Error) as exc:
        raise InputError(str(path), f"is not a table of reliability: {exc}", fix) from exc
    if not cases:
        raise InputError(str(path), "holds no case", fix)
    return [CaseReliability(*key, bins) for key, bins in cases.items()]
