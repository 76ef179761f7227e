"""`hunet change`: files in, files out, and what it refuses."""

from __future__ import annotations

import gzip
import hashlib
import json

import nibabel as nib
import numpy as np
import pytest
from click.testing import CliRunner
from hunet_client.cli import hunet
from hunet_client.findings import find
from hunet_client.nifti_output import mask_file
from hunet_client.report import Report


@pytest.fixture
def image_class():
    """The kind of NIfTI that the scans of a test are; parametrize it."""
    return nib.Nifti1Image


@pytest.fixture
def stored(tmp_path, image_class):
    """Writes an examination as `hunet segment` leaves it; returns scan and folder."""

    def store(examination, name):
        folder = tmp_path / name
        folder.mkdir()
        scan = tmp_path / f"{name}.nii.gz"
        image = image_class(examination.flair.astype(np.float32), examination.affine)
        nib.save(image, scan)
        (folder / "mask.nii.gz").write_bytes(mask_file(examination.mask, image.header.binaryblock))
        digest = hashlib.sha256(scan.read_bytes()).hexdigest()
        report = examination.report.model_copy(
            update={"input": examination.report.input.model_copy(update={"sha256": digest})}
        )
        (folder / "report.json").write_text(report.to_json())
        return scan, folder

    return store


def run(*arguments):
    return CliRunner().invoke(hunet, ["change", *map(str, arguments)])


@pytest.mark.parametrize("image_class", [nib.Nifti1Image, nib.Nifti2Image])
def test_it_leaves_change_picture_and_findings(stored, phantom, tmp_path):
    scan, results = stored(phantom.examination, "now")
    result = run(scan, results, "--prior", *stored(phantom.examination, "earlier"), "-o", tmp_path / "out")

    assert result.exit_code == 0, result.output
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["change.json", "change.png", "findings.html", "findings.json"]
    change = json.loads((tmp_path / "out" / "change.json").read_text())
    assert {lesion["change"] for lesion in change["lesions"]} == {"unchanged"}
    findings = json.loads((tmp_path / "out" / "findings.json").read_text())
    assert findings["change"] == change
    assert "unchanged" in result.stdout
    assert "Research use only" in result.stdout


def test_scans_that_cannot_be_compared_end_with_the_reason_and_write_nothing(stored, examine, settings, tmp_path):
    lower = stored(examine(settings, slices=slice(0, 20)).examination, "lower")
    upper = stored(examine(settings, slices=slice(36, None)).examination, "upper")
    result = run(*lower, "--prior", *upper, "-o", tmp_path / "out")

    assert result.exit_code == 3
    assert "cannot be compared with" in result.stderr
    assert not (tmp_path / "out").exists()


def test_results_of_another_scan_are_refused(stored, phantom, examine, settings, tmp_path):
    scan, results = stored(phantom.examination, "now")
    other, other_results = stored(examine(settings, slices=slice(0, 20)).examination, "other")
    mixed = run(scan, other_results, "--prior", scan, results, "-o", tmp_path / "out")
    missing = run(scan, tmp_path / "nowhere", "--prior", scan, results, "-o", tmp_path / "out")

    assert (mixed.exit_code, missing.exit_code) == (3, 3)
    assert "is not that of the results" in mixed.stderr
    assert "report.json: cannot be read" in missing.stderr
    assert other.exists()


def test_scans_and_results_in_the_wrong_order_are_refused(stored, examine, settings, tmp_path):
    now, results_now = stored(examine(settings).examination, "now")
    moved = np.eye(4)
    moved[0, 3] = 2
    earlier, results_earlier = stored(examine(settings, moved=moved).examination, "earlier")
    result = run(now, results_earlier, "--prior", earlier, results_now, "-o", tmp_path / "out")

    assert result.exit_code == 3
    assert "are of another scan" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_scan_that_was_compressed_since_is_the_same(stored, phantom, tmp_path):
    scan, results = stored(phantom.examination, "now")
    plain = tmp_path / "plain.nii"
    plain.write_bytes(gzip.decompress(scan.read_bytes()))
    report = json.loads((results / "report.json").read_text())
    report["input"]["sha256"] = hashlib.sha256(plain.read_bytes()).hexdigest()
    (results / "report.json").write_text(json.dumps(report))
    assert run(scan, results, "--prior", plain, results, "-o", tmp_path / "out").exit_code == 0


def test_a_mask_that_was_changed_since_is_named(stored, phantom, tmp_path):
    scan, results = stored(phantom.examination, "now")
    empty = np.zeros_like(phantom.examination.mask)
    nib.save(nib.Nifti1Image(empty, phantom.examination.affine), results / "mask.nii.gz")
    result = run(scan, results, "--prior", *stored(phantom.examination, "earlier"), "-o", tmp_path / "out")

    assert result.exit_code == 3
    assert "mask.nii.gz: was changed since its report was written" in result.stderr


@pytest.mark.parametrize("image_class", [nib.Nifti1Image, nib.Nifti2Image])
def test_the_nifti_file_of_a_dicom_series_need_only_lie_where_the_series_does(stored, phantom, tmp_path):
    scan, results = stored(phantom.examination, "now")
    report = json.loads((results / "report.json").read_text())
    report["input"] |= {
        "sha256": "0a" * 32,
        "dicom": {"study_instance_uid": "1.2", "series_instance_uid": "1.3"},
    }
    (results / "report.json").write_text(json.dumps(report))
    result = run(scan, results, "--prior", scan, results, "-o", tmp_path / "out")

    assert result.exit_code == 0, result.output


def test_a_scan_without_lesions_keeps_its_confidence(stored, phantom, lesion_free, tmp_path):
    scan, results = stored(lesion_free.examination, "now")
    now = lesion_free.examination
    report = Report.model_validate_json((results / "report.json").read_text())
    faint = np.full(now.mask.shape, 0.1, np.float32)
    before = find(now.flair, now.mask, now.affine, report, probability=faint)
    (results / "findings.json").write_text(before.to_json())
    earlier = stored(phantom.examination, "earlier")

    for folder in (tmp_path / "out", results):
        result = run(scan, results, "--prior", *earlier, "-o", folder)
        assert result.exit_code == 0, result.output
        assert json.loads((folder / "findings.json").read_text())["confidence"] == before.confidence == 0.9


def test_findings_that_are_damaged_are_named(stored, phantom, lesion_free, tmp_path):
    scan, results = stored(lesion_free.examination, "now")
    (results / "findings.json").write_text("{}")
    result = run(scan, results, "--prior", *stored(phantom.examination, "earlier"), "-o", tmp_path / "out")

    assert result.exit_code == 3
    assert "findings.json: are no findings of this version" in result.stderr
