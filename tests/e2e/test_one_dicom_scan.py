"""One scan through the served system as DICOM and as NIfTI: the same lesions."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
from mamba_hunet.phantom import PhantomSettings, make_phantom
from mamba_hunet.phantom.dicom_series import write_mr_series
from pydicom import dcmread


def test_dicom_and_nifti_of_one_scan_end_in_the_same_mask(running_stack, tmp_path):
    phantom = make_phantom(PhantomSettings(), slices=range(18, 34))
    nib.save(nib.Nifti1Image(phantom.flair, phantom.affine), tmp_path / "flair.nii.gz")
    write_mr_series(tmp_path / "dicom", phantom.flair, phantom.affine)
    # Named, since so few slices are not taken for a head.
    series_uid = dcmread(tmp_path / "dicom" / "0001.dcm", stop_before_pixels=True).SeriesInstanceUID
    for scan, options in (("flair.nii.gz", []), ("dicom", ["--series", series_uid])):
        run = running_stack.hunet("segment", str(tmp_path / scan), "-o", str(tmp_path / f"out-{scan}"), *options)
        assert run.returncode == 0, run.stderr
    of_nifti, of_dicom = (tmp_path / f"out-{scan}" for scan in ("flair.nii.gz", "dicom"))

    expected, mask = nib.load(of_nifti / "mask.nii.gz"), nib.load(of_dicom / "mask.nii.gz")
    np.testing.assert_array_equal(np.asarray(mask.dataobj), np.asarray(expected.dataobj))
    np.testing.assert_allclose(mask.affine, expected.affine, atol=1e-4)
    lesions, expected_lesions = (
        json.loads((folder / "report.json").read_text())["lesions"] for folder in (of_dicom, of_nifti)
    )
    assert len(lesions) == len(expected_lesions) > 0
