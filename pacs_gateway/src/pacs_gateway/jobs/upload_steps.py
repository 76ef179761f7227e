"""How one uploaded scan becomes the files that people look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pacs_gateway.storage.study_folder import StudyFolder
from pacs_gateway.storage.uploads import Upload


@dataclass(frozen=True)
class UploadResult:
    """``quality_score``: in [0, 1], or none where nothing could be assessed."""

    lesion_count: int
    total_volume_ml: float
    quality_score: float | None


class SegmentUpload(Protocol):
    """Segments the folder's scan and writes its views, so that a repeat replaces them.

    ``made_at``: the time to write into DICOM objects, the same whenever this is repeated. Raises HunetError; a
    `ServiceError` is tried again later.
    """

    def __call__(self, folder: StudyFolder, upload: Upload, made_at: datetime, /) -> UploadResult: ...
