"""What a reader accepted as a segmentation of its own."""

from __future__ import annotations

from datetime import timedelta, timezone
from io import BytesIO

import highdicom as hd
import numpy as np
import pytest
from hunet_client.report import build_report
from pacs_gateway.results.correction_object import corrected_object, correction_template
from pacs_gateway.results.views import dicom_file
from pydicom import dcmread


@pytest.fixture
def template(series, without_lesions, made_at):
    """As it comes back from the disk; made beside a result without any lesion, of which there is no SEG."""
    report = build_report(without_lesions)
    return dcmread(BytesIO(dicom_file(correction_template(series, without_lesions, report, made_at=made_at))))


@pytest.fixture
def mask(without_lesions):
    """A lesion that the model did not see, in the middle slices."""
    drawn = np.zeros_like(without_lesions.mask)
    i, j, k = (length // 2 for length in drawn.shape)
    drawn[i - 1 : i + 2, j : j + 2, k - 1 : k + 1] = 1
    return drawn


@pytest.fixture
def corrected(template, mask, without_lesions, made_at):
    made = corrected_object(template, mask, without_lesions.affine, revision=2, author="Zoë O=Neill", made_at=made_at)
    return dcmread(BytesIO(dicom_file(made)))


def test_it_holds_the_readers_mask_slice_by_slice(corrected, mask, series):
    read = hd.seg.Segmentation.from_dataset(corrected)
    uids = [frame.sop_instance_uid for frame in series.frames]
    pixels = read.get_pixels_by_source_instance(uids, combine_segments=True)
    np.testing.assert_array_equal(pixels.transpose(2, 1, 0), mask)


def test_it_says_that_a_reader_changed_what_the_model_made(corrected):
    assert corrected.SegmentSequence[0].SegmentAlgorithmType == "SEMIAUTOMATIC"
    assert corrected.ContentCreatorName == "Zoe O Neill"
    assert corrected.InstanceNumber == 2
    assert "research use only" in corrected.SeriesDescription


def test_its_series_has_one_time_and_the_source_s_zone(template, mask, without_lesions, made_at):
    begun = template.SeriesDate, template.SeriesTime
    template.TimezoneOffsetFromUTC = "+0530"
    later = made_at + timedelta(days=2)
    made = corrected_object(template, mask, without_lesions.affine, revision=3, author="Reader", made_at=later)
    assert (made.SeriesDate, made.SeriesTime) == begun
    there = later.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert (made.ContentDate, made.ContentTime) == (there.strftime("%Y%m%d"), there.strftime("%H%M%S"))


def test_every_revision_has_a_uid_of_its_own_that_a_repeat_gives_again(series, without_lesions, mask, made_at):
    report = build_report(without_lesions)

    def uid(revision, drawn):
        made = correction_template(series, without_lesions, report, made_at=made_at)
        return corrected_object(
            made, drawn, without_lesions.affine, revision=revision, author="Reader", made_at=made_at
        ).SOPInstanceUID

    assert uid(1, mask) == uid(1, mask)
    assert len({uid(1, mask), uid(2, mask), uid(1, 1 - mask)}) == 3


def test_dciodvfy_finds_no_error(corrected, run_tool, tmp_path):
    corrected.save_as(tmp_path / "corrected.dcm")
    said = run_tool("dciodvfy", "-new", tmp_path / "corrected.dcm")
    errors = [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")]
    assert errors == []
