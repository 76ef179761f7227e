"""A training plan: all that the data decide about a training run, open to be read and edited."""

from dataclasses import replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from mamba_hunet.data.batches import BatchSettings
from mamba_hunet.training.settings import TrainingSettings

CROP_MULTIPLE = 32

Share = Annotated[float, Field(ge=0, le=1, description="0 to 1")]
Count = Annotated[int, Field(ge=0, description="a whole number, 0 or more")]
Switch = Annotated[bool, Field(description="true or false")]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False, description="0 or more")]
Name = Annotated[str, Field(description="a name in quotes")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class OptimiserPlan(_Part):
    """Fields of `TrainingSettings` of the same names."""

    steps: int = Field(ge=1, description="a whole number, 1 or more")
    learning_rate: float = Field(gt=0, le=1, description="over 0, at most 1")
    bfloat16: Switch
    initial_share: Share


class BatchPlan(_Part):
    """Fields of `BatchSettings` of the same names."""

    batch_size: int = Field(ge=1, description="a whole number, 1 or more")
    crop: int = Field(
        ge=CROP_MULTIPLE,
        le=256,
        multiple_of=CROP_MULTIPLE,
        description=f"a multiple of {CROP_MULTIPLE} up to 256",
    )
    axial_share: Share
    lesion_share: Share
    paste_share: Share
    shell_share: Share
    thick_share: Share


class ScanPlan(_Part):
    """``planes``: near-isotropic volumes are sliced in three planes; ``phantoms``, ``templates``: synthetic scans."""

    planes: Switch
    phantoms: Count
    templates: Count


class ExcludedCase(_Part):
    """``case``: <source>/<case>, never trained on; ``reason``: why."""

    case: Name
    reason: Name


class Plan(_Part):
    """What a training run takes from its data.

    Attributes:
        patients: from whose scans the plan was made; none of them may be held out of a training by it.
        smallest_lesion_ml: smaller marks are no lesions to report.
        training, batch, scans: settings.
        source_weights: how often a source is drawn; 1 where it is not named. "phantom" and "template" are sources too.
        excluded: cases to leave out.
    """

    patients: list[Name]
    smallest_lesion_ml: float = Field(ge=0, allow_inf_nan=False, description="0 or more millilitres")
    training: OptimiserPlan
    batch: BatchPlan
    scans: ScanPlan
    source_weights: dict[str, Weight]
    excluded: list[ExcludedCase] = Field(default_factory=list)

    @property
    def excluded_cases(self) -> frozenset[str]:
        """As <source>/<case>."""
        return frozenset(entry.case for entry in self.excluded)

    def settings(self, model_name: str, seed: int) -> TrainingSettings:
        """The settings of a run by this plan; what the plan leaves open has its default."""
        return replace(
            TrainingSettings(model_name, seed=seed),
            **self.training.model_dump(),
            batch=replace(BatchSettings(), **self.batch.model_dump()),
            phantoms=self.scans.phantoms,
            templates=self.scans.templates,
            source_weights=dict(self.source_weights),
        )
