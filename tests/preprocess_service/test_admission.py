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
    with pytest.raises(BusyError) as refused:
        async with visitors.admission.place():
            pass
    assert refused.value.retry_after_s == 7.0
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
