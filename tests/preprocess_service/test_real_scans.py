"""Every real scan at hand: tissue at zero, lesions bright, and back on its own grid bit for bit."""

import csv
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from preprocess_service.pipeline import oriented, prepare_scan, read_scan, restore_volume, to_network

REPOSITORY = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("HUNET_DATA", REPOSITORY.parent / "shared" / "data"))
CASES = sorted(DATA.glob("*/*/flair.nii.gz"))
LABELLED = [path for path in CASES if path.with_name("lesions.nii.gz").exists()]

pytestmark = pytest.mark.skipif(not CASES, reason=f"no real scans in {DATA} (set HUNET_DATA)")


def case_name(path):
    return f"{path.parent.parent.name}-{path.parent.name}"


def prepare(path):
    return prepare_scan(read_scan(path, file_name=path.name))


@pytest.fixture(scope="module", params=CASES, ids=case_name)
def case(request):
    return request.param, prepare(request.param)


@pytest.fixture(scope="module", params=LABELLED, ids=case_name)
def labelled_case(request):
    """The prepared scan and its lesions, on its grid and on the network's."""
    prepared = prepare(request.param)
    lesions = np.asanyarray(nib.load(request.param.with_name("lesions.nii.gz")).dataobj) > 0
    geometry = prepared.manifest.geometry
    return prepared, lesions, to_network(oriented(lesions.astype(np.float32), geometry), geometry)


def test_tissue_lies_at_zero_and_air_far_below(case):
    _, prepared = case
    count = prepared.manifest.geometry.slice_count
    middle = prepared.slices(count // 4, count // 2)
    tissue = middle[np.abs(middle) < 2]
    assert tissue.size > 0.1 * middle.size
    assert abs(np.median(tissue)) < 0.5
    assert middle[:, :10].mean() < -6


def test_lesions_are_bright(labelled_case):
    prepared, _, lesion_slices = labelled_case
    slices = prepared.slices(0, prepared.manifest.geometry.slice_count)
    assert np.median(slices[lesion_slices > 0.5]) > 1.5


def test_shape_and_affine_come_back_bit_for_bit(case):
    path, prepared = case
    manifest = prepared.manifest
    slices = np.zeros((manifest.geometry.slice_count, 256, 256), dtype=np.float32)
    flair = nib.load(path)
    assert restore_volume(manifest, [(0, slices)]).shape == flair.shape
    assert np.reshape(manifest.affine, (4, 4)).tobytes() == flair.affine.tobytes()
    header = nib.Nifti1Header(manifest.nifti_header, check=False)
    assert header.get_best_affine().tobytes() == flair.affine.tobytes()
    assert header.get_zooms()[:3] == flair.header.get_zooms()[:3]


def test_a_mask_survives_the_round_trip(labelled_case):
    prepared, lesions, lesion_slices = labelled_case
    back = restore_volume(prepared.manifest, [(0, np.clip(lesion_slices, 0, 1))]) > 0.5
    dice = 2 * (back & lesions).sum() / (back.sum() + lesions.sum())
    assert dice > 0.97


def test_every_listed_case_is_here():
    with (DATA / "cases.csv").open() as table:
        listed = {f"{row['source']}/{row['case']}" for row in csv.DictReader(table)}
    assert listed == {f"{path.parent.parent.name}/{path.parent.name}" for path in CASES}
