"""Per-case results on labelled scans, with the second rater's agreement beside them where there is one."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from preprocess_service.pipeline import Scan
from torch import nn

from mamba_hunet.data.cases import Case
from mamba_hunet.data.library import read_truth
from mamba_hunet.inference import segment_scan
from mamba_hunet.metrics import dice, lesion_detection


@dataclass(frozen=True)
class CaseResult:
    """One case. Volumes in millilitres; lesion-wise figures as `mamba_hunet.metrics.lesion_detection` defines them.

    Attributes:
        rater2_dice: Dice of the second rater's mask against the first's, or none.
    """

    source: str
    case: str
    patient: str
    dice: float
    lesion_sensitivity: float
    lesion_precision: float
    lesion_f1: float
    volume_ml: float
    truth_ml: float
    rater2_dice: float | None


def evaluate(
    model: nn.Module,
    cases: Iterable[Case],
    threshold: float,
    progress: Callable[[CaseResult], None] | None = None,
) -> list[CaseResult]:
    """Segments every volume among the cases with the served system's pipeline and compares it with its truth."""
    results = []
    for case in cases:
        if case.is_volume:
            results.append(_evaluate_case(model, case, threshold))
            if progress:
                progress(results[-1])
    return results


def _evaluate_case(model: nn.Module, case: Case, threshold: float) -> CaseResult:
    segmentation = segment_scan(model, case.flair, threshold=threshold)
    truth = read_truth(case.truth, segmentation.scan) > 0
    mask = segmentation.lesions.mask
    found = lesion_detection(mask, truth)
    voxel_ml = float(np.prod(segmentation.scan.spacing_mm)) / 1000
    return CaseResult(
        case.source,
        case.name,
        case.patient,
        dice(mask, truth),
        found.sensitivity,
        found.precision,
        found.f1,
        float(np.count_nonzero(mask)) * voxel_ml,
        float(np.count_nonzero(truth)) * voxel_ml,
        _rater2_dice(case, truth, segmentation.scan),
    )


def _rater2_dice(case: Case, truth: NDArray[np.bool_], scan: Scan) -> float | None:
    return dice(read_truth(case.rater2, scan) > 0, truth) if case.rater2 else None


def mean_by_patient(results: Sequence[CaseResult]) -> float:
    """Mean Dice with each patient counting once, however many scans there are of them."""
    patients = {result.patient for result in results}
    return fmean(fmean(r.dice for r in results if r.patient == patient) for patient in sorted(patients))
