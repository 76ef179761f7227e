"""Which of a study's revisions segments a set of slices: never two, and never none."""

from __future__ import annotations

import pytest
from pacs_gateway.storage.instances import Instance

STUDY, SERIES, DIGEST = "1.2", "1.2.1", "digest"


@pytest.fixture
def revisions(open_ledgers, tmp_path):
    """The ledger's page, with two revisions of one study."""
    ledgers = open_ledgers(tmp_path)
    for number in (1, 2):
        uid = f"{SERIES}.{number}"
        ledgers.instances.add(
            Instance(uid, STUDY, SERIES, "1.2.840.10008.5.1.4.1.1.4", "pixels", "path", "PACS", "::1")
        )
        ledgers.revisions.close_quiet_studies(0.0, frozenset())
    yield ledgers.revisions
    ledgers.engine.dispose()


@pytest.fixture
def claim(revisions):
    """`claim(number)`: the number of the revision that has the slices already, or none."""

    def try_it(number):
        holder = revisions.claim_input(STUDY, number, SERIES, DIGEST)
        return holder and holder.number

    return try_it


@pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 1)])
def test_slices_that_one_revision_segments_are_not_segmented_by_another(claim, first, second):
    assert claim(first) is None
    assert claim(second) == first


def test_a_repeated_claim_holds(claim):
    assert claim(1) is None
    assert claim(1) is None


def test_a_failed_revision_leaves_its_slices_to_another(revisions, claim):
    claim(1)
    revisions.change(STUDY, 1, state="failed")
    assert claim(2) is None


def test_of_two_failed_revisions_that_are_retried_at_once_one_segments(revisions, claim):
    for number in (1, 2):
        claim(number)
        revisions.change(STUDY, number, state="failed")
    for number in (1, 2):
        assert revisions.retry(STUDY, number)
    assert [claim(1), claim(2)] == [None, 1]


def test_a_revision_that_ended_by_another_ones_results_does_not_keep_that_one_from_a_retry(revisions, claim):
    claim(1)
    revisions.change(STUDY, 1, state="failed")
    claim(2)
    revisions.retry(STUDY, 1)
    assert claim(1) == 2
    revisions.change(STUDY, 1, state="done")
    revisions.change(STUDY, 2, state="failed")
    revisions.retry(STUDY, 2)
    assert claim(2) is None
