"""A system that answers nobody in time has no saturation to offer loads of."""

from __future__ import annotations

import asyncio

import pytest
from hunet_client.errors import ServiceUnavailableError
from hunet_load import run
from rich.progress import Progress


def test_a_deadline_that_nobody_can_keep_is_named(monkeypatch):
    async def found_nothing(*arguments):
        return 0.0

    monkeypatch.setattr(run, "find_saturation", found_nothing)
    plan = run.Plan((), (), 1.0, 1.0, 0.1, 0.2, "mamba_hunet", 0, None)
    with pytest.raises(ServiceUnavailableError, match=r"within the deadline of 0\.1 s"):
        asyncio.run(run._saturation(None, plan, Progress()))
