"""Pages of the list neither repeat a study nor leave one out, whatever its time's last digits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pacs_gateway.http_api.catalogue import Catalogue
from pacs_gateway.jobs.progress_board import ProgressBoard


@pytest.fixture(scope="module")
def ledgers(open_ledgers, tmp_path_factory):
    return open_ledgers(tmp_path_factory.mktemp("ledgers"))


@given(
    times=st.lists(
        st.floats(1.7e9, 1.9e9, allow_nan=False), min_size=3, max_size=6, unique_by=lambda time_s: round(time_s, 5)
    )
)
def test_pages_of_one_give_every_upload_once(ledgers, tmp_path_factory, times):
    for upload in ledgers.uploads.page(state=None, before=None, limit=100):
        ledgers.uploads.delete(upload.id)
    for number, received_at in enumerate(times):
        ledgers.uploads.add(f"{number:032x}", "scan", "digest", "routine", prior=None, idempotency_key=None)
        ledgers.uploads.change(f"{number:032x}", received_at=received_at)
    catalogue = Catalogue(tmp_path_factory.getbasetemp(), ledgers, ProgressBoard())
    seen, before = [], None
    while page := catalogue.page(None, before, limit=1):
        seen.append(int(page[0].id, 16))
        before = page[0].received_at
        assert len(seen) <= len(times)
    assert seen == sorted(range(len(times)), key=lambda number: -times[number])
