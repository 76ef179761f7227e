"""From a revision's instances to the one volume that is segmented."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from hunet_client.errors import InputError
from pydicom import dcmread
from pydicom.dataset import Dataset

from pacs_gateway.jobs.steps import Chosen, SelectSeries, SeriesHeaders
from pacs_gateway.routing.configuration import CountedSeries
from pacs_gateway.storage.instances import Instance, InstanceLedger


class NothingToSegmentError(InputError):
    """The study holds no series that counts: an ordinary end."""


class SeriesUndecidedError(InputError):
    """The selector found none, or several."""


@dataclass(frozen=True)
class Selection:
    """`input_digest`: SHA-256 over the chosen instances and their pixels."""

    series_uid: str
    sop_uids: tuple[str, ...]
    why: str
    input_digest: str


def select_series(
    study_uid: str, number: int, ledger: InstanceLedger, root: Path, counted: CountedSeries, select: SelectSeries
) -> Selection:
    """Raises NothingToSegmentError, SeriesUndecidedError, InputError where files are no longer kept."""
    instances = ledger.of_revision(study_uid, number)
    if not all(kept for _, kept in instances):
        raise InputError(study_uid, "earlier slices of the study are no longer kept", "Send the whole study again")
    by_series = {
        series_uid: [instance for instance, _ in group]
        for series_uid, group in groupby(instances, key=lambda entry: entry[0].series_uid)
    }
    series = [_headers(series_uid, group, root) for series_uid, group in by_series.items()]
    candidates = [one for one in series if _counts(one, counted)]
    if not candidates:
        raise NothingToSegmentError(study_uid, f"none of its {len(series)} series counts")
    choice = select(candidates)
    if not isinstance(choice, Chosen):
        raise SeriesUndecidedError(study_uid, "; ".join(choice.reasons), "Send only the series to segment")
    chosen = [one for one in by_series[choice.series_uid] if one.sop_uid in choice.sop_uids]
    return Selection(choice.series_uid, choice.sop_uids, choice.why, _digest(chosen))


def selected_files(study_uid: str, number: int, selection: Selection, ledger: InstanceLedger, root: Path) -> list[Path]:
    """The files of the chosen instances, whichever revision they came with."""
    instances = ledger.of_revision(study_uid, number)
    return [root / instance.path for instance, _ in instances if instance.sop_uid in selection.sop_uids]


def _headers(series_uid: str, instances: Sequence[Instance], root: Path) -> SeriesHeaders:
    files = tuple(root / instance.path for instance in instances)
    return SeriesHeaders(series_uid, tuple(dcmread(file, stop_before_pixels=True) for file in files), files)


def _counts(series: SeriesHeaders, counted: CountedSeries) -> bool:
    first: Dataset = series.headers[0]
    description = str(first.get("SeriesDescription", ""))
    return (
        first.get("Modality") in counted.modalities
        and len(series.headers) >= counted.min_instances
        and not any(re.search(pattern, description, re.IGNORECASE) for pattern in counted.exclude_descriptions)
    )


def _digest(instances: Sequence[Instance]) -> str:
    lines = sorted(f"{instance.sop_uid} {instance.content_digest}" for instance in instances)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
