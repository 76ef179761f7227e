"""From one scan, its mask and its report to its findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hunet_client.findings.alignment import Alignment, align
from hunet_client.findings.anatomy import Anatomy, estimate_anatomy
from hunet_client.findings.change_document import ChangeReport
from hunet_client.findings.document import (
    Findings,
    Knowledge,
    Label,
    Localisation,
    LocatedLesion,
    Location,
    LocationSum,
)
from hunet_client.findings.facts import gather_facts
from hunet_client.findings.knowledge import load_knowledge
from hunet_client.findings.lesion_points import lesions_of, points_of_each
from hunet_client.findings.location import Place, locate
from hunet_client.findings.physical_image import image_of
from hunet_client.findings.sizes import describe_sizes
from hunet_client.lesions import find_lesions
from hunet_client.report import Report, ReportedLesion

METHOD = (
    "Ventricles and sulci are found in the scan as dark fluid, brain stem and cerebellum by an average head laid over "
    "the scan; a lesion's place follows from its distances to them, as probabilities that hold the errors of these "
    "distances measured on phantoms. Where no place is at least 60 % probable it is called undetermined."
)
# Groups of voxels below the lesion threshold that speak against "no lesion found".
HINT_THRESHOLD = 0.05


def find(
    flair: NDArray,
    mask: NDArray,
    affine: ArrayLike,
    report: Report,
    *,
    probability: NDArray[np.float32] | None = None,
    change: ChangeReport | None = None,
) -> Findings:
    """The findings of one scan. Takes under a second; scans in which no place can be told give findings that say so.

    flair, mask, probability: (i, j, k) on one grid; mask: lesion where it is not 0; affine: (4, 4) to RAS+ mm; report:
    the one that was made of this mask. Without `probability`, a scan without lesions has no confidence. change: against
    an earlier scan, as `compare` gives it.

    Raises ValueError when the arrays are not of one grid or the report is of another mask.
    """
    affine = np.asarray(affine, dtype=np.float64)
    for other in (flair, probability):
        if other is not None and other.shape != mask.shape:
            raise ValueError(f"volume {other.shape} and mask {mask.shape} are not on one grid")
    points = points_of_each(lesions_of(mask, affine, report), affine)
    places, localisation = _localise(flair, affine, points, report)
    lesions = tuple(_located(lesion, place) for lesion, place in zip(report.lesions, places, strict=True))
    label: Label = "Lesions found" if lesions else "No lesion found"
    knowledge = load_knowledge()
    statements = knowledge.said_of(gather_facts(lesions, report.quality.score, change))
    return Findings(
        file_name=report.input.file_name,
        input_sha256=report.input.sha256,
        label=label,
        confidence=_confidence(report, affine, probability),
        quality_score=report.quality.score,
        quality_flags=report.quality_flags,
        lesion_count=report.lesion_count,
        total_volume_ml=report.total_volume_ml,
        sizes=describe_sizes([lesion.volume_ml for lesion in lesions]),
        method=localisation.method,
        localisation=localisation,
        lesions=lesions,
        locations=_sums(lesions),
        change=change,
        statements=statements,
        references=knowledge.cited_in(statements),
        knowledge=Knowledge(version=knowledge.version, reviewed=knowledge.reviewed, notice=knowledge.notice),
    )


def _localise(
    flair: NDArray, affine: NDArray[np.float64], points: Sequence[NDArray[np.float64]], report: Report
) -> tuple[Sequence[Place | None], Localisation]:
    """The place of each lesion, None where none could be told, and how that went."""
    nowhere = [None] * len(points)
    if not points:
        return nowhere, _localisation(None, None, None)
    scan = image_of(flair, affine)
    tissue_level = report.provenance.preprocessing.center
    if tissue_level <= 0.0:
        return nowhere, _localisation("the scan has no tissue level above 0", None, None)
    try:
        alignment = align(scan, tissue_level)
        if alignment.problem is not None:
            return nowhere, _localisation(alignment.problem, alignment, None)
        anatomy = estimate_anatomy(scan, tissue_level, alignment)
    except (RuntimeError, ValueError):
        # ITK says only that a number inside it was not one: too few voxels, or values that are all alike.
        return nowhere, _localisation("no head was found in the scan", None, None)
    longest_edge_mm = max(report.input.spacing_mm)
    places = [locate(lesion, anatomy, longest_edge_mm) for lesion in points]
    return places, _localisation(None, alignment, anatomy)


def _localisation(problem: str | None, alignment: Alignment | None, anatomy: Anatomy | None) -> Localisation:
    return Localisation(
        method=METHOD if problem is None else f"No place was estimated: {problem}.",
        problem=problem,
        head_correlation=None if alignment is None else round(alignment.correlation, 3),
        ventricles_ml=None if anatomy is None else round(anatomy.ventricle_ml, 1),
    )


def _located(lesion: ReportedLesion, place: Place | None) -> LocatedLesion:
    told = place.probabilities if place is not None else None
    return LocatedLesion(
        index=lesion.index,
        volume_ml=lesion.volume_ml,
        confidence=lesion.confidence,
        location="undetermined" if place is None else place.location,
        probability=None if told is None else told.most_probable()[1],
        probabilities=told,
        ventricle_mm=None if place is None else _tenth(place.ventricle_mm),
        surface_mm=None if place is None else _tenth(place.surface_mm),
        hindbrain_depth_mm=None if place is None else _tenth(place.hindbrain_depth_mm),
    )


def _tenth(distance_mm: float | None) -> float | None:
    return None if distance_mm is None else round(distance_mm, 1)


def _sums(lesions: Sequence[LocatedLesion]) -> tuple[LocationSum, ...]:
    locations: tuple[Location, ...] = get_args(Location)
    volumes_ml = {
        location: [lesion.volume_ml for lesion in lesions if lesion.location == location] for location in locations
    }
    return tuple(
        LocationSum(location=location, count=len(those), volume_ml=round(sum(those), 6))
        for location, those in volumes_ml.items()
    )


def _confidence(report: Report, affine: NDArray[np.float64], probability: NDArray[np.float32] | None) -> float | None:
    """By the network's own probabilities, whose meaning docs/outputs.md gives."""
    if report.lesions:
        return max(lesion.confidence for lesion in report.lesions)
    if probability is None:
        return None
    hints = find_lesions(
        probability, affine, report.input.spacing_mm, threshold=HINT_THRESHOLD, min_lesion_ml=0.0
    ).lesions
    return round(1.0 - max((hint.confidence for hint in hints), default=0.0), 6)
