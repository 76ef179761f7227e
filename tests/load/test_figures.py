"""What the figures say of known outcomes."""

from __future__ import annotations

import pytest
from hunet_load.figures import summarise
from hunet_load.processes import Sample, growth
from hunet_load.requests import Outcome
from hunet_load.soak import grows


def outcomes(count, ending, latency_s, priority="routine", error=""):
    return [Outcome(float(number), latency_s, ending, priority, 8, error) for number in range(count)]


def test_every_request_is_counted_once_under_how_it_ended():
    figures = summarise(
        outcomes(50, "answered", 1.0, "urgent")
        + outcomes(30, "answered", 3.0)
        + outcomes(10, "refused", 0.02)
        + outcomes(6, "late", 30.0)
        + outcomes(4, "failed", 0.1, error="ServiceUnavailableError"),
        duration_s=100.0,
    )
    assert (figures.answered, figures.refused, figures.late, figures.failed) == (80, 10, 6, 4)
    assert figures.requests == 100
    assert figures.offered_per_s == 1.0
    assert figures.goodput_per_s == pytest.approx(0.8)
    assert figures.errors == {"ServiceUnavailableError": 4}
    assert (figures.urgent_p95_s, figures.routine_p95_s, figures.refusal_p95_s) == (1.0, 3.0, 0.02)


def test_answers_that_come_after_the_load_do_not_make_goodput_look_better():
    figures = summarise([*outcomes(10, "answered", 1.0), Outcome(9.0, 31.0, "answered", "routine", 8)], duration_s=10.0)
    assert figures.goodput_per_s == pytest.approx(11 / 40)


def test_without_an_answer_there_is_no_latency():
    assert summarise(outcomes(3, "refused", 0.0), 10.0).latency_p99_s is None


def samples(pid, slope_mib_per_1000, answered=range(0, 2000, 100)):
    return [
        Sample(pid, "server", count, 100 + 40 * (count < 500) + slope_mib_per_1000 * count / 1000, 12, 30)
        for count in answered
    ]


def test_growth_is_that_of_the_second_half():
    steady, leaking = growth(samples(1, 0.0) + samples(2, 5.0))
    assert steady.resident_mib_per_1000_requests == pytest.approx(0.0, abs=1e-6)
    assert leaking.resident_mib_per_1000_requests == pytest.approx(5.0)
    assert grows([steady, leaking]) == [leaking]


def test_a_process_that_ended_meanwhile_has_no_growth():
    assert len(growth(samples(1, 0.0) + samples(2, 5.0, range(0, 900, 100)))) == 1
