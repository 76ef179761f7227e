"""What people see: secondary captures and the one page."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hunet_client.notice import RESEARCH_USE_ONLY
from hunet_client.slice_picture import OUTLINE
from pacs_gateway.results.outlines import BAND_PX
from pypdf import PdfReader


def outline(pixels) -> np.ndarray:
    """(rows, columns) of the picture between its bands: where the outline's colour is."""
    picture = pixels[BAND_PX:-BAND_PX].astype(int)
    return np.abs(picture - np.array(OUTLINE)).sum(axis=-1) < 60


def has_notice(pixels) -> bool:
    """The notice stands in the outline's colour at the bottom."""
    return bool((np.abs(pixels[-BAND_PX:].astype(int) - np.array(OUTLINE)).sum(axis=-1) < 60).sum() > 100)


def test_each_slice_with_a_lesion_is_outlined(results, written):
    captures = results["Secondary Capture Image"]
    uids = [item.SourceImageSequence[0].ReferencedSOPInstanceUID for item in captures]

    assert uids == [written.single_frames()[k].SOPInstanceUID for k in (3, 4, 5)]
    assert [int(item.InstanceNumber) for item in captures] == [1, 2, 3]
    for item in captures:
        assert outline(item.pixel_array).sum() > 50
        assert has_notice(item.pixel_array)
        assert item.ImageComments == RESEARCH_USE_ONLY


def test_the_outline_lies_on_the_patients_side_of_the_lesion(results):
    """The large lesion lies left and behind, the small one right and in front."""
    large, _, small = (np.argwhere(outline(item.pixel_array)) for item in results["Secondary Capture Image"])
    rows, columns = results["Secondary Capture Image"][0].pixel_array.shape[:2]
    middle = (rows - 2 * BAND_PX) / 2, columns / 2

    assert results["Secondary Capture Image"][0].PatientOrientation == ["L", "P"]
    assert large.mean(axis=0)[0] > middle[0]
    assert large.mean(axis=0)[1] > middle[1]
    assert small.mean(axis=0)[0] < middle[0]
    assert small.mean(axis=0)[1] < middle[1]


def test_no_lesion_is_one_picture_without_outline(results_without):
    (item,) = results_without["Secondary Capture Image"]

    assert not outline(item.pixel_array).any()
    assert has_notice(item.pixel_array)


@pytest.mark.parametrize("found", ["with", "without"])
def test_the_page_says_what_was_found_and_names_nobody(results, results_without, found):
    item = (results if found == "with" else results_without)["Encapsulated PDF"][0]
    document = PdfReader(io.BytesIO(item.EncapsulatedDocument[: item.EncapsulatedDocumentLength]))

    assert len(document.pages) == 1
    words = document.pages[0].extract_text()
    assert RESEARCH_USE_ONLY in words
    assert ("2 lesions, 0.37 ml" if found == "with" else "No lesion found") in words
    assert "ab" * 32 in words
    assert not any(name in words for name in ("ller", "P123", "secret"))
    assert {source.ReferencedSOPClassUID.name for source in item.SourceInstanceSequence} == {"MR Image Storage"}
