"""A file is whole or not there."""

from __future__ import annotations

import os

import pytest
from hunet_client.atomic_write import write_atomically


def test_replaces_what_was_there_and_leaves_nothing_else(tmp_path):
    path = tmp_path / "mask.nii.gz"
    path.write_bytes(b"old")

    write_atomically(path, b"new")

    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["mask.nii.gz"]


def test_a_failure_before_the_rename_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "mask.nii.gz"
    path.write_bytes(b"old")

    def disk_full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", disk_full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")

    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["mask.nii.gz"]


def test_the_usual_permissions_apply(tmp_path):
    plain, written = tmp_path / "plain", tmp_path / "written"
    plain.write_bytes(b"")

    write_atomically(written, b"")

    assert written.stat().st_mode == plain.stat().st_mode
