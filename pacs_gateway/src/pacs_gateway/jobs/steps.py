"""The steps between a complete study and its results, as the jobs see them.

`pacs_gateway.wiring` names the real ones.

Errors: a `hunet_client.errors.ServiceError` is tried again later; every other exception ends the job at once. Their
messages, and `Undecided.reasons`, are shown to operators and kept: they must not hold patient data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from pydicom.dataset import Dataset

from pacs_gateway.jobs.upload_steps import SegmentUpload
from pacs_gateway.routing.configuration import Priority


@dataclass(frozen=True, eq=False)
class SeriesHeaders:
    """One series of a study: a header (without pixels) and a file for each instance, in the same order."""

    series_uid: str
    headers: tuple[Dataset, ...]
    files: tuple[Path, ...]


@dataclass(frozen=True)
class Chosen:
    """The volume to segment: a series, the instances of it that make up the volume, and why it is that one."""

    series_uid: str
    sop_uids: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Undecided:
    """No series, or no single one, can be chosen: a reason for each candidate."""

    reasons: tuple[str, ...]


class SelectSeries(Protocol):
    def __call__(self, series: Sequence[SeriesHeaders], /) -> Chosen | Undecided: ...


class SegmentSeries(Protocol):
    """Gives back a segmentation that only `BuildResults` looks into."""

    def __call__(self, files: Sequence[Path], priority: Priority, /) -> Any: ...


class BuildResults(Protocol):
    """Gives back whole DICOM objects (with file meta information) whose UIDs derive from input and model version.

    `made_at`: the time to write into them, the same whenever the build is repeated.
    """

    def __call__(self, files: Sequence[Path], segmentation: Any, made_at: datetime, /) -> Sequence[Dataset]: ...


class ShowSeries(Protocol):
    """Gives the files of the study's folder by name: those of `storage.study_folder.VIEWS`, and the template.

    `results`, `made_at`: what `BuildResults` made, and of when.
    """

    def __call__(
        self, files: Sequence[Path], segmentation: Any, results: Sequence[Dataset], made_at: datetime, /
    ) -> Mapping[str, bytes]: ...


@dataclass(frozen=True)
class ProcessingSteps:
    """``segment_upload``: the whole way of a scan that came over HTTP."""

    select: SelectSeries
    segment: SegmentSeries
    build: BuildResults
    show: ShowSeries
    segment_upload: SegmentUpload
