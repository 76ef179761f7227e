"""Finding labelled cases in a folder, and who their patients are.

A data folder holds ``<source>/<case>/flair.nii.gz`` (or a single slice, ``flair.jpg`` or ``flair.png``) with
``lesions.nii.gz`` (or ``lesions.png``) beside it, a second rater's ``lesions_rater2.nii.gz`` where there is one,
and optionally a ``cases.csv`` with the columns ``source, case, patient, split, licence``. Without it each case is a
patient of its own.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from hunet_client.errors import InputError

_VOLUME_NAMES = ("flair.nii.gz", "flair.nii")
_SLICE_NAMES = ("flair.jpg", "flair.png")
_TRUTH_NAMES = ("lesions.nii.gz", "lesions.nii", "lesions.png")
_LAYOUT = "<source>/<case>/flair.nii.gz"
_RATER2_NAMES = ("lesions_rater2.nii.gz", "lesions_rater2.nii")


class DataError(InputError):
    """The data folder cannot be used."""


@dataclass(frozen=True)
class Case:
    """One labelled scan.

    Attributes:
        source: data set it belongs to; the folder's name.
        name: case; the folder's name.
        patient: who it is of; several cases can be one patient. Splits never divide a patient.
        flair, truth: the scan and its lesion mask.
        rater2: a second rater's mask, or none.
        licence: of the data set, as listed; empty where unknown.
        suggested_split: ``train``, ``val`` or empty.
    """

    source: str
    name: str
    patient: str
    flair: Path
    truth: Path
    rater2: Path | None = None
    licence: str = ""
    suggested_split: str = ""

    @property
    def is_volume(self) -> bool:
        """Whether the case is a volume; otherwise it is one slice, a picture without spacing."""
        return self.flair.name in _VOLUME_NAMES


def find_cases(folder: Path) -> list[Case]:
    """Lists every labelled case below a data folder, in a fixed order.

    Raises:
        DataError: no such folder, or no labelled case in it.
    """
    if not folder.is_dir():
        raise DataError(str(folder), "no such folder", f"Give the folder that holds {_LAYOUT}")
    listed = _listed(folder / "cases.csv")
    cases = []
    for case_folder in sorted(p for p in folder.glob("*/*") if p.is_dir()):
        flair = _first(case_folder, (*_VOLUME_NAMES, *_SLICE_NAMES))
        truth = _first(case_folder, _TRUTH_NAMES)
        if flair and truth:
            row = listed.get((case_folder.parent.name, case_folder.name), {})
            cases.append(_case(case_folder, flair, truth, row))
    if not cases:
        raise DataError(str(folder), "no labelled case found", f"Arrange it as {_LAYOUT} with lesions.nii.gz beside it")
    return cases


def _case(folder: Path, flair: Path, truth: Path, row: dict[str, str]) -> Case:
    source, name = folder.parent.name, folder.name
    # Slices of one volume are named <volume>_slice<number>: one patient.
    patient = row.get("patient") or f"{source}-{name.split('_slice')[0]}"
    rater2 = _first(folder, _RATER2_NAMES)
    return Case(source, name, patient, flair, truth, rater2, row.get("licence", ""), row.get("split", ""))


def _first(folder: Path, names: Iterable[str]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _listed(path: Path) -> dict[tuple[str, str], dict[str, str]]:
    if not path.is_file():
        return {}
    with path.open(newline="") as rows:
        return {(row["source"], row["case"]): row for row in csv.DictReader(rows)}


def split_by_patient(cases: list[Case], held_out: tuple[str, ...] = (), seed: int = 0) -> tuple[list[Case], list[Case]]:
    """Divides cases into training and held-out ones; a patient is never on both sides.

    The held-out patients are those named; otherwise those the data set suggests; otherwise a random 15% of the
    patients with volumes.

    Raises:
        DataError: a named patient is not in the data, or no case is left to train on.
    """
    known = {case.patient for case in cases}
    if missing := set(held_out) - known:
        raise DataError(", ".join(sorted(missing)), "no such patient", f"Known are {', '.join(sorted(known))}")
    out = set(held_out) or {case.patient for case in cases if case.suggested_split == "val"}
    if not out:
        patients = sorted({case.patient for case in cases if case.is_volume})
        chosen = np.random.default_rng(seed).permutation(len(patients))[: max(1, round(0.15 * len(patients)))]
        out = {patients[i] for i in chosen}
    training = [case for case in cases if case.patient not in out]
    if not training:
        raise DataError(", ".join(sorted(out)), "every patient is held out", "Leave at least one to train on")
    return training, [case for case in cases if case.patient in out]
