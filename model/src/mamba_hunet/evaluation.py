"""Per-case results on labelled scans, with the second rater's agreement beside them where there is one."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray
from torch import nn

from mamba_hunet.data.cases import Case
from mamba_hunet.data.library import read_truth
from mamba_hunet.inference import EagerSegmentation, segment_scan
from mamba_hunet.metrics import Agreement, agreement
from mamba_hunet.precision import Precision


@dataclass(frozen=True)
class CaseResult:
    """How well one case was segmented.

    Attributes:
        source, case, patient: which scan, of whom.
        agreement: of the network's mask with the truth.
        rater2: of the second rater's mask with the truth, or none.
    """

    source: str
    case: str
    patient: str
    agreement: Agreement
    rater2: Agreement | None

    def figures(self) -> dict[str, float | None]:
        """Everything by name, in a fixed order; those of the second rater begin with ``rater2_``."""
        own = self.agreement.figures()
        rater2 = self.rater2.figures() if self.rater2 else dict.fromkeys(own)
        return own | {f"rater2_{name}": value for name, value in rater2.items()}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """One case: the segmentation, the truth (i, j, k) on the scan's grid, and what comes of comparing them."""

    result: CaseResult
    segmentation: EagerSegmentation
    truth: NDArray[np.bool_]


def evaluate_case(network: nn.Module, case: Case, threshold: float, precision: Precision | None = None) -> Evaluation:
    """Segments a volume as the served system does (`segment_scan`) and compares it with its truth.

    Raises:
        preprocess_service.pipeline.ScanError: the scan cannot be used.
        mamba_hunet.data.cases.DataError: the truth does not lie on the scan's grid.
    """
    segmentation = segment_scan(network, case.flair, threshold=threshold, precision=precision)
    scan, slice_axis = segmentation.scan, segmentation.manifest.geometry.slice_axis
    truth = read_truth(case.truth, scan) > 0

    def against_truth(mask: NDArray) -> Agreement:
        return agreement(mask, truth, scan.spacing_mm, slice_axis)

    result = CaseResult(
        case.source,
        case.name,
        case.patient,
        against_truth(segmentation.lesions.mask),
        against_truth(read_truth(case.rater2, scan)) if case.rater2 else None,
    )
    return Evaluation(result, segmentation, truth)


def mean_by_patient(results: Sequence[CaseResult], figure: str) -> float | None:
    """Mean of a figure with each patient counting once, however many scans there are of them.

    Results in which the figure is not defined are left out; none when that leaves nothing.

    Args:
        results: of any networks' cases.
        figure: a name of `CaseResult.figures`.
    """
    by_patient: dict[str, list[float]] = {}
    for result in results:
        value = result.figures()[figure]
        if value is not None:
            by_patient.setdefault(result.patient, []).append(value)
    return fmean(fmean(values) for values in by_patient.values()) if by_patient else None
