"""change.json: what became of each lesion since an earlier scan of the same patient. Its schema is versioned."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from hunet_client.notice import RESEARCH_USE_ONLY
from hunet_client.report import Sha256

Change = Literal["new", "grown", "shrunk", "gone", "unchanged", "not_comparable"]
Row = Annotated[tuple[float, float, float, float], Field()]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ChangedLesion(_Part):
    """One lesion of the current scan, or one of the earlier scan that is not found again.

    Lesions that overlap are one focus. It is new without an earlier lesion, gone without a current one; else its
    volumes are compared, all current lesions of the focus with all earlier ones, since lesions merge and split.
    """

    index: int | None = Field(ge=1, description="In the current report; null for a lesion that is gone")
    prior_index: int | None = Field(ge=1, description="The largest earlier lesion of its focus; null for a new one")
    prior_indices: tuple[int, ...] = Field(description="All earlier lesions of its focus")
    change: Change = Field(description="not_comparable: it lies where the other scan shows nothing")
    volume_ml: float | None = Field(description="Its own; null for a lesion that is gone")
    prior_volume_ml: float | None = Field(description="Of all earlier lesions of its focus; null for a new one")
    focus_volume_ml: float = Field(ge=0, description="Of all current lesions of its focus")
    uncertainty_ml: float = Field(ge=0, description="A difference of the focus's volumes up to this is no change")


class ChangeCount(_Part):
    """Lesions of one kind, and their volume: the earlier volume for those that are gone."""

    change: Change
    count: int = Field(ge=0)
    volume_ml: float = Field(ge=0)


class RegistrationQuality(_Part):
    """How well the two scans were laid over each other."""

    correlation: float = Field(ge=-1, le=1, description="Of the two scans' values over the head")
    disagreement_mm: float = Field(ge=0, description="Between registering forth and back: the largest, over the head")
    overlap: float = Field(ge=0, le=1, description="Share of the smaller head that both scans show")
    rotation_deg: float = Field(ge=0)
    translation_mm: float = Field(ge=0, description="Of the head's middle")


class ScanRef(_Part):
    """One of the two scans, as its report names it."""

    file_name: str
    input_sha256: Sha256
    weights_sha256: Sha256
    lesion_count: int = Field(ge=0)
    total_volume_ml: float = Field(ge=0)


class ChangeReport(_Part):
    """Lesions of one FLAIR scan against those of an earlier one. Research use only."""

    schema_version: Literal["1.0"] = "1.0"
    research_use_only: str = RESEARCH_USE_ONLY
    current: ScanRef
    prior: ScanRef
    same_model: bool = Field(description="Whether the same weights marked both; else a difference may be theirs")
    same_settings: bool = Field(
        description="Whether the same threshold and smallest lesion made both masks; else a difference may be theirs"
    )
    method: str
    registration: RegistrationQuality
    current_to_prior_mm: tuple[Row, Row, Row, Row] = Field(
        description="Rigid, rows of a (4, 4) matrix: from the current scan's world coordinates (RAS+) to the earlier's"
    )
    lesions: tuple[ChangedLesion, ...] = Field(description="The current scan's in its report's order, then those gone")
    counts: tuple[ChangeCount, ...] = Field(description="Every kind of change, also with count 0")

    def count(self, change: Change) -> int:
        return next(one.count for one in self.counts if one.change == change)

    def to_json(self) -> str:
        """The report as indented JSON text that ends with a newline."""
        return self.model_dump_json(indent=2) + "\n"
