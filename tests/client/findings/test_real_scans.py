"""Real FLAIR scans, where they are at hand: never in the repository."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hunet_client.errors import InputError
from hunet_client.findings import Examination, compare, find

DATA = Path(os.environ.get("HUNET_DATA", Path(__file__).parents[4] / "shared" / "data"))
FOLDERS = sorted(path.parent for path in DATA.glob("*/*/lesions.nii.gz") if "slices" not in path.parts[-3])

pytestmark = pytest.mark.skipif(not FOLDERS, reason=f"no real scans in {DATA}")


def tissue_peak(flair: np.ndarray) -> float:
    head = flair[flair > 0.1 * np.percentile(flair, 99)]
    counts, edges = np.histogram(head, 200)
    smooth = np.convolve(counts, np.ones(7) / 7, "same")
    return float(edges[np.argmax(np.where(edges[:-1] > np.percentile(head, 25), smooth, 0))])


@pytest.fixture
def load(report_of):
    def read(folder: Path) -> Examination:
        image = nib.nifti1.load(folder / "flair.nii.gz")
        flair = image.get_fdata(dtype=np.float32).reshape(image.shape[:3])
        mask = np.asarray(nib.nifti1.load(folder / "lesions.nii.gz").dataobj).reshape(flair.shape) > 0
        spacing_mm = tuple(float(mm) for mm in image.header.get_zooms()[:3])
        report, found = report_of(mask.astype(np.float32), image.affine, spacing_mm, tissue_peak(flair), folder.name)
        return Examination(flair, found.mask, image.affine, report)

    return read


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_places_are_told_in_every_scan(folder, load):
    scan = load(folder)
    findings = find(scan.flair, scan.mask, scan.affine, scan.report)

    assert findings.localisation.problem is None
    assert findings.localisation.ventricles_ml > 1.0
    told = [lesion for lesion in findings.lesions if lesion.location != "undetermined"]
    assert len(told) >= 0.6 * len(findings.lesions)


def test_visits_of_one_patient_are_compared_and_others_refused(load):
    visits = [load(folder) for folder in FOLDERS if folder.name in ("P14_T1", "P14_T2", "P18_T1")]
    if len(visits) < 3:
        pytest.skip(f"not these visits in {DATA}")
    first, second, other = visits
    change = compare(second, first)

    assert change.registration.disagreement_mm < 0.5
    with pytest.raises(InputError, match="too different"):
        compare(first, other)
