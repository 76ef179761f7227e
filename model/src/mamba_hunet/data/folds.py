"""Cross-validation folds: which patients are held out together.

Patients with volumes are dealt to folds; a patient is never divided. Those who are known from single slices only are in
no fold and are always trained on, since there is no volume to judge them by.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import cast

import nibabel
import numpy as np
from hunet_client.errors import UsageError
from nibabel.spatialimages import SpatialImage
from scipy.optimize import linear_sum_assignment

from mamba_hunet.data.cases import Case


@dataclass(frozen=True)
class FoldPatient:
    """Who is dealt to a fold.

    Attributes:
        name: the patient.
        source: data set the patient is of.
        load_ml: lesion volume, mean of the patient's scans.
    """

    name: str
    source: str
    load_ml: float


@dataclass(frozen=True)
class Fold:
    """One of `count` folds; the first is number 1."""

    number: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Fold":
        """Reads "K/N". Raises ValueError unless 1 <= K <= N and N >= 2."""
        number, slash, count = text.partition("/")
        if not (slash and number.isascii() and number.isdigit() and count.isascii() and count.isdigit()):
            raise ValueError(f"{text!r} is not K/N, such as 1/3")
        if not 1 <= int(number) <= int(count) or int(count) < 2:
            raise ValueError(f"{text!r}: there must be at least 2 folds, and they are numbered from 1")
        return cls(int(number), int(count))


def held_out_patients(cases: Sequence[Case], fold: Fold) -> tuple[str, ...]:
    """The patients that a fold holds out of training, sorted.

    Raises:
        UsageError: there are fewer patients with volumes than folds.
    """
    patients = fold_patients(cases)
    if len(patients) < fold.count:
        raise UsageError(
            f"fold {fold.number}/{fold.count}",
            f"{len(patients)} patients with volumes cannot fill {fold.count} folds",
            "Use fewer folds",
        )
    return assign_folds(patients, fold.count)[fold.number - 1]


def fold_patients(cases: Sequence[Case]) -> list[FoldPatient]:
    """Every patient with a volume, with the lesion load that the truth masks show."""
    loads: dict[str, list[float]] = {}
    sources: dict[str, str] = {}
    for case in cases:
        if case.is_volume:
            loads.setdefault(case.patient, []).append(_lesion_ml(case))
            sources.setdefault(case.patient, case.source)
    return [FoldPatient(name, sources[name], fmean(loads[name])) for name in sorted(loads)]


def assign_folds(patients: Sequence[FoldPatient], count: int) -> list[tuple[str, ...]]:
    """Deals patients to `count` folds of equal size, give or take one; each fold's patients are sorted.

    The patients are taken from the largest lesion load to the smallest, `count` at a time, and those of one round go to
    different folds: so each fold gets large and small loads. Who goes where within a round keeps patients of one source
    apart as far as can be, and among such ways gives the larger loads to the folds that have the least so far. The
    result depends on names, sources and loads alone, not on the order of `patients`.
    """
    folds: list[list[FoldPatient]] = [[] for _ in range(count)]
    by_load = sorted(patients, key=lambda patient: (-patient.load_ml, patient.name))
    for start in range(0, len(by_load), count):
        dealt = by_load[start : start + count]
        places = _places(dealt, folds)
        for patient, place in zip(dealt, places, strict=True):
            folds[place].append(patient)
    return [tuple(sorted(patient.name for patient in fold)) for fold in folds]


def _places(dealt: Sequence[FoldPatient], folds: Sequence[Sequence[FoldPatient]]) -> list[int]:
    """Index of a fold for each patient of a round, all different."""
    sources = [Counter(patient.source for patient in fold) for fold in folds]
    totals = np.array([sum(patient.load_ml for patient in fold) for fold in folds])
    loads = np.array([patient.load_ml for patient in dealt])
    together = np.array([[source[patient.source] for source in sources] for patient in dealt], dtype=np.float64)
    # The smallest sum of products pairs the largest load with the least total; scaled, it never outweighs one meeting.
    imbalance = np.outer(loads, totals)
    if imbalance.any():
        imbalance /= imbalance.max() * 2 * len(dealt)
    _, places = linear_sum_assignment(together + imbalance)
    return [int(place) for place in places]


def _lesion_ml(case: Case) -> float:
    truth = cast(SpatialImage, nibabel.load(case.truth))
    voxel_ml = abs(float(np.linalg.det(np.asarray(truth.affine)[:3, :3]))) / 1000
    return float(np.count_nonzero(np.asarray(truth.dataobj) > 0.5)) * voxel_ml
