"""The load that is offered is the load that was asked for."""

from __future__ import annotations

from hunet_load.arrivals import poisson_arrivals
from hunet_load.scans import Scan
from hypothesis import given
from hypothesis import strategies as st

SCANS = [Scan(8, b"small"), Scan(35, b"large")]


@given(st.floats(0.5, 20), st.integers(0, 1000))
def test_requests_come_as_often_as_asked_for(rate_per_s, seed):
    duration_s = 2000 / rate_per_s
    arrivals = poisson_arrivals(rate_per_s, duration_s, SCANS, 0.2, seed)
    # Five standard deviations of a Poisson count of 2000.
    assert abs(len(arrivals) - 2000) < 5 * 2000**0.5
    due_s = [arrival.due_s for arrival in arrivals]
    assert due_s == sorted(due_s)
    assert due_s[0] >= 0
    assert due_s[-1] < duration_s
    urgent = sum(arrival.priority == "urgent" for arrival in arrivals)
    assert abs(urgent / len(arrivals) - 0.2) < 0.05
    assert {arrival.scan for arrival in arrivals} == set(SCANS)


def test_equal_seeds_give_equal_loads():
    assert poisson_arrivals(2, 100, SCANS, 0.5, 7) == poisson_arrivals(2, 100, SCANS, 0.5, 7)
    assert poisson_arrivals(2, 100, SCANS, 0.5, 7) != poisson_arrivals(2, 100, SCANS, 0.5, 8)
