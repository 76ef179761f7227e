"""Every real FLAIR at hand passes; real scans of other contrasts, and real FLAIRs that were damaged, do not."""

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from preprocess_service.pipeline import read_scan, scan_from_array

REPOSITORY = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("HUNET_DATA", REPOSITORY.parent / "shared" / "data"))
FLAIRS = sorted(DATA.glob("*/*/flair.nii.gz"))
# One of every kind: thick slices and 1 mm, whole head and extracted.
DAMAGED = [path for path in FLAIRS if path.parent.name in ("training04", "patient09_study2", "patient07", "P18_T1")]
# Debian's mricron-data has the Colin 27 head; a data folder may hold other contrasts beside a FLAIR.
OTHERS = [
    *(path for path in map(Path("/usr/share/mricron/templates").joinpath, ["ch2.nii.gz", "ch2bet.nii.gz"])),
    *sorted(DATA.glob("*/*/t[12]*.nii.gz")),
]

needs_data = pytest.mark.skipif(not FLAIRS, reason=f"no real scans in {DATA} (set HUNET_DATA)")


def case_name(path):
    return f"{path.parent.parent.name}-{path.parent.name}"


@needs_data
@pytest.mark.parametrize("path", FLAIRS, ids=case_name)
def test_a_clean_flair_has_no_flags(path, scores, flag_codes):
    scan = read_scan(path, file_name=path.name)
    assert scores(scan)["all"] > 0.75
    assert flag_codes(scan) == set()


@pytest.fixture(scope="module", params=DAMAGED, ids=case_name)
def clean(request):
    return read_scan(request.param, file_name=request.param.name)


@needs_data
def test_a_fault_is_found_by_its_component(clean, fault, scores, flag_codes):
    damage, component = fault
    damaged = damage(clean)
    assert scores(damaged)[component] < 0.5
    assert flag_codes(damaged)


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_a_scan_of_another_contrast_is_not_taken_for_a_flair(path, scores, flag_codes):
    if not path.exists():
        pytest.skip(f"{path} is not here (Debian: apt install mricron-data)")
    image = nib.load(path)
    data = np.asarray(image.dataobj, dtype=np.float32)
    scan = scan_from_array(data.reshape(data.shape[:3]), image.affine, file_name=path.name)
    assert scores(scan)["contrast"] < 0.5
    assert "not_flair" in flag_codes(scan)
