"""findings.json: what was found in one scan, where, and what that may mean. Its schema is versioned.

Like the report it holds no time: the same scan, mask and software give the same findings, byte for byte.
"""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from hunet_client.findings.change_document import ChangeReport
from hunet_client.notice import RESEARCH_USE_ONLY
from hunet_client.report import QualityFlag

Region = Literal["periventricular", "juxtacortical", "infratentorial", "deep_white_matter"]
Location = Literal["periventricular", "juxtacortical", "infratentorial", "deep_white_matter", "undetermined"]
Label = Literal["No lesion found", "Lesions found"]
Kind = Literal["association", "differential", "next_step"]

# How regions are called in print.
LOCATION_NAMES: dict[Location, str] = {
    "periventricular": "periventricular",
    "juxtacortical": "juxtacortical",
    "infratentorial": "infratentorial",
    "deep_white_matter": "deep white matter",
    "undetermined": "undetermined",
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class LocationProbabilities(_Part):
    """They sum to 1."""

    periventricular: float = Field(ge=0, le=1)
    juxtacortical: float = Field(ge=0, le=1)
    infratentorial: float = Field(ge=0, le=1)
    deep_white_matter: float = Field(ge=0, le=1)

    @classmethod
    def rounded(cls, infratentorial: float, periventricular: float, juxtacortical: float) -> LocationProbabilities:
        """Deep white matter is the rest; three decimals are more than the method has."""
        shares = [round(share, 3) for share in (infratentorial, periventricular, juxtacortical)]
        return cls(
            infratentorial=shares[0],
            periventricular=shares[1],
            juxtacortical=shares[2],
            deep_white_matter=round(max(0.0, 1.0 - sum(shares)), 3),
        )

    def most_probable(self) -> tuple[Region, float]:
        regions: tuple[Region, ...] = get_args(Region)
        region = max(regions, key=lambda name: float(getattr(self, name)))
        return region, getattr(self, region)


class LocatedLesion(_Part):
    """One lesion of the report, by its `index`, and where it lies."""

    index: int = Field(ge=1)
    volume_ml: float = Field(gt=0)
    confidence: float = Field(ge=0, le=1, description="That of the report")
    location: Location = Field(description="undetermined where no region reaches a probability of 0.6")
    probability: float | None = Field(ge=0, le=1, description="Of the most probable region; null where none was told")
    probabilities: LocationProbabilities | None = Field(description="Null where the regions could not be told")
    ventricle_mm: float | None = Field(description="From its nearest voxel to the ventricles; null where not seen")
    surface_mm: float | None = Field(description="From its nearest voxel to fluid at the brain's surface")
    hindbrain_depth_mm: float | None = Field(description="Mean depth in brain stem and cerebellum; negative outside")


class LocationSum(_Part):
    """The lesions of one region together."""

    location: Location
    count: int = Field(ge=0)
    volume_ml: float = Field(ge=0)


class SizeBand(_Part):
    """The lesions from `at_least_ml` up to `below_ml`."""

    at_least_ml: float = Field(ge=0)
    below_ml: float | None = Field(description="Null for the last band")
    count: int = Field(ge=0)
    volume_ml: float = Field(ge=0)


class Sizes(_Part):
    """How large lesions are; null without lesions."""

    smallest_ml: float | None
    median_ml: float | None
    largest_ml: float | None
    bands: tuple[SizeBand, ...]


class Localisation(_Part):
    """How the places were estimated, and how far that is to be trusted."""

    method: str
    problem: str | None = Field(description="Why no place was estimated; null where places were")
    head_correlation: float | None = Field(description="How well the average head fits the scan, from -1 to 1")
    ventricles_ml: float | None = Field(ge=0, description="Volume of what was taken for the lateral ventricles")


class Statement(_Part):
    """One sentence of the knowledge file whose condition these findings meet."""

    id: str
    kind: Kind
    text: str
    citations: tuple[str, ...] = Field(min_length=1, description="Keys of `references`")


class Knowledge(_Part):
    """Where the statements come from."""

    version: str
    reviewed: bool = Field(description="Whether a clinician has reviewed the file")
    notice: str


class Findings(_Part):
    """Findings in one FLAIR scan: suggestions to a radiologist. Research use only."""

    # The first number changes when a reader of the old findings could misread the new ones.
    schema_version: Literal["1.0"] = "1.0"
    research_use_only: str = RESEARCH_USE_ONLY
    file_name: str
    input_sha256: str = Field(description="Of the scan, as in the report")
    label: Label
    confidence: float | None = Field(
        ge=0,
        le=1,
        description="Of the label, by the network's own probabilities: with lesions that of the surest lesion, without "
        "one 1 minus that of the surest group of voxels; null where the probabilities were not given",
    )
    quality_score: float | None = Field(ge=0, le=1, description="The scan's, as in the report")
    quality_flags: tuple[QualityFlag, ...]
    lesion_count: int = Field(ge=0)
    total_volume_ml: float = Field(ge=0)
    sizes: Sizes
    method: str = Field(description="How places were estimated, or why not, in words")
    localisation: Localisation
    lesions: tuple[LocatedLesion, ...] = Field(description="In the report's order")
    locations: tuple[LocationSum, ...] = Field(description="Every region and what is undetermined, also with count 0")
    change: ChangeReport | None = Field(description="Against an earlier scan; null where none was given")
    statements: tuple[Statement, ...]
    references: dict[str, str] = Field(description="Citation key to the full reference; those that are cited")
    knowledge: Knowledge

    def to_json(self) -> str:
        """The findings as indented JSON text that ends with a newline."""
        return self.model_dump_json(indent=2) + "\n"
