"""Two revisions of a study with the same slices never take each other's results."""

from __future__ import annotations

from mr_series import make_series
from pacs_gateway.sending.errors import DeliveryRejectedError, DestinationUnavailableError


def test_a_retried_revision_leaves_the_results_to_a_later_one_that_is_being_delivered(running_jobs, destination):
    destination.error = DeliveryRejectedError("orthanc", "refuses")
    study_uid = running_jobs.run(make_series("same slices"))
    running_jobs.wait_for("failed", study_uid, 1)
    destination.error = DestinationUnavailableError("orthanc", "away")
    running_jobs.run(make_series("same slices", description="SAG T1", slices=1))
    running_jobs.wait_for("built", study_uid, 2)
    results = running_jobs.ledgers.deliveries.results(study_uid, 2)

    running_jobs.ledgers.revisions.retry(study_uid, 1)
    running_jobs.watch.start_jobs()

    running_jobs.wait_for("done", study_uid, 1)
    said = running_jobs.ledgers.revisions.get(study_uid, 1).reason
    assert said == "The series is the one of revision 2, with the same slices."
    assert running_jobs.ledgers.deliveries.results(study_uid, 2) == results != []
    destination.error = None
    running_jobs.wait_for("done", study_uid, 2)
