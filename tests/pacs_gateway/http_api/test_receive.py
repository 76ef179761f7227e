"""An upload that is acknowledged is on the disk, and so is the way to it."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from pacs_gateway.http_api.receive import receive_body
from starlette.requests import Request


@pytest.fixture
def synced(monkeypatch):
    """What was synced, in order."""
    paths, fsync = [], os.fsync

    def note(descriptor):
        paths.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    return paths


def test_the_file_and_then_each_folder_that_leads_to_it_is_synced(tmp_path, synced):
    async def receive():
        return {"type": "http.request", "body": b"a scan", "more_body": False}

    request = Request({"type": "http", "method": "POST", "headers": []}, receive)
    scan = tmp_path / "views" / "new" / "scan"

    asyncio.run(receive_body(request, scan, 100, root=tmp_path))

    assert scan.read_bytes() == b"a scan"
    assert synced == [scan, scan.parent, tmp_path / "views", tmp_path]
