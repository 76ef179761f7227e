"""kill -9 at every state of a job: after the restart each study still ends in exactly one set of results.

HUNET_KILLS_PER_STATE=10 gives the long form (`tests/pacs_gateway/faults.sh`).
"""

from __future__ import annotations

import os
import random

import pytest
from mr_series import make_series

pytestmark = [pytest.mark.xdist_group("pacs"), pytest.mark.slow]

KILLS = int(os.environ.get("HUNET_KILLS_PER_STATE", "1"))
STUDIES, SLICES, CUTS = (5, 200, 3) if KILLS > 1 else (2, 10, 1)
# Each held right after the state was written; `sending` after the destination took everything, before that is noted.
PLACES = ("complete", "selected", "segmenting", "built", "sending", "sent", "done")


def test_a_gateway_killed_at_every_state_ends_each_study_once(orthanc, make_gateway, record_property):
    gateway = make_gateway(orthanc)
    studies = 0
    for round_number in range(KILLS):
        for place in PLACES:
            study = f"killed at {place}, {round_number}"
            series = make_series(study, slices=4)
            gateway.hold(place)
            gateway.send(series)
            gateway.wait_at(place)
            gateway.kill()
            gateway.let_go(place)
            gateway.start()
            studies += 1
            jobs = gateway.wait_for_jobs(["done"] * studies)
            study_uid = series[0].StudyInstanceUID
            [job] = [job for job in jobs if job["study_uid"] == study_uid]
            assert len(orthanc.instances("SR", study_uid)) == 1, place
            assert len(orthanc.instances("OT", study_uid)) == 1, place
            assert {result["sop_uid"] for result in job["results"]} == {
                *orthanc.instances("SR", study_uid),
                *orthanc.instances("OT", study_uid),
            }
    record_property("measured", f"{KILLS} times at each of {', '.join(PLACES)}: {studies} studies")
    assert len(orthanc.instances("SR")) == studies


def test_a_gateway_killed_while_a_study_arrives_ends_it_once(orthanc, make_gateway, record_property):
    gateway = make_gateway(orthanc, quiet_s=2.0)
    for number in range(KILLS):
        series = make_series(f"killed at received, {number}", slices=4)
        assert set(gateway.send(series)) == {0}
        assert gateway.jobs()[-1]["state"] == "received"
        gateway.kill()
        gateway.start()
        gateway.wait_for_jobs(["done"] * (number + 1))
        assert len(orthanc.instances("SR", series[0].StudyInstanceUID)) == 1
    record_property("measured", f"{KILLS} times")
    assert len(orthanc.instances("SR")) == KILLS


def test_studies_shuffled_doubled_cut_off_and_late_are_neither_lost_nor_doubled(orthanc, make_gateway, record_property):
    gateway = make_gateway(orthanc, quiet_s=2.0)
    on_time = [dataset for number in range(STUDIES) for dataset in make_series(f"cut {number}", SLICES - 1)]
    late = [dataset for number in range(STUDIES) for dataset in make_series(f"cut {number}", 1, first=SLICES)]
    random.Random(7).shuffle(on_time)
    for cut in range(1, CUTS + 1):
        assert set(gateway.send(on_time[: cut * len(on_time) // (CUTS + 1)])) == {0}
        gateway.kill()
        gateway.start()

    for datasets in (on_time * 2, late):
        assert set(gateway.send(datasets)) == {0}
        gateway.wait_for_settled_jobs()

    record_property("measured", f"{STUDIES} studies of {SLICES} slices, cut off {CUTS} times")
    jobs = gateway.wait_for_settled_jobs()
    assert {job["state"] for job in jobs} == {"done"}
    studies = {dataset.StudyInstanceUID for dataset in late}
    assert {job["study_uid"] for job in jobs} == studies
    stored = gateway.metric('hunet_gateway_instances_total{outcome="stored"}')
    assert stored <= STUDIES * SLICES
    assert len(list((gateway.root / "studies").rglob("*.dcm"))) == STUDIES * SLICES
    for study_uid in studies:
        expected = [result for job in jobs if job["study_uid"] == study_uid for result in job["results"]]
        held = orthanc.instances("SR", study_uid) + orthanc.instances("OT", study_uid)
        assert sorted(result["sop_uid"] for result in expected) == sorted(held)
        assert len(held) == 2 * len([job for job in jobs if job["study_uid"] == study_uid])
