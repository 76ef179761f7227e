"""From two scans of one patient, with their masks and reports, to what became of each lesion."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import pi
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hunet_client.errors import InputError
from hunet_client.findings.change_document import (
    Change,
    ChangeCount,
    ChangedLesion,
    ChangeReport,
    RegistrationQuality,
    ScanRef,
)
from hunet_client.findings.lesion_matching import Focus, match_lesions
from hunet_client.findings.lesion_points import lesions_of
from hunet_client.findings.physical_image import image_of
from hunet_client.findings.registration import Head, Registration, head_of, matrix_ras_mm, register
from hunet_client.report import Report

METHOD = (
    "Rigid registration by mutual information, forth and back; lesions that then overlap, or lie within 2 mm, are one "
    "focus. "
    "A focus has grown or shrunk when its volume changed by more than a border displaced by a quarter of a voxel "
    "all around would make."
)
# Four pairs of scans of one patient each reached 0.85 and 0.35 mm or better; seven pairs of different patients
# 0.77 at best.
LEAST_CORRELATION = 0.80
LARGEST_DISAGREEMENT_MM = 1.5
LEAST_OVERLAP = 0.6
# Part of the voxels' mean edge by which a lesion's border may be displaced without there being a change.
BORDER_SHARE = 0.25


@dataclass(frozen=True, eq=False)
class Examination:
    """One scan with its result. flair, mask: (i, j, k) on one grid; affine: (4, 4) to RAS+ mm; report: of this mask."""

    flair: NDArray
    mask: NDArray
    affine: ArrayLike
    report: Report

    def head(self) -> Head:
        """Raises InputError when the scan shows none."""
        try:
            return head_of(image_of(self.flair, np.asarray(self.affine)), self.report.provenance.preprocessing.center)
        except (ValueError, RuntimeError) as exc:
            raise InputError(self.name, "shows no head to compare", "Compare two FLAIR scans of one head") from exc

    @property
    def name(self) -> str:
        return self.report.input.file_name


def compare(current: Examination, prior: Examination) -> ChangeReport:
    """What became of each lesion between two scans of one patient. Takes about five seconds.

    Raises InputError when the scans cannot be laid over each other well enough, ValueError when a mask is not its
    report's.
    """
    for scan in (current, prior):
        if scan.flair.shape != scan.mask.shape:
            raise ValueError(f"{scan.name}: volume {scan.flair.shape} and mask {scan.mask.shape} are not on one grid")
    sides = [
        (lesions_of(scan.mask, np.asarray(scan.affine, np.float64), scan.report), np.asarray(scan.affine))
        for scan in (current, prior)
    ]
    registration, quality = _registered(current, prior)
    foci = match_lesions(sides[0], sides[1], registration.current_to_prior)
    lesions = tuple(_rows(foci, current.report, prior.report))
    matrix = matrix_ras_mm(registration.current_to_prior)
    rows = tuple(tuple(round(value, 6) for value in row) for row in matrix.tolist())
    references = [_reference(scan.report) for scan in (current, prior)]
    return ChangeReport(
        current=references[0],
        prior=references[1],
        same_model=references[0].weights_sha256 == references[1].weights_sha256,
        same_settings=current.report.provenance.postprocessing == prior.report.provenance.postprocessing,
        method=METHOD,
        registration=quality,
        current_to_prior_mm=rows,  # type: ignore[arg-type]  # four rows of four, from a (4, 4) matrix
        lesions=lesions,
        counts=_counts(lesions),
    )


def _registered(current: Examination, prior: Examination) -> tuple[Registration, RegistrationQuality]:
    """Raises InputError when the registration is not to be trusted."""
    heads = current.head(), prior.head()
    try:
        registration = register(*heads)
    except RuntimeError as exc:
        raise _not_comparable(current, prior, "the two scans do not overlap") from exc
    if registration.overlap < LEAST_OVERLAP:
        share = f"{100 * registration.overlap:.0f} %"
        raise _not_comparable(current, prior, f"only {share} of the head is on both scans")
    if registration.correlation < LEAST_CORRELATION:
        raise _not_comparable(
            current, prior, f"the registered scans look too different (correlation {registration.correlation:.2f})"
        )
    if registration.disagreement_mm > LARGEST_DISAGREEMENT_MM:
        raise _not_comparable(
            current, prior, f"registering forth and back disagrees by {registration.disagreement_mm:.1f} mm"
        )
    transform = registration.current_to_prior
    middle = heads[0].middle_mm
    moved = np.array(transform.TransformPoint(middle.tolist())) - middle
    turn = np.arccos(np.clip((np.trace(np.array(transform.GetMatrix()).reshape(3, 3)) - 1.0) / 2.0, -1.0, 1.0))
    return registration, RegistrationQuality(
        correlation=round(registration.correlation, 3),
        disagreement_mm=round(registration.disagreement_mm, 2),
        overlap=round(registration.overlap, 3),
        rotation_deg=round(float(np.degrees(turn)), 2),
        translation_mm=round(float(np.linalg.norm(moved)), 2),
    )


def _not_comparable(current: Examination, prior: Examination, reason: str) -> InputError:
    return InputError(
        current.name,
        f"cannot be compared with {prior.name}: {reason}",
        "Check that both are FLAIR scans of one patient, rightly oriented, both whole heads or both extracted brains",
    )


def _rows(foci: tuple[Focus, ...], current: Report, prior: Report) -> Iterable[ChangedLesion]:
    ours, theirs = ({lesion.index: lesion.volume_ml for lesion in report.lesions} for report in (current, prior))
    edge_mm = max(float(np.prod(report.input.spacing_mm)) ** (1.0 / 3.0) for report in (current, prior))
    focus_of = {index: focus for focus in foci for index in focus.current}
    for index, volume_ml in ours.items():
        focus = focus_of[index]
        before_ml = sum(theirs[other] for other in focus.prior)
        now_ml = sum(ours[other] for other in focus.current)
        yield ChangedLesion(
            index=index,
            prior_index=min(focus.prior, default=None),
            prior_indices=focus.prior,
            change=_change(focus, now_ml, before_ml, edge_mm),
            volume_ml=volume_ml,
            prior_volume_ml=round(before_ml, 6) if focus.prior else None,
            focus_volume_ml=round(now_ml, 6),
            uncertainty_ml=_uncertainty_ml(max(now_ml, before_ml), edge_mm),
        )
    gone = sorted((focus for focus in foci if not focus.current), key=lambda focus: focus.prior)
    for focus in gone:
        volume_ml = theirs[focus.prior[0]]
        yield ChangedLesion(
            index=None,
            prior_index=focus.prior[0],
            prior_indices=focus.prior,
            change="gone" if focus.seen else "not_comparable",
            volume_ml=None,
            prior_volume_ml=volume_ml,
            focus_volume_ml=0.0,
            uncertainty_ml=_uncertainty_ml(volume_ml, edge_mm),
        )


def _change(focus: Focus, now_ml: float, before_ml: float, edge_mm: float) -> Change:
    if not focus.prior:
        return "new" if focus.seen else "not_comparable"
    difference_ml = now_ml - before_ml
    if abs(difference_ml) <= _uncertainty_ml(max(now_ml, before_ml), edge_mm):
        return "unchanged"
    return "grown" if difference_ml > 0 else "shrunk"


def _uncertainty_ml(volume_ml: float, edge_mm: float) -> float:
    """What a sphere of this volume gains when its surface is displaced outwards."""
    radius_mm = (3000.0 * volume_ml / (4.0 * pi)) ** (1.0 / 3.0)
    outer_mm = radius_mm + BORDER_SHARE * edge_mm
    return round(4.0 / 3.0 * pi * (outer_mm**3 - radius_mm**3) / 1000.0, 6)


def _counts(lesions: tuple[ChangedLesion, ...]) -> tuple[ChangeCount, ...]:
    changes: tuple[Change, ...] = get_args(Change)
    volumes_ml = {
        change: [
            (row.prior_volume_ml if row.volume_ml is None else row.volume_ml) or 0.0
            for row in lesions
            if row.change == change
        ]
        for change in changes
    }
    return tuple(
        ChangeCount(change=change, count=len(those), volume_ml=round(sum(those), 6))
        for change, those in volumes_ml.items()
    )


def _reference(report: Report) -> ScanRef:
    return ScanRef(
        file_name=report.input.file_name,
        input_sha256=report.input.sha256,
        weights_sha256=report.provenance.model.weights_sha256,
        lesion_count=report.lesion_count,
        total_volume_ml=report.total_volume_ml,
    )
