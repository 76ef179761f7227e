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
# Each held right after the state was written; `sending` after the destination took everything, before that is noted.
PLACES = ("complete", "selected", "segmenting", "built", "sending", "sent", "done")


def test_a_gateway_killed_at_every_state_ends_each_study_once(orthanc, make_gateway):
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
    assert len(orthanc.instances("SR")) == studies


def test_a_sender_cut_off_by_the_kill_sends_again_and_nothing_is_lost_or_doubled(orthanc, make_gateway):
    gateway = make_gateway(orthanc)
    series = [dataset for number in range(2) for dataset in make_series(f"cut off {number}", slices=12)]
    random.Random(7).shuffle(series)
    for cut in (5, 11, 17)[: 3 if KILLS > 1 else 1]:
        statuses = gateway.send(series[:cut])
        assert set(statuses) == {0}
        gateway.kill()
        gateway.start()

    gateway.send(series)

    jobs = gateway.wait_for_settled_jobs()
    last = {}
    for job in jobs:
        last[job["study_uid"]] = job
    for study_uid, job in last.items():
        assert {result["sop_uid"] for result in job["results"]} <= {
            *orthanc.instances("SR", study_uid),
            *orthanc.instances("OT", study_uid),
        }
        revisions = [one for one in jobs if one["study_uid"] == study_uid]
        assert len(orthanc.instances("SR", study_uid)) == len(revisions)
    assert len(last) == 2
