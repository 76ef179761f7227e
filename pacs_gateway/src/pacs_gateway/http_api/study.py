"""A study as the API shows it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Path
from pydantic import BaseModel, Field

from pacs_gateway.http_api.problem import Problem
from pacs_gateway.jobs.progress_board import ProgressBoard
from pacs_gateway.jobs.states import State
from pacs_gateway.routing.configuration import Priority
from pacs_gateway.storage.study_folder import StudyFolder
from pacs_gateway.storage.uploads import Upload

PREFIX = "/api/v1"

StudyId = Annotated[str, Path(pattern="^[0-9a-f]{32}$", description="The study's id")]


class Progress(BaseModel):
    """Slices that have been segmented, of all that the network is given."""

    step: Literal["segmenting"] = "segmenting"
    done: int
    total: int


class Study(BaseModel):
    """One scan and what became of it. ``links``: paths of the files that are there, by their names."""

    id: str
    source: Literal["upload", "dicom"]
    name: str
    state: State
    priority: Priority
    received_at: datetime
    finished_at: datetime | None
    progress: Progress | None
    lesion_count: int | None
    total_volume_ml: float | None
    quality_score: float | None
    error: Problem | None
    prior: str | None
    links: dict[str, str]


# By its id; raises ProblemError where there is none.
KnownStudy = Callable[[str], Study]


class StudyPage(BaseModel):
    """Newest first. ``next``: give it as ``after`` for those that came before; none at the end."""

    studies: list[Study]
    next: str | None = Field(description="Cursor of the next page")


def study_of_upload(upload: Upload, folder: StudyFolder, progress: ProgressBoard) -> Study:
    """An upload, its files and how far it has come."""
    counts = progress.get(upload.id) if upload.state == "segmenting" else None
    failed = upload.state == "failed"
    return Study(
        id=upload.id,
        source="upload",
        name=upload.name,
        state=upload.state,
        priority=upload.priority,
        received_at=_time(upload.received_at),
        finished_at=None if upload.finished_at is None else _time(upload.finished_at),
        progress=None if counts is None else Progress(done=counts[0], total=counts[1]),
        lesion_count=upload.lesion_count,
        total_volume_ml=upload.total_volume_ml,
        quality_score=upload.quality_score,
        error=Problem(title="The study failed", status=500, detail=upload.what, fix=upload.fix) if failed else None,
        prior=upload.prior,
        links={name: f"{PREFIX}/studies/{upload.id}/{name}" for name in folder.views()},
    )


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
