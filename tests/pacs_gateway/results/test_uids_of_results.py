"""A repeat is the same object; other pixels, weights or settings give another."""

from __future__ import annotations

import io

import numpy as np
import pytest
from pacs_gateway.results import SourceSeries, WantedResults, build_results
from pydicom.uid import RLELossless

EVERYTHING = WantedResults(probability=True, pdf=True)


def as_bytes(dataset) -> bytes:
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def uids(made) -> set[str]:
    return {item.SOPInstanceUID for item in made} | {item.SeriesInstanceUID for item in made}


def every_uid(made) -> set[str]:
    """All that this system gave: under 2.25."""
    found: set[str] = set()
    for item in made:
        item.walk(lambda _, element: found.update([str(element.value)] if element.VR == "UI" else []))
    return {uid for uid in found if uid.startswith("2.25.")}


@pytest.fixture
def build(written, make_segmentation, with_lesions, made_at):
    def make(datasets=None, **changes):
        probability = with_lesions.probability
        segmentation = make_segmentation(probability, np.diag([-1.0, -1, 1, 1]) @ with_lesions.affine, **changes)
        series = SourceSeries(tuple(datasets or written.single_frames()))
        return build_results(series, segmentation, EVERYTHING, made_at=made_at)

    return make


def test_a_repeat_is_the_same_byte_for_byte(build):
    assert [as_bytes(item) for item in build()] == [as_bytes(item) for item in build()]


def test_uids_are_uuids_that_no_two_objects_share(build):
    made = build()

    instances = [item.SOPInstanceUID for item in made]
    assert len(set(instances)) == len(instances)
    assert all(uid.is_valid and uid.startswith("2.25.") for uid in instances)


def test_other_weights_give_other_uids(build):
    assert not uids(build()) & uids(build(weights_sha256="cd" * 32))


def test_another_threshold_gives_other_uids(build):
    assert not uids(build()) & uids(build(threshold=0.6))


def test_other_pixels_give_other_uids(build, written):
    changed = written.single_frames()
    changed[4].PixelData = bytes(2) + changed[4].PixelData[:-2]

    assert not uids(build()) & uids(build(changed))


def test_another_transfer_syntax_gives_the_same_uids(build, written):
    compressed = written.single_frames()
    for dataset in compressed:
        dataset.compress(RLELossless, generate_instance_uid=False)

    assert every_uid(build()) == every_uid(build(compressed))


def test_times_follow_the_sources_offset_from_utc(build, written):
    datasets = written.single_frames()
    for dataset in datasets:
        dataset.TimezoneOffsetFromUTC = "-0330"

    for item in build(datasets):
        assert item.TimezoneOffsetFromUTC == "-0330"
        assert (item.ContentDate, item.ContentTime) == ("20260504", "090000")
