"""The manifest of a version directory."""

from __future__ import annotations

import json

import pytest
from hunet_export.description import describe
from hunet_export.manifest import Manifest, ManifestError, plain, sha256_of


@pytest.fixture
def version(tmp_path):
    """A version directory with one file and its manifest."""
    (tmp_path / "model.pt2").write_bytes(b"program")
    Manifest(
        model="mamba_hunet",
        weights_file="w.safetensors",
        weights_sha256="ab" * 32,
        network={"name": "mamba_hunet", "options": {}},
        precision="float32",
        description=plain(describe("mamba_hunet")),
        files={"model.pt2": sha256_of(tmp_path / "model.pt2")},
        config_sha256="cd" * 32,
        software={"torch": "2.13.0"},
        parity={},
        accuracy={},
        canary_tolerance=1e-3,
        exported_at="2026-01-01T00:00:00+00:00",
    ).write(tmp_path)
    return tmp_path


def test_what_was_written_is_read(version):
    manifest = Manifest.read(version)
    manifest.check_files(version)
    assert manifest.description == plain(describe("mamba_hunet"))
    assert "Research use only" in manifest.notice


def test_a_version_without_a_manifest_says_how_to_get_one(tmp_path):
    with pytest.raises(ManifestError, match=r"manifest\.json: not there; run `hunet export`"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"model": "mamba_hunet"}', "null"])
def test_something_else_under_that_name_is_refused(version, text):
    (version / "manifest.json").write_text(text)
    with pytest.raises(ManifestError, match=r"manifest\.json: not a manifest of this version"):
        Manifest.read(version)


def test_a_manifest_of_the_future_is_refused(version):
    content = json.loads((version / "manifest.json").read_text()) | {"manifest_version": 99}
    (version / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(ManifestError, match="of version 99"):
        Manifest.read(version)


def test_a_changed_file_is_found(version):
    (version / "model.pt2").write_bytes(b"another program")
    with pytest.raises(ManifestError, match=r"model\.pt2: not the file that was exported"):
        Manifest.read(version).check_files(version)


def test_a_missing_file_is_found(version):
    (version / "model.pt2").unlink()
    with pytest.raises(ManifestError, match=r"model\.pt2: not there"):
        Manifest.read(version).check_files(version)
