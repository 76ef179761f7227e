"""A disk that fills up and a clock that is set back cost time and nothing else."""

from __future__ import annotations

import os
import subprocess
import time

import pytest
from gateway_process import Gateway, free_ports, wait_until
from mr_series import make_series
from pacs_gateway.storage import instances as instance_ledger
from pacs_gateway.storage import revisions as revision_ledger
from pacs_gateway.storage.instances import Instance

SUCCESS, OUT_OF_RESOURCES = 0x0000, 0xA700
SMALL, LARGE = "size=16m", "size=64m"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own, a few megabytes large."""
    (tmp_path / "storage").mkdir()
    command = ["mount", "-t", "tmpfs", "-o", SMALL, "tmpfs", tmp_path / "storage"]
    if os.geteuid() != 0 or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("a file system can be mounted by root only")
    yield tmp_path
    subprocess.run(["umount", "--lazy", tmp_path / "storage"], check=True)


@pytest.mark.xdist_group("pacs")
def test_on_a_full_disk_instances_are_refused_and_what_was_acknowledged_gets_its_results(orthanc, small_disk):
    gateway = Gateway(small_disk, *free_ports(2), orthanc=orthanc)
    orthanc.know(gateway)
    gateway.start()
    try:
        series = make_series("full disk", slices=40, size=512)  # 512 kB each
        statuses = gateway.send(series)
        refused = [dataset for dataset, status in zip(series, statuses, strict=True) if status != SUCCESS]
        assert set(statuses) == {SUCCESS, OUT_OF_RESOURCES}

        subprocess.run(["mount", "-o", f"remount,{LARGE}", gateway.root], check=True)
        assert set(gateway.send(refused)) == {SUCCESS}

        gateway.wait_for_settled_jobs()
        rows = gateway.jobs()
        assert {row["state"] for row in rows} == {"done"}, gateway.log()
        assert len(orthanc.instances("SR")) == len(rows), "one report for each revision"
    finally:
        gateway.stop()


@pytest.fixture
def clock(monkeypatch):
    """`clock(seconds)` sets the ledgers' clock back or forth."""

    class Clock:
        offset_s = 0.0

        def time(self):
            return time.time() + self.offset_s

    moved = Clock()
    for module in (instance_ledger, revision_ledger):
        monkeypatch.setattr(module, "time", moved)

    def move(seconds):
        moved.offset_s += seconds

    return move


@pytest.mark.parametrize("jump_s", [-86_400.0, 86_400.0])
def test_a_study_is_complete_soon_after_its_last_slice_however_the_clock_jumps(open_ledgers, tmp_path, clock, jump_s):
    ledgers = open_ledgers(tmp_path)
    ledgers.instances.add(
        Instance("1.2.3", "1.2", "1.2.1", "1.2.840.10008.5.1.4.1.1.4", "digest", "path", "PACS", "::1")
    )
    clock(jump_s)
    [revision] = wait_until(
        lambda: ledgers.revisions.close_quiet_studies(0.3, frozenset()), "the study's revision", timeout_s=5
    )
    assert (revision.study_uid, revision.number) == ("1.2", 1)
