"""DICOM through the client and the real preprocessing service; the model is a stand-in."""

from __future__ import annotations

import hashlib
import json

import nibabel as nib
import numpy as np
import pytest
from click.testing import CliRunner
from hunet_client import SegmentationClient
from hunet_client.cli import hunet
from hunet_client.errors import ScanRefusedError
from mamba_hunet.phantom.dicom_series import mr_datasets
from PIL import Image
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless

CENTRE_RAS = np.array([30.0, 20.0, -25.0])


@pytest.fixture
def run(stack, service_address):
    """`hunet segment` with a model that says lesion where a slice's normalised intensity is above 4."""
    stack.triton.predict = lambda slices: 1 / (1 + np.exp(4 - slices))

    def invoke(*arguments):
        addresses = [f"--preprocess-address={service_address}", f"--triton-address={stack.settings.triton_address}"]
        return CliRunner().invoke(hunet, ["segment", *map(str, arguments), *addresses])

    return invoke


@pytest.fixture(scope="module")
def head():
    """A bright ball in a noisy ellipsoid, axial slices of 4 mm as scanners hold them: (i, j, k) and affine."""
    spacing_mm = (1.2, 1.0, 4.0)
    shape = (120, 170, 34)
    affine = np.diag([-1.2, -1.0, 4.0, 1.0])
    affine[:3, 3] = [72, 85, -66]
    world = np.moveaxis(np.indices(shape), 0, -1) @ affine[:3, :3].T + affine[:3, 3]
    noise = np.random.default_rng(0).normal(0, 4, shape)
    volume = np.where((world / [62, 78, 60]) ** 2 @ np.ones(3) < 1, 100 + noise, np.abs(noise))
    volume[np.linalg.norm(world - CENTRE_RAS, axis=-1) < 10] = 190
    assert np.allclose(nib.affines.voxel_sizes(affine), spacing_mm)
    return volume, affine


@pytest.fixture
def flair(head):
    return list(mr_datasets(*head))


def test_a_folder_of_several_series_ends_in_the_flairs_mask(run, flair, make_series, write_study, head, tmp_path):
    for dataset in flair:
        dataset.PatientName, dataset.PatientID, dataset.InstitutionName = "Doe^Jane", "4711", "Hospital"
    folder = write_study(flair, make_series("t2", 2), make_series("reformat", 3))
    result = run(folder, "-o", tmp_path / "out", "--min-lesion-ml", "1")

    assert result.exit_code == 0, result.output
    assert f"* series 1 ({flair[0].SeriesInstanceUID})" in result.stderr
    mask = nib.load(tmp_path / "out" / "mask.nii.gz")
    np.testing.assert_allclose(mask.affine, head[1], atol=1e-4)
    assert mask.shape == head[0].shape
    found = np.argwhere(np.asarray(mask.dataobj)).mean(axis=0)
    np.testing.assert_allclose(nib.affines.apply_affine(mask.affine, found), CENTRE_RAS, atol=0.5)

    text = (tmp_path / "out" / "report.json").read_text()
    report = json.loads(text)
    assert report["input"]["dicom"] == {
        "study_instance_uid": flair[0].StudyInstanceUID,
        "series_instance_uid": flair[0].SeriesInstanceUID,
    }
    for secret in ("Doe", "Jane", "4711", "Hospital", 'study"'):
        assert secret not in text
    picture = np.asarray(Image.open(tmp_path / "out" / "overlay.png").convert("RGB"))
    assert (picture == (255, 159, 28)).all(axis=-1).any()


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless])
def test_compressed_series_give_the_mask_and_picture_of_uncompressed_ones(syntax, run, flair, write_study, tmp_path):
    assert run(write_study(flair), "-o", tmp_path / "plain").exit_code == 0
    for dataset in flair:
        dataset.compress(syntax, generate_instance_uid=False)
    result = run(write_study(flair), "-o", tmp_path / "compressed")
    assert result.exit_code == 0, result.output
    for name in ("mask.nii.gz", "overlay.png"):
        assert (tmp_path / "compressed" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes(), name


def test_two_runs_give_the_same_files(run, flair, write_study, tmp_path):
    folder = write_study(flair)
    for out in ("a", "b"):
        assert run(folder, "-o", tmp_path / out).exit_code == 0
    for name in ("mask.nii.gz", "report.json", "overlay.png"):
        digests = {hashlib.sha256((tmp_path / out / name).read_bytes()).hexdigest() for out in ("a", "b")}
        assert len(digests) == 1, name


def test_doubt_is_a_usage_error_and_the_series_can_be_named(run, flair, head, write_study, tmp_path):
    again = list(mr_datasets(head[0] + 1, head[1]))
    for dataset in again:
        dataset.StudyInstanceUID, dataset.SeriesNumber = flair[0].StudyInstanceUID, 2
    folder = write_study(flair, again)
    result = run(folder, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert "in doubt which series is the FLAIR" in result.stderr
    assert flair[0].SeriesInstanceUID in result.stderr
    assert again[0].SeriesInstanceUID in result.stderr

    named = run(folder, "-o", tmp_path / "out", "--series", again[0].SeriesInstanceUID)
    assert named.exit_code == 0, named.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["input"]["dicom"]["series_instance_uid"] == again[0].SeriesInstanceUID


def test_a_missing_slice_is_refused_naming_the_folder(run, flair, write_study, tmp_path):
    del flair[10]
    folder = write_study(flair)
    result = run(folder, "-o", tmp_path / "out")
    assert result.exit_code == 3
    assert f"error: {folder}: between slices 10 and 11" in result.stderr


def test_one_file_of_a_series_is_refused_with_the_way_out(run, flair, tmp_path):
    flair[10].save_as(tmp_path / "one", enforce_file_format=True)
    result = run(tmp_path / "one", "-o", tmp_path / "out")
    assert result.exit_code == 3
    assert "give `hunet segment` its folder" in result.stderr


def test_the_manifest_names_the_frame_of_each_slice(stack, service_address, flair, write_study):
    settings = stack.settings.model_copy(update={"preprocess_address": service_address})
    with SegmentationClient(settings) as client:
        result = client.segment(write_study(flair))
    frames = [(frame.sop_instance_uid, frame.frame_number) for frame in result.manifest.source_frames]
    assert frames == [(dataset.SOPInstanceUID, 1) for dataset in flair]
    assert result.manifest.study_instance_uid == flair[0].StudyInstanceUID


def test_bytes_of_a_zip_go_as_they_are(stack, service_address, flair, write_study, zip_folder):
    settings = stack.settings.model_copy(update={"preprocess_address": service_address})
    content = zip_folder(write_study(flair))
    with SegmentationClient(settings) as client:
        assert (
            client.segment(content, file_name="study.zip").manifest.input_sha256 == hashlib.sha256(content).hexdigest()
        )
        with pytest.raises(ScanRefusedError) as caught:
            client.segment(content[:5000], file_name="study.zip")
    assert caught.value.reason_code == "corrupt_zip"
