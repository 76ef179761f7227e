"""A study on disk becomes one stream of the FLAIR's files."""

from __future__ import annotations

import contextlib
import hashlib
import io
import tracemalloc
import warnings
import zipfile

import anyio
import numpy as np
import pytest
from hunet_client.dicom.files import StoredFile
from hunet_client.dicom.series_zip import zip_pieces
from hunet_client.errors import InputError, UsageError
from hunet_client.open_scan import open_scan
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import Tag


def sent(source):
    async def read():
        return [chunk async for chunk in source.chunks()]

    chunks = anyio.run(read)
    assert max(map(len, chunks)) <= 2**20
    return b"".join(chunks)


def instances(content):
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return [dcmread(archive.open(member)).SOPInstanceUID for member in archive.infolist()]


@pytest.fixture
def study(make_series, write_study):
    return write_study(make_series("t2", 1), make_series("flair", 2), make_series("mprage", 3))


def test_the_flairs_files_are_sent_in_order_of_their_uids(study, make_series):
    assert instances(sent(open_scan(study))) == sorted(one.SOPInstanceUID for one in make_series("flair", 2))


def test_the_same_files_give_the_same_bytes_wherever_they_lie(study, zip_folder, tmp_path):
    first = sent(open_scan(study))
    packed = tmp_path / "study.zip"
    packed.write_bytes(zip_folder(study))
    assert sent(open_scan(packed)) == first
    (study / "DIR0").rename(study / "elsewhere")
    again = open_scan(study)
    assert sent(again) == first
    assert hashlib.sha256(sent(again)).digest() == hashlib.sha256(first).digest()


def test_a_file_that_lies_there_twice_is_sent_once(study, make_series):
    first = sent(open_scan(study))
    for number, dataset in enumerate(make_series("flair", 2)[:3]):
        dataset.save_as(study / f"again{number}", enforce_file_format=True)
    assert sent(open_scan(study)) == first


def test_names_of_folders_stay_here(study):
    source = open_scan(study)
    assert source.file_name.removesuffix(".zip").replace(".", "").isdigit()


def test_when_in_doubt_the_candidates_are_listed(make_series, write_study):
    flairs = make_series(number=1), make_series(number=2)
    folder = write_study(*flairs, make_series("t1", 3))
    with pytest.raises(UsageError, match="in doubt") as caught:
        open_scan(folder)
    for series in flairs:
        assert f"series {series[0].SeriesNumber} ({series[0].SeriesInstanceUID}): 8 points" in str(caught.value)
    assert "--series UID" in str(caught.value)

    decided = open_scan(folder, series_uid=flairs[1][0].SeriesInstanceUID)
    assert instances(sent(decided)) == sorted(one.SOPInstanceUID for one in flairs[1])


def test_a_series_that_is_not_there_is_an_error(study):
    with pytest.raises(UsageError, match=r"series 1\.2\.3 is not in it"):
        open_scan(study, series_uid="1.2.3")


def test_a_zip_that_broke_off_is_called_one(study, zip_folder, tmp_path):
    packed = tmp_path / "study.zip"
    packed.write_bytes(zip_folder(study)[:-100])
    with pytest.raises(InputError, match="the zip is damaged or incomplete"):
        open_scan(packed)


def test_dicom_files_without_a_series_are_an_error(make_series, write_study):
    [loose] = make_series("flair", 2)[:1]
    del loose.SeriesInstanceUID
    with pytest.raises(InputError, match="none of its DICOM files belongs to a series"):
        open_scan(write_study([loose]))


def test_a_folder_without_dicom_is_an_error(tmp_path):
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(InputError, match="no DICOM files"):
        open_scan(tmp_path)


def test_damaged_files_are_counted(study, make_series):
    content = io.BytesIO()
    make_series("flair", 9)[0].save_as(content, enforce_file_format=True)
    # Says that it is deflated, which it is not.
    damaged = content.getvalue().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.1.99\0\0")
    damaged = damaged.replace(b"UI\x14\x001.2.840.10008.1.2.1.99", b"UI\x18\x001.2.840.10008.1.2.1.99")
    (study / "damaged").write_bytes(damaged)
    source = open_scan(study)
    assert "1 files are damaged" in source.explanation
    assert instances(sent(source)) == sorted(one.SOPInstanceUID for one in make_series("flair", 2))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keyword=st.sampled_from(["NumberOfFrames", "SeriesNumber", "InversionTime", "ImagePositionPatient", "ImageType"]),
    value=st.binary(min_size=2, max_size=12),
)
def test_any_value_in_a_header_leaves_a_choice_or_a_usage_error(keyword, value, make_series, tmp_path):
    folder = tmp_path / "one"
    folder.mkdir(exist_ok=True)
    for number, dataset in enumerate(make_series("flair", 2)):
        old = dataset[keyword] if keyword in dataset else dataset.setdefault(keyword, DataElement(keyword, "IS", "1"))
        tag = Tag(keyword)
        del dataset[keyword]
        dataset[tag] = RawDataElement(tag, old.VR, len(value), value, 0, False, True)
        with warnings.catch_warnings(action="ignore"):
            dataset.save_as(folder / str(number), enforce_file_format=True)
    with warnings.catch_warnings(action="error"), contextlib.suppress(UsageError):
        open_scan(folder)


def test_a_large_series_is_never_held_whole():
    content = np.random.default_rng(0).bytes(8 * 2**20)
    files = [StoredFile(lambda: io.BytesIO(content))] * 8
    tracemalloc.start()
    total = sum(map(len, zip_pieces(files)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total > 64 * 2**20
    assert peak < 8 * 2**20
