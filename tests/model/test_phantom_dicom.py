"""The phantom as a DICOM series is valid, and holds the voxels of its NIfTI file."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from click.testing import CliRunner
from mamba_hunet.phantom_command import phantom
from preprocess_service.pipeline import read_scan
from pydicom import dcmread


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("phantom")
    for spacing in (["3", "3", "4"], ["4", "3", "6"]):  # the second has fewer slices
        result = CliRunner().invoke(phantom, ["-o", str(folder), "--dicom", "--spacing", *spacing])
        assert result.exit_code == 0, result.output
    return folder


def test_dciodvfy_finds_no_error(folder):
    for path in sorted((folder / "dicom").iterdir())[::6]:
        checker = Path(sys.executable).with_name("dciodvfy")
        found = subprocess.run([checker, path], capture_output=True, text=True, check=False).stderr
        assert "MRImage" in found
        assert "Error" not in found


def test_its_voxels_and_places_are_those_of_the_nifti_file(folder):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path in (folder / "dicom").iterdir():
            archive.write(path, path.name)
    scan = read_scan(packed.getvalue(), file_name="phantom.zip")
    assert nib.aff2axcodes(scan.affine) == ("L", "P", "S")
    as_ras = nib.as_closest_canonical(nib.Nifti1Image(scan.data, scan.affine))
    expected = nib.load(folder / "flair.nii.gz")
    np.testing.assert_array_equal(as_ras.get_fdata(), expected.get_fdata())
    np.testing.assert_allclose(as_ras.affine, expected.affine, atol=1e-4)


def test_it_says_what_it_is(folder):
    header = dcmread(next((folder / "dicom").iterdir()), stop_before_pixels=True)
    assert header.SyntheticData == "YES"
    assert "research use only" in header.SeriesDescription
    assert header.PatientName == "Phantom^Synthetic"
