"""The client with the real preprocessing service, in a process of its own; the model is still a stand-in."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hunet_client.errors import ScanRefusedError
from hunet_client.nifti_output import mask_file
from hunet_client.report import build_report

DATA = Path(os.environ.get("HUNET_DATA", Path(__file__).parents[3] / "shared" / "data"))
QUALITY_COMPONENTS = ["contrast", "motion", "noise", "coverage", "resolution"]
REAL_SCANS = sorted(DATA.glob("*/*/flair.nii.gz"))


def head(orientation: str, spacing_mm: tuple[float, float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A bright ball off centre in a noisy ellipsoid, its axes stored as `orientation` says: volume, affine and the
    ball's centre in world millimetres."""
    shape = [round(length / mm) for length, mm in zip((150, 180, 140), spacing_mm, strict=True)]
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = [-75, -90, -70]
    world = np.moveaxis(np.indices(shape), 0, -1) * spacing_mm + affine[:3, 3]
    noise = np.random.default_rng(0).normal(0, 4, shape)
    volume = np.where((world / [65, 80, 60]) ** 2 @ np.ones(3) < 1, 100 + noise, np.abs(noise))
    centre = np.array([30.0, 20.0, -25.0])
    volume[np.linalg.norm(world - centre, axis=-1) < 10] = 190
    image = nib.Nifti1Image(volume.astype(np.float32), affine)
    turn = nib.orientations.ornt_transform(
        nib.io_orientation(affine), nib.orientations.axcodes2ornt(tuple(orientation))
    )
    turned = image.as_reoriented(turn)
    return np.asarray(turned.dataobj), turned.affine, centre


@pytest.mark.parametrize(
    ("orientation", "spacing_mm"),
    [
        ("RAS", (1.0, 1.0, 3.0)),
        ("LPS", (0.9, 0.9, 4.0)),
        ("SRA", (1.5, 1.5, 1.5)),
        ("PIL", (3.0, 1.0, 1.0)),
        ("AIR", (1.0, 3.5, 1.0)),
    ],
)
def test_a_lesion_is_where_it_is_in_the_scan_however_the_scan_is_stored(segment, tmp_path, orientation, spacing_mm):
    volume, affine, centre = head(orientation, spacing_mm)
    path = tmp_path / "flair.nii.gz"
    nib.save(nib.Nifti1Image(volume, affine), path)

    result = segment(path, min_lesion_ml=1)  # the noise has specks of its own

    assert result.mask.shape == volume.shape
    assert len(result.lesions.lesions) == 1
    lesion = result.lesions.lesions[0]
    assert np.allclose(lesion.centroid_mm, centre, atol=0.5)
    assert lesion.volume_ml == pytest.approx(4 / 3 * np.pi, rel=0.15)


@pytest.mark.parametrize("path", REAL_SCANS or [None], ids=lambda path: path and path.parent.name)
def test_a_real_scan_gets_its_mask_on_its_own_grid_bit_for_bit(segment, path):
    if path is None:
        pytest.skip(f"no real scans in {DATA}")

    result = segment(path)

    scan = nib.load(path)
    mask = nib.Nifti1Image.from_bytes(gzip.decompress(mask_file(result.mask, result.manifest.nifti_header)))
    assert mask.shape == scan.shape
    assert mask.affine.tobytes() == scan.affine.tobytes()
    for code in ("qform_code", "sform_code", "pixdim", "xyzt_units"):
        assert mask.header[code].tobytes() == scan.header[code].tobytes()
    assert result.affine.tobytes() == scan.affine.tobytes()
    quality = build_report(result).quality
    assert [component.name for component in quality.components] == QUALITY_COMPONENTS
    assert quality.score > 0.5


def broken(kind: str, good: bytes) -> bytes:
    return {
        "not a scan": b"this is not a scan" * 100,
        "empty": b"",
        "truncated": good[: len(good) // 2],
    }[kind]


@pytest.mark.parametrize("kind", ["not a scan", "empty", "truncated"])
def test_a_bad_file_is_refused_by_name_and_the_next_good_one_works(segment, stack, tmp_path, kind):
    volume, affine, _centre = head("RAS", (1.0, 1.0, 3.0))
    path = tmp_path / "flair.nii.gz"
    nib.save(nib.Nifti1Image(volume, affine), path)

    with pytest.raises(ScanRefusedError, match=r"^bad\.nii\.gz: ") as caught:
        segment(broken(kind, path.read_bytes()), file_name="bad.nii.gz")
    assert caught.value.reason_code
    assert caught.value.fix
    assert not stack.triton.requests
    assert segment(path).mask.any()
