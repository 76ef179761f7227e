"""A deflated DICOM file is measured before anybody inflates it."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
import zlib

import pytest
from hunet_client.dicom.deflated import inflates_beyond
from hunet_client.errors import InputError
from hunet_client.open_scan import open_scan
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian

MIB = 2**20


def deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


@pytest.fixture
def honest(make_series):
    """A deflated file, and where its data set begins."""
    [dataset] = make_series(slices=1)
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    content = file.getvalue()
    return content, 144 + int.from_bytes(content[140:144], "little")


# One private element of nothing, so that pydicom too would read what is inflated.
NOTHING = bytes.fromhex("0900 0110 4f42 0000") + (64 * MIB).to_bytes(4, "little") + bytes(64 * MIB)


def bombs(content, start):
    yield "honest length", content[:start] + deflate(NOTHING)
    harmless = deflate(b"")
    # The group length points behind the data set that pydicom inflates.
    false_length = (start - 144 + len(deflate(NOTHING))).to_bytes(4, "little")
    yield "false length", content[:140] + false_length + content[144:start] + deflate(NOTHING) + harmless
    command = bytes.fromhex("0000 0001 0200 0000 0100")
    yield "behind a command", content[:start] + command + deflate(NOTHING)


@pytest.mark.parametrize("which", ["honest length", "false length", "behind a command"])
def test_a_bomb_is_known_wherever_pydicom_would_find_it(honest, which):
    bomb = dict(bombs(*honest))[which]
    tracemalloc.start()
    assert inflates_beyond(io.BytesIO(bomb), 8 * MIB)
    assert tracemalloc.get_traced_memory()[1] < 4 * MIB
    tracemalloc.stop()
    assert not inflates_beyond(io.BytesIO(bomb), 65 * MIB)
    assert len(dcmread(io.BytesIO(bomb)).get_item(0x00091001).value) == 64 * MIB, "it is what pydicom inflates"


def test_a_file_of_honest_size_is_none(honest):
    content, _ = honest
    assert not inflates_beyond(io.BytesIO(content), MIB)
    assert inflates_beyond(io.BytesIO(content), 100)


def test_a_bomb_in_a_zip_is_passed_over(honest, tmp_path, monkeypatch):
    monkeypatch.setattr("hunet_client.dicom.series_source.MAX_FILE_BYTES", 8 * MIB)
    path = tmp_path / "study.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("IM1", dict(bombs(*honest))["honest length"])
    tracemalloc.start()
    with pytest.raises(InputError, match="its DICOM files are damaged"):
        open_scan(path)
    assert tracemalloc.get_traced_memory()[1] < 8 * MIB
    tracemalloc.stop()


def test_a_zip_of_too_large_a_file_is_refused_by_what_it_says(tmp_path, monkeypatch):
    monkeypatch.setattr("hunet_client.dicom.files.MAX_FILE_BYTES", MIB)
    path = tmp_path / "study.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("IM1", bytes(128) + b"DICM" + bytes(2 * MIB))
    with pytest.raises(InputError, match="holds a file of 2 MiB"):
        open_scan(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_zip_is_an_error_about_its_file(make_series, tmp_path, method):
    path = tmp_path / "study.zip"
    [dataset] = make_series(slices=1)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("IM1", file.getvalue())
    content = bytearray(path.read_bytes())
    content[45:75] = bytes(b ^ 0xFF for b in content[45:75])
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"study\.zip"):
        open_scan(path)
