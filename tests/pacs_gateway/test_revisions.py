"""When a study is complete, and what its slices, doubled, shuffled, late or again, lead to."""

from __future__ import annotations

import random

import pytest
from gateway_process import wait_until
from mr_series import make_series
from pydicom.uid import generate_uid

pytestmark = pytest.mark.xdist_group("pacs")

SUCCESS, DOES_NOT_MATCH = 0x0000, 0xA900


def test_shuffled_and_doubled_slices_make_one_set_of_results_and_a_late_slice_another(orthanc, make_gateway):
    gateway = make_gateway(orthanc)
    series = make_series("late", slices=8)
    on_time, late = series[:-1], series[-1:]
    doubled = on_time * 2
    random.Random(5).shuffle(doubled)

    assert set(gateway.send(doubled)) == {SUCCESS}
    [first] = gateway.wait_for_jobs(["done"])
    assert gateway.metric('hunet_gateway_instances_total{outcome="stored"}') == 7
    assert gateway.metric('hunet_gateway_instances_total{outcome="duplicate"}') == 7
    assert len(orthanc.instances("SR")) == 1

    gateway.send(late + on_time)
    [_, second] = gateway.wait_for_jobs(["done", "done"])
    assert second["revision"] == 2
    assert len(orthanc.instances("SR")) == 2, "the results of seven slices and those of eight"

    gateway.send(series)
    with pytest.raises(AssertionError, match="waited in vain"):
        wait_until(lambda: len(gateway.jobs()) > 2, "a third revision", timeout_s=3)
    assert {result["sop_uid"] for result in first["results"]}.isdisjoint(
        result["sop_uid"] for result in second["results"]
    )


def test_a_study_that_is_still_arriving_is_not_begun(orthanc, make_gateway):
    gateway = make_gateway(orthanc)
    series = make_series("slowly", slices=6)

    for dataset in series:
        gateway.send([dataset])
        assert [job["state"] for job in gateway.jobs()] == ["received"]

    [job] = gateway.wait_for_jobs(["done"])
    assert job["revision"] == 1


def test_a_series_that_changes_nothing_is_not_segmented_again(orthanc, make_gateway):
    gateway = make_gateway(orthanc)
    gateway.send(make_series("twice"))
    gateway.wait_for_jobs(["done"])

    gateway.send(make_series("twice", description="SAG T1", slices=2))

    [_, second] = gateway.wait_for_jobs(["done", "done"])
    assert second["reason"] == "The series is the one of revision 1, with the same slices."
    assert len(orthanc.instances("SR")) == 1


def test_a_study_without_a_flair_fails_at_once_and_says_why(orthanc, make_gateway):
    gateway = make_gateway(orthanc)
    gateway.send(make_series("unclear", description="SAG T1"))

    [job] = gateway.wait_for_jobs(["failed"])

    assert "no series is called FLAIR" in job["reason"]
    assert gateway.audit()[-1]["event"] == "job failed"


def test_what_is_no_mr_counts_as_nothing_to_do(orthanc, make_gateway):
    gateway = make_gateway(orthanc, extra='[series]\nexclude_descriptions = ["localizer"]')
    gateway.send(make_series("locating", description="LOCALIZER FLAIR"))

    [job] = gateway.wait_for_jobs(["done"])

    assert job["reason"] == "none of its 1 series counts."
    assert orthanc.instances("SR") == []


def test_another_image_with_a_known_uid_is_refused_and_the_first_is_kept(orthanc, make_gateway):
    gateway = make_gateway(orthanc)
    series = make_series("changed", slices=2)
    gateway.send(series)
    changed = make_series("changed", slices=1)[0]
    changed.PixelData = bytes(len(changed.PixelData))

    assert gateway.send([changed]) == [DOES_NOT_MATCH]

    gateway.wait_for_jobs(["done"])
    assert gateway.audit()[0]["event"] == "instance refused"
    assert gateway.audit()[0]["sop_uid"] == changed.SOPInstanceUID


def test_results_that_come_back_start_nothing(orthanc, make_gateway):
    gateway = make_gateway(orthanc)
    gateway.send(make_series("back"))
    gateway.wait_for_jobs(["done"])
    [study] = orthanc.get("/studies")

    orthanc.post("/modalities/hunet/store", study)

    assert gateway.metric('hunet_gateway_instances_total{outcome="own_result"}') == 2
    with pytest.raises(AssertionError, match="waited in vain"):
        wait_until(lambda: len(gateway.jobs()) > 1, "a second revision", timeout_s=2)


def test_an_announced_study_does_not_wait_for_the_quiet_time(orthanc, make_gateway):
    from pydicom.dataset import Dataset
    from pynetdicom import AE
    from pynetdicom.sop_class import InstanceAvailabilityNotification

    gateway = make_gateway(orthanc, quiet_s=3600.0)
    series = make_series("announced", slices=3)
    gateway.send(series)
    notice = Dataset()
    notice.ReferencedPerformedProcedureStepSequence = []
    notice.StudyInstanceUID = series[0].StudyInstanceUID
    in_series = Dataset()
    in_series.SeriesInstanceUID = series[0].SeriesInstanceUID
    in_series.ReferencedSOPSequence = []
    for dataset in series:
        reference = Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = (
            dataset.SOPClassUID,
            dataset.SOPInstanceUID,
        )
        reference.InstanceAvailability, reference.RetrieveAETitle = "ONLINE", "PACS"
        in_series.ReferencedSOPSequence.append(reference)
    notice.ReferencedSeriesSequence = [in_series]
    entity = AE(ae_title="PACS")
    entity.add_requested_context(InstanceAvailabilityNotification)
    association = entity.associate("127.0.0.1", gateway.port, ae_title="HUNET")

    status, _ = association.send_n_create(notice, InstanceAvailabilityNotification, generate_uid())
    association.release()

    assert status.Status == SUCCESS
    gateway.wait_for_jobs(["done"])


def test_only_the_chosen_instances_of_a_series_are_segmented(orthanc, make_gateway):
    gateway = make_gateway(orthanc)
    series = make_series("with a scout", slices=4)
    series[0].ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    gateway.send(series)
    gateway.wait_for_jobs(["done"])

    [uid] = orthanc.instances("OT")
    [found] = orthanc.post("/tools/lookup", uid)
    picture = orthanc.raw(f"/instances/{found['ID']}/frames/0/raw")
    assert set(picture) == {3}, "the picture's pixels say how many slices there were"
