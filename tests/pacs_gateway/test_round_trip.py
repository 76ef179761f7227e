"""A study goes round: stored, forwarded, answered, found."""

from __future__ import annotations

import pytest
from mr_series import PATIENT_NAME, as_bytes, make_series
from pydicom import dcmread

pytestmark = pytest.mark.xdist_group("pacs")


def test_a_study_that_orthanc_forwards_is_answered_in_the_same_study(orthanc, make_gateway, dcmtk, tmp_path):
    gateway = make_gateway(orthanc)
    series = make_series(slices=6)
    (tmp_path / "retrieved").mkdir()
    files = []
    for number, dataset in enumerate(series):
        files.append(tmp_path / f"{number}.dcm")
        files[-1].write_bytes(as_bytes(dataset))
    stored = dcmtk("storescu", "-aet", "DCMTK", "-aec", "ORTHANC", "127.0.0.1", orthanc.port, *files)
    assert stored.returncode == 0, stored.stderr
    [study] = orthanc.get("/studies")

    orthanc.post("/modalities/hunet/store", study)

    [job] = gateway.wait_for_jobs(["done"])
    assert job["priority"] == "urgent", "ORTHANC is an urgent sender"
    study_uid = series[0].StudyInstanceUID
    assert len(orthanc.instances("SR", study_uid)) == 1
    assert len(orthanc.instances("OT", study_uid)) == 1
    assert sorted(result["sop_uid"] for result in job["results"]) == sorted(
        orthanc.instances("SR") + orthanc.instances("OT")
    )
    found = dcmtk(
        "findscu", "-S", "-aet", "DCMTK", "-aec", "ORTHANC", "-k", "QueryRetrieveLevel=SERIES",
        "-k", f"StudyInstanceUID={study_uid}", "-k", "Modality", "127.0.0.1", orthanc.port,
    )  # fmt: skip
    assert {word for word in ("MR", "SR", "OT") if f"[{word}]" in (found.stdout + found.stderr).replace(" ", "")} == {
        "MR", "SR", "OT",
    }  # fmt: skip
    got = dcmtk(
        "getscu", "-S", "-aet", "DCMTK", "-aec", "ORTHANC", "-od", tmp_path / "retrieved",
        "-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study_uid}", "127.0.0.1", orthanc.port,
    )  # fmt: skip
    assert got.returncode == 0, got.stderr
    retrieved = [dcmread(path) for path in (tmp_path / "retrieved").iterdir()]
    assert sorted(one.Modality for one in retrieved) == ["MR"] * 6 + ["OT", "SR"]
    assert PATIENT_NAME.split("^")[0] not in gateway.log() + str(gateway.audit())
    assert [line["event"] for line in gateway.audit()] == ["study received", "results committed"]
