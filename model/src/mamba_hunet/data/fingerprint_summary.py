"""A fingerprint in few numbers: of one source, or of all cases together."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mamba_hunet.data.fingerprint import CaseFingerprint, Fingerprint
from mamba_hunet.data.z_histogram import ZHistogram

_PERCENTS = (5, 10, 25, 50, 75, 90, 95)


@dataclass(frozen=True)
class Spread:
    """Median and range of a figure."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: ArrayLike) -> "Spread | None":
        """None when there are no values."""
        array = np.asarray(values, dtype=np.float64)
        return cls(float(np.median(array)), float(array.min()), float(array.max())) if array.size else None

    def __str__(self) -> str:
        if self.lowest == self.highest:
            return f"{self.median:.3g}"
        return f"{self.median:.3g} ({self.lowest:.3g} to {self.highest:.3g})"


@dataclass(frozen=True)
class Summary:
    """Several cases together. Spacing and volumes are of the volumes alone: pictures have lost them.

    Attributes:
        cases, volumes, patients, slices: how many.
        planes, orientations: how many cases have each.
        brain_extracted: cases without skull and scalp.
        pixel_mm, slice_spacing_mm: within a slice, and from one slice to the next.
        head_mm: 99th percentile of the head's longer side in a slice.
        tissue_z, lesion_z: percentiles of normalised intensity, each case counting the same.
        contrast_z: of the median lesion over the tissue around it, by case.
        lesions: lesions of a volume.
        lesion_ml: percentiles of a lesion's volume, each patient counting the same.
        load_ml: lesion volume of a volume.
        lesion_slice_share: share of slices with head that show a lesion, mean over patients; of the volumes where there
            are any, since pictures are published for their lesions.
    """

    cases: int
    volumes: int
    patients: int
    slices: int
    planes: dict[str, int]
    orientations: dict[str, int]
    brain_extracted: int
    pixel_mm: Spread | None
    slice_spacing_mm: Spread | None
    head_mm: float
    tissue_z: dict[str, float]
    lesion_z: dict[str, float]
    contrast_z: Spread | None
    lesions: Spread | None
    lesion_ml: dict[str, float]
    load_ml: Spread | None
    lesion_slice_share: float


def summarise(cases: Sequence[CaseFingerprint]) -> Summary:
    """Of at least one case."""
    volumes = [case for case in cases if case.is_volume]
    contrasts = [case.contrast_z for case in cases if np.isfinite(case.contrast_z)]
    return Summary(
        cases=len(cases),
        volumes=len(volumes),
        patients=len({case.patient for case in cases}),
        slices=sum(case.slices for case in cases),
        planes=dict(Counter(str(case.plane) for case in cases)),
        orientations=dict(Counter(case.orientation for case in cases)),
        brain_extracted=sum(case.brain_extracted for case in cases),
        pixel_mm=Spread.of([min(case.spacing_mm) for case in volumes]),
        slice_spacing_mm=Spread.of([case.slice_spacing_mm for case in volumes]),
        head_mm=float(np.percentile(np.concatenate([case.head_mm for case in cases]), 99)),
        tissue_z=_percentiles(ZHistogram.mean([case.tissue_z for case in cases])),
        lesion_z=_percentiles(ZHistogram.mean([case.lesion_z for case in cases])),
        contrast_z=Spread.of(contrasts),
        lesions=Spread.of([len(case.lesion_ml) for case in volumes]),
        lesion_ml=_lesion_ml_percentiles(volumes),
        load_ml=Spread.of([case.lesion_ml.sum() for case in volumes]),
        lesion_slice_share=_lesion_slice_share(volumes or cases),
    )


def _lesion_ml_percentiles(volumes: Sequence[CaseFingerprint]) -> dict[str, float]:
    """Each lesion weighs the less the more its patient has; empty without lesions."""
    by_patient = Counter[str]()
    for case in volumes:
        by_patient[case.patient] += len(case.lesion_ml)
    sizes = [(size, 1 / by_patient[case.patient]) for case in volumes for size in case.lesion_ml.tolist()]
    if not sizes:
        return {}
    ordered, weights = np.array(sorted(sizes)).T
    cumulative = np.cumsum(weights) / weights.sum()
    # The tolerance keeps a boundary that is hit exactly on the side of the smaller lesion.
    places = np.searchsorted(cumulative, np.array(_PERCENTS) / 100 - 1e-9)
    return {f"p{percent}": float(ordered[place]) for percent, place in zip(_PERCENTS, places, strict=True)}


def _lesion_slice_share(cases: Sequence[CaseFingerprint]) -> float:
    shares: dict[str, list[float]] = {}
    for case in cases:
        shares.setdefault(case.patient, []).append(case.lesion_slices / max(1, case.head_slices))
    return float(np.mean([np.mean(of_patient) for of_patient in shares.values()]))


def as_document(fingerprint: Fingerprint) -> dict[str, Any]:
    """The fingerprint as JSON takes it: overall, by source, by case, and what is excluded."""
    return {
        "overall": asdict(summarise(fingerprint.cases)),
        "sources": {source: asdict(summarise(fingerprint.of_source(source))) for source in fingerprint.sources},
        "cases": [_case_document(case) for case in fingerprint.cases],
        "excluded": [asdict(exclusion) for exclusion in fingerprint.excluded],
    }


def _case_document(case: CaseFingerprint) -> dict[str, Any]:
    return {
        "source": case.source,
        "case": case.name,
        "patient": case.patient,
        "shape": case.shape,
        "spacing_mm": case.spacing_mm,
        "spacing_is_estimated": not case.is_volume,
        "orientation": case.orientation,
        "plane": case.plane,
        "brain_extracted": case.brain_extracted,
        "slices": case.slices,
        "head_slices": case.head_slices,
        "lesion_slices": case.lesion_slices,
        "head_mm": float(np.percentile(case.head_mm, 99)),
        "tissue_z": _percentiles(case.tissue_z),
        "lesion_z": _percentiles(case.lesion_z),
        "surrounding_z": case.surrounding_z if np.isfinite(case.surrounding_z) else None,
        "lesions_in_air": case.lesions_in_air,
        "lesion_ml": case.lesion_ml.tolist(),
    }


def _percentiles(histogram: ZHistogram) -> dict[str, float]:
    if not histogram.counts.any():
        return {}
    return {f"p{percent}": round(histogram.percentile(percent), 3) for percent in _PERCENTS}
