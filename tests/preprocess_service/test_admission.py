"""Who is let in, in which order, and who is sent away."""

from __future__ import annotations

import asyncio

import pytest
from preprocess_service.admission import Admission, BusyError


class Visitors:
    """Calls that hold their place until they are let go; `entered` names them in the order of their entry."""

    def __init__(self, admission):
        self.admission = admission
        self.entered = []
        self.leave = {}
        self.tasks = {}

    async def come(self, name, **how):
        self.leave[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._visit(name, how))
        await asyncio.sleep(0)

    async def go(self, name):
        self.leave[name].set()
        await self.tasks[name]
        await asyncio.sleep(0)

    async def sent_away(self, **how):
        """The error of one who comes and finds no room."""
        with pytest.raises(BusyError) as refused:
            async with self.admission.place(**how):
                pass
        return refused.value

    async def _visit(self, name, how):
        async with self.admission.place(**how):
            self.entered.append(name)
            await self.leave[name].wait()


def visiting(test):
    """Runs a coroutine as a test."""

    def run():
        asyncio.run(test())

    return run


@visiting
async def test_urgent_calls_overtake_those_that_wait():
    visitors = Visitors(Admission(1, 5, 1.0))
    for name in ("first", "routine", "another"):
        await visitors.come(name)
    await visitors.come("urgent", urgent=True)
    for name in ("first", "urgent", "routine", "another"):
        await visitors.go(name)
    assert visitors.entered == ["first", "urgent", "routine", "another"]


@visiting
async def test_whoever_finds_the_line_full_is_sent_away_at_once():
    visitors = Visitors(Admission(1, 1, 7.0))
    await visitors.come("inside")
    await visitors.come("waiting")
    assert (await visitors.sent_away()).retry_after_s == 7.0
    # Urgent ones have a line of their own.
    await visitors.come("urgent", urgent=True)
    for name in ("inside", "urgent", "waiting"):
        await visitors.go(name)
    assert visitors.entered == ["inside", "urgent", "waiting"]


@visiting
async def test_whoever_gives_up_waiting_leaves_no_trace():
    visitors = Visitors(Admission(1, 2, 1.0))
    for name in ("inside", "impatient", "patient"):
        await visitors.come(name)
    visitors.tasks["impatient"].cancel()
    await visitors.go("inside")
    await visitors.go("patient")
    assert visitors.entered == ["inside", "patient"]
    assert visitors.admission.in_flight == visitors.admission.waiting == 0


@visiting
async def test_a_place_given_to_one_who_gives_up_goes_to_the_next():
    visitors = Visitors(Admission(1, 2, 1.0))
    for name in ("inside", "impatient", "patient"):
        await visitors.come(name)
    visitors.leave["inside"].set()
    await visitors.tasks["inside"]
    # Its turn has come, and it has not yet run.
    visitors.tasks["impatient"].cancel()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await visitors.go("patient")
    assert visitors.entered[-1] == "patient"
    assert visitors.admission.in_flight == 0


@visiting
async def test_nobody_is_let_in_while_it_is_closed():
    is_open = False
    visitors = Visitors(Admission(2, 2, 1.0, is_open=lambda: is_open))
    await visitors.come("early")
    assert visitors.entered == []
    is_open = True
    visitors.admission.let_in()
    await asyncio.sleep(0)
    assert visitors.entered == ["early"]
    await visitors.go("early")


@visiting
async def test_whoever_cannot_be_done_by_the_deadline_is_sent_away_at_once():
    visitors = Visitors(Admission(1, 5, 1.0))
    visitors.admission.pace.note_scan(9.0)
    await visitors.come("inside", remaining_s=1.0)  # there is room: no waiting, no guessing
    error = await visitors.sent_away(remaining_s=4.0)
    assert "0 scans are waiting, and this one would be done 5 s after" in str(error)
    assert error.reason == "deadline"
    assert 4.9 < error.retry_after_s < 5.1
    await visitors.come("in time", remaining_s=10.0)
    await visitors.come("patient")
    for name in ("inside", "in time", "patient"):
        await visitors.go(name)
    assert visitors.entered == ["inside", "in time", "patient"]


@visiting
async def test_the_turns_of_those_ahead_in_the_line_count_too():
    visitors = Visitors(Admission(1, 5, 1.0))
    for name in ("inside", "first", "second", "third"):
        await visitors.come(name)
    await visitors.go("inside")
    await asyncio.sleep(0.2)
    await visitors.go("first")
    visitors.admission.pace.note_scan(9.0)
    # One is ahead, and a turn takes 0.2 s.
    assert "1 scans are waiting" in str(await visitors.sent_away(remaining_s=9.3))
    await visitors.come("urgent", urgent=True, remaining_s=9.3)
    for name in ("second", "urgent", "third"):
        await visitors.go(name)
    assert visitors.entered == ["inside", "first", "second", "urgent", "third"]


@visiting
async def test_whoever_has_become_too_late_while_waiting_loses_the_turn_to_the_next():
    visitors = Visitors(Admission(1, 5, 1.0))
    visitors.admission.pace.note_scan(0.05)
    await visitors.come("inside")
    await visitors.come("too late", remaining_s=0.06)
    await visitors.come("patient")
    await asyncio.sleep(0.02)
    visitors.leave["inside"].set()
    with pytest.raises(BusyError) as refused:
        await visitors.tasks["too late"]
    assert refused.value.reason == "deadline"
    await visitors.go("patient")
    assert visitors.entered == ["inside", "patient"]
    assert visitors.admission.in_flight == visitors.admission.waiting == 0


@visiting
async def test_whoever_is_sent_away_and_gives_up_at_once_leaves_no_trace():
    is_open = False
    visitors = Visitors(Admission(1, 5, 1.0, is_open=lambda: is_open))
    visitors.admission.pace.note_scan(0.05)
    await visitors.come("too late", remaining_s=0.06)
    await asyncio.sleep(0.02)
    is_open = True
    visitors.admission.let_in()
    # It has been sent away, and it has not yet run.
    visitors.tasks["too late"].cancel()
    with pytest.raises(asyncio.CancelledError):
        await visitors.tasks["too late"]
    assert visitors.admission.in_flight == visitors.admission.waiting == 0
