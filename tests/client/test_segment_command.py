"""`hunet segment`: files, table, JSON and exit codes, against services on real ports."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading

import nibabel as nib
import numpy as np
import pytest
from click.testing import CliRunner
from hunet_client import scan_source, segment_outcome
from hunet_client.async_client import DEFAULT_MODEL
from hunet_client.cli import hunet
from hunet_client.errors import InputError
from hunet_client.lesions import DEFAULT_MIN_LESION_ML, DEFAULT_THRESHOLD
from hunet_client.segment_command import segment


@pytest.fixture
def run(stack):
    def invoke(*arguments):
        return CliRunner().invoke(
            hunet,
            [
                "segment",
                *map(str, arguments),
                f"--preprocess-address={stack.settings.preprocess_address}",
                f"--triton-address={stack.settings.triton_address}",
            ],
        )

    return invoke


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_one_scan_leaves_mask_report_and_picture(run, scan_path, scan_volume, tmp_path):
    result = run(scan_path, "-o", tmp_path / "out")

    assert result.exit_code == 0, result.output
    assert sorted(digests(tmp_path / "out")) == [
        "findings.html",
        "findings.json",
        "mask.nii.gz",
        "overlay.png",
        "report.json",
    ]
    scan, mask = nib.load(scan_path), nib.load(tmp_path / "out" / "mask.nii.gz")
    assert np.array_equal(np.asarray(mask.dataobj), scan_volume >= 50)
    assert mask.affine.tobytes() == scan.affine.tobytes()
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["lesion_count"] == 2
    assert report["input"]["sha256"] == hashlib.sha256(scan_path.read_bytes()).hexdigest()
    assert "Research use only" in result.stdout
    assert "info: " in result.stdout


def test_the_table_says_how_sure_the_lesions_are_and_how_good_the_scan_is(run, stack, scan_path, tmp_path):
    def add_quality(manifest):
        for name, score in (("contrast", 1.0), ("noise", 0.31)):
            manifest.quality.components.add(name=name, score=score)
        manifest.quality.score = 0.31
        manifest.quality_flags.add(code="noisy", message="Noise is high.", severity="SEVERITY_WARNING")

    stack.preprocess.change_manifest = add_quality
    result = run(scan_path, "-o", tmp_path / "out")

    assert result.exit_code == 0, result.output
    row = next(line for line in result.stdout.splitlines() if "0.31" in line)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    confidences = [lesion["confidence"] for lesion in report["lesions"]]
    assert f"{min(confidences):.2f}-{max(confidences):.2f}" in row
    assert "0.31 noise" in row
    assert "warning: " in result.stdout
    assert "Noise is high." in result.stdout


def test_probability_is_written_when_asked_for_and_never_left_over(run, scan_path, scan_volume, tmp_path):
    run(scan_path, "-o", tmp_path / "out", "--probability")
    probability = nib.load(tmp_path / "out" / "probability.nii.gz")
    assert probability.get_data_dtype() == np.float32
    assert np.array_equal(np.asarray(probability.dataobj), np.clip(scan_volume / 100, 0, 1).astype(np.float32))

    run(scan_path, "-o", tmp_path / "out")
    assert not (tmp_path / "out" / "probability.nii.gz").exists()


def test_a_scan_that_cannot_be_shown_leaves_earlier_results_as_they_are(run, scan_path, tmp_path, monkeypatch):
    run(scan_path, "-o", tmp_path / "out")
    before = digests(tmp_path / "out")

    def refuse(scan):
        raise InputError(str(scan), "cannot be read", "Export it again")

    monkeypatch.setattr(scan_source, "read_nifti", refuse)
    result = run(scan_path, "-o", tmp_path / "out", "--threshold", "0.2")

    assert result.exit_code == 3
    assert "Export it again" in result.stderr
    assert digests(tmp_path / "out") == before


def test_a_comparison_with_an_earlier_scan_is_never_left_over(run, scan_path, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for name in ("change.json", "change.png"):
        (out / name).write_text("of earlier results")

    assert run(scan_path, "-o", out).exit_code == 0
    assert not {"change.json", "change.png"} & digests(out).keys()


def test_a_second_run_writes_the_same_bytes(run, scan_path, tmp_path):
    run(scan_path, "-o", tmp_path / "first", "--probability")
    run(scan_path, "-o", tmp_path / "second", "--probability")

    assert digests(tmp_path / "first") == digests(tmp_path / "second")


def test_several_scans_get_a_folder_each_even_when_their_files_share_a_name(run, scan_path, tmp_path):
    scans = []
    for patient in ("p1", "p2"):
        (tmp_path / patient).mkdir()
        scans.append(shutil.copy(scan_path, tmp_path / patient))

    result = run(*scans, "-o", tmp_path / "out")

    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["p1_flair", "p2_flair"]


def test_the_same_scan_twice_is_a_usage_error(run, stack, scan_path, tmp_path):
    result = run(scan_path, scan_path, "-o", tmp_path / "out")

    assert result.exit_code == 2
    assert "would all be written to" in result.stderr
    assert stack.preprocess.preprocess.calls == 0


def test_one_bad_scan_does_not_stop_the_others(run, scan_path, tmp_path):
    result = run(tmp_path / "absent.nii", scan_path, "-o", tmp_path / "out")

    assert result.exit_code == 3
    assert result.stderr == f"error: {tmp_path / 'absent.nii'}: no such file. Check the path.\n"
    assert (tmp_path / "out" / "flair" / "mask.nii.gz").exists()
    assert not (tmp_path / "out" / "absent").exists()


def test_scans_that_fail_for_different_reasons_end_in_one(run, stack, scan_path, tmp_path):
    stack.preprocess.change_batches = lambda batches: batches[1:]
    result = run(tmp_path / "absent.nii", scan_path, "-o", tmp_path / "out")

    assert result.exit_code == 1
    assert len(result.stderr.splitlines()) == 2


def test_json_holds_reports_and_errors(run, scan_path, tmp_path):
    result = run(scan_path, tmp_path / "absent.nii", "-o", tmp_path / "out", "--json", "--threshold", "0.8")

    document = json.loads(result.stdout)
    done, failed = document["scans"]
    assert done["report"]["lesion_count"] == 1
    assert done["report"]["provenance"]["postprocessing"]["threshold"] == 0.8
    assert set(done["files"]) == {"mask", "report", "overlay", "findings", "page"}
    assert failed["error"]["kind"] == "InputError"
    assert failed["error"]["exit_code"] == result.exit_code == 3
    assert "Research use only" in document["research_use_only"]


def test_urgent_and_deadline_reach_triton(run, stack, scan_path, tmp_path):
    assert run(scan_path, "-o", tmp_path / "out", "--urgent", "--deadline-s", "50").exit_code == 0

    assert stack.triton.requests
    for request in stack.triton.requests:
        assert request.parameters["priority"].uint64_param == 1
        assert request.parameters["timeout"].int64_param <= 50e6


# Not even root makes files in /proc.
@pytest.mark.parametrize("folder", ["file/out", "/proc"])
def test_an_unwritable_folder_is_found_before_any_work(run, stack, scan_path, tmp_path, folder):
    (tmp_path / "file").write_text("")

    result = run(scan_path, "-o", tmp_path / folder)

    assert result.exit_code == 1
    assert "cannot be written" in result.stderr
    assert stack.preprocess.preprocess.calls == 0


def test_an_error_that_nobody_foresaw_does_not_stop_the_other_scans(run, scan_path, tmp_path, monkeypatch):
    other = shutil.copy(scan_path, tmp_path / "other.nii.gz")
    build = segment_outcome.build_report

    def fails_once(segmentation):
        monkeypatch.setattr(segment_outcome, "build_report", build)
        raise RuntimeError("a surprise")

    monkeypatch.setattr(segment_outcome, "build_report", fails_once)
    result = run(scan_path, other, "-o", tmp_path / "out")

    assert result.exit_code == 1
    assert f"{scan_path}: unexpected RuntimeError: a surprise" in result.stderr
    assert (tmp_path / "out" / "other" / "report.json").exists()


@pytest.fixture
def opening_takes_a_third_of_a_second(monkeypatch):
    opened = segment_outcome.open_scan

    def open_slowly(*arguments, **options):
        threading.Event().wait(1 / 3)
        return opened(*arguments, **options)

    monkeypatch.setattr(segment_outcome, "open_scan", open_slowly)


@pytest.fixture
def segmentations(monkeypatch):
    """What the client has given back."""
    given, build = [], segment_outcome.build_report

    def keep(segmentation):
        given.append(segmentation)
        return build(segmentation)

    monkeypatch.setattr(segment_outcome, "build_report", keep)
    return given


@pytest.mark.usefixtures("opening_takes_a_third_of_a_second")
def test_the_time_of_opening_a_scan_counts(run, segmentations, scan_path, tmp_path):
    result = run(scan_path, "-o", tmp_path / "out", "--json")

    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["scans"][0]["elapsed_s"] > segmentations[0].elapsed_s + 0.33


@pytest.mark.usefixtures("opening_takes_a_third_of_a_second")
def test_a_scan_that_is_opened_after_its_deadline_is_not_sent(run, stack, scan_path, tmp_path):
    result = run(scan_path, "-o", tmp_path / "out", "--deadline-s", "0.1")

    assert result.exit_code == 4
    assert f"{scan_path}: was not even opened within 0.1 s" in result.stderr
    assert stack.preprocess.preprocess.calls == 0


@pytest.mark.parametrize("name", [os.fsdecode(b"caf\xe9.nii.gz"), "[old] scan.nii.gz"])
def test_any_name_of_a_file_can_be_segmented_and_shown(run, scan_path, tmp_path, name):
    scan = scan_path.rename(scan_path.with_name(name))
    result = run(scan, "-o", tmp_path / "[out]")

    assert result.exit_code == 0, result.stderr
    shown = "".join(result.stdout.split())
    assert "[old]scan" in shown or "caf\ufffd" in shown
    assert "[out]" in shown


def test_a_series_of_a_nifti_file_is_an_error_in_the_call(run, scan_path, tmp_path):
    result = run(scan_path, "-o", tmp_path / "out", "--series", "1.2.3")

    assert result.exit_code == 2
    assert "Leave --series out" in result.stderr


def test_a_setting_that_is_none_is_named(scan_path, tmp_path):
    command = ["segment", str(scan_path), "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(hunet, command, env={"HUNET_TIMEOUTS__SCAN_S": "10min"})

    assert result.exit_code == 2
    assert result.stderr.startswith("error: HUNET_TIMEOUTS__SCAN_S: ")
    assert len(result.stderr.splitlines()) == 1


def test_without_services_machines_hear_of_it_too(scan_path, tmp_path):
    nobody = ["--preprocess-address=127.0.0.1:9", "--triton-address=127.0.0.1:9"]
    result = CliRunner().invoke(
        hunet,
        ["segment", str(scan_path), "-o", str(tmp_path / "out"), "--json", *nobody],
        env={"HUNET_TIMEOUTS__CONNECT_S": "0.2"},
    )

    document = json.loads(result.stdout)
    assert document["scans"] == []
    assert document["error"]["kind"] == "ServiceUnavailableError"
    assert document["error"]["exit_code"] == result.exit_code == 4


def test_without_services_it_says_so_once(scan_path, tmp_path):
    nobody = ["--preprocess-address=127.0.0.1:9", "--triton-address=127.0.0.1:9"]
    result = CliRunner().invoke(
        hunet,
        ["segment", str(scan_path), str(tmp_path / "b.nii"), "-o", str(tmp_path / "out"), *nobody],
        env={"HUNET_TIMEOUTS__CONNECT_S": "0.2"},
    )

    assert result.exit_code == 4
    assert len(result.stderr.splitlines()) == 1
    assert "`hunet up`" in result.stderr


def test_defaults_are_the_librarys():
    defaults = {option.name: option.default for option in segment.params}

    assert defaults["model"] == DEFAULT_MODEL
    assert defaults["threshold"] == DEFAULT_THRESHOLD
    assert defaults["min_lesion_ml"] == DEFAULT_MIN_LESION_ML
