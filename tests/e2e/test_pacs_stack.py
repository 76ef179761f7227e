"""`hunet up --pacs`: a study that is stored in Orthanc is segmented, and its results come back."""

from __future__ import annotations

import json
import os
import time

import numpy as np
import psutil
import pytest
import requests
from hunet_local.archive import find_orthanc
from mamba_hunet.phantom import PhantomSettings, make_phantom
from mamba_hunet.phantom.dicom_series import write_mr_series
from pydicom import dcmread
from pynetdicom import AE

PATIENCE_S = 90


@pytest.fixture(scope="module")
def pacs_stack(start_stack):
    if find_orthanc() is None:
        assert not os.environ.get("CI"), "Orthanc is not installed"
        pytest.skip("Orthanc is not installed: apt install orthanc orthanc-dicomweb")
    return start_stack(options=["--pacs"])


@pytest.fixture(scope="module")
def phantom_study(tmp_path_factory):
    """The middle of a phantom as a folder of DICOM files, with a file that is none."""
    folder = tmp_path_factory.mktemp("study")
    phantom = make_phantom(PhantomSettings(), slices=range(12, 42))
    write_mr_series(folder, phantom.flair, phantom.affine)
    (folder / "README").write_text("no DICOM")
    return folder


def test_a_stored_study_comes_back_with_its_results(pacs_stack, phantom_study, tmp_path):
    run = pacs_stack.hunet("send-study", str(phantom_study), "-o", str(tmp_path))
    assert run.returncode == 0, run.stderr
    segmentation, report = (dcmread(tmp_path / name) for name in ("segmentation.dcm", "report.dcm"))
    source = dcmread(next(phantom_study.glob("*.dcm")), stop_before_pixels=True)
    assert segmentation.Modality == "SEG"
    assert report.Modality == "SR"
    assert segmentation.StudyInstanceUID == report.StudyInstanceUID == source.StudyInstanceUID
    assert np.count_nonzero(segmentation.pixel_array) > 100
    assert (tmp_path / "outlines.png").read_bytes().startswith(b"\x89PNG")


def test_results_do_not_go_round(pacs_stack, phantom_study, tmp_path):
    pacs_stack.hunet("send-study", str(phantom_study), "-o", str(tmp_path))
    configuration = pacs_stack.state_folder / "gateway" / "gateway.toml"
    before = json.loads(pacs_stack.hunet("pacs", "jobs", "--config", str(configuration), "--json").stdout)["jobs"]
    again = pacs_stack.hunet("send-study", str(phantom_study), "-o", str(tmp_path))
    assert again.returncode == 0, again.stderr
    after = json.loads(pacs_stack.hunet("pacs", "jobs", "--config", str(configuration), "--json").stdout)["jobs"]
    assert len(before) == len(after) == 1
    sent = requests.get(f"http://{pacs_stack.state.archive_http_address}/jobs?expand", timeout=10).json()
    stored = [job["Content"]["InstancesCount"] for job in sent if job["Type"] == "DicomModalityStore"]
    assert stored
    assert set(stored) == {len(list(phantom_study.glob("*.dcm")))}


def test_a_study_without_lesions_comes_back_with_a_report(pacs_stack, tmp_path):
    flat = make_phantom(PhantomSettings(), slices=range(12, 42))
    # What is left of the contrast is no lesion's.
    flair = np.minimum(flat.flair, np.percentile(flat.flair[flat.flair > 0], 50))
    write_mr_series(tmp_path / "study", flair, flat.affine)
    run = pacs_stack.hunet("send-study", str(tmp_path / "study"), "-o", str(tmp_path / "out"))
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "out" / "report.dcm").is_file()
    assert not (tmp_path / "out" / "segmentation.dcm").exists()


def test_status_names_gateway_and_archive(pacs_stack):
    run = pacs_stack.hunet("status", "--json")
    assert run.returncode == 0, run.stdout
    assert set(json.loads(run.stdout)["parts"]) == {"preprocess", "triton", "gateway", "archive"}


def test_a_killed_gateway_is_started_again(pacs_stack):
    killed = pacs_stack.process("gateway")
    killed.kill()
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        try:
            again = pacs_stack.process("gateway")
            if again.pid != killed.pid and pacs_stack.hunet("status").returncode == 0:
                return
        except (StopIteration, psutil.NoSuchProcess):
            pass
        assert time.monotonic() < give_up_at, pacs_stack.log()
        time.sleep(0.2)


def test_a_folder_without_dicom_is_refused(pacs_stack, tmp_path):
    (tmp_path / "notes.txt").write_text("no DICOM")
    run = pacs_stack.hunet("send-study", str(tmp_path))
    assert run.returncode == 2
    assert "0 DICOM studies" in run.stderr


def test_without_such_a_stack_the_command_says_how_to_start_one(running_stack, phantom_study):
    run = running_stack.hunet("send-study", str(phantom_study))
    assert run.returncode == 4
    assert "hunet up --pacs" in run.stderr


def test_the_archive_takes_studies_from_those_it_knows_on_this_machine(pacs_stack, phantom_study):
    host, port = pacs_stack.state.archive_dicom_address.rsplit(":", 1)
    first = dcmread(next(phantom_study.glob("*.dcm")))

    def store(calling):
        entity = AE(ae_title=calling)
        entity.add_requested_context(first.SOPClassUID, first.file_meta.TransferSyntaxUID)
        association = entity.associate(host, int(port), ae_title="ORTHANC")
        if not association.is_established:
            return None
        status = association.send_c_store(first).get("Status")
        association.release()
        return status

    assert store("STORESCU") == 0x0000
    assert store("STRANGER") != 0x0000
