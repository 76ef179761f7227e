"""A finished study on the page: overlay, threshold, lesions, views."""

from __future__ import annotations

import gzip

import nibabel
import numpy as np
import pytest
from hunet_client.lesions import find_lesions
from seen_on_page import axial_point, crosshair_mm, figures, marked_pixels, pixels

LAYOUT_KEYS = {"Three planes": "2", "Axial": "3", "Coronal": "4", "Sagittal": "5"}


@pytest.fixture(scope="module")
def report(api, study):
    return api.get(f"studies/{study['id']}/report.json").json()


@pytest.fixture(scope="module")
def probability(api, study):
    return api.volume(f"studies/{study['id']}/probability.nii.gz")


@pytest.fixture(scope="module")
def found(probability):
    """`found(threshold)`: the lesions that the client finds in the map."""

    def find(threshold):
        # The map is stored in steps of 1/255.
        level = int(np.ceil(threshold * 255))
        values = np.asarray(probability.dataobj, dtype=np.float32)
        spacing = probability.header.get_zooms()[:3]
        return find_lesions(values, probability.affine, spacing, threshold=(level - 0.25) / 255)

    return find


def test_the_lesions_of_the_report_are_shown(reading_page, report):
    assert figures(reading_page) == (report["lesion_count"], pytest.approx(report["total_volume_ml"], rel=0.005))
    assert reading_page.locator("tr[data-lesion]").count() == report["lesion_count"]
    assert marked_pixels(reading_page) > 30
    reading_page.keyboard.press("m")
    assert marked_pixels(reading_page) == 0
    reading_page.keyboard.press("m")
    assert marked_pixels(reading_page) > 30
    outlined = marked_pixels(reading_page)
    reading_page.keyboard.press("o")
    assert marked_pixels(reading_page) > 1.3 * outlined, "filled"


def test_the_threshold_acts_on_the_probability_map(reading_page, found):
    for threshold in (0.02, 0.2, 0.35, 0.8, 0.99):
        reading_page.locator("#threshold").fill(str(round(100 * threshold)))
        assert f"{threshold:.2f}" in reading_page.inner_text(".threshold output")
        lesions = found(threshold).lesions
        reading_page.wait_for_function(
            "count => document.querySelectorAll('tr[data-lesion]').length === count", arg=len(lesions)
        )
        expected = sum(lesion.volume_ml for lesion in lesions)
        assert figures(reading_page) == (len(lesions), pytest.approx(expected, rel=0.005, abs=0.0006))
    reading_page.keyboard.press("r")
    reading_page.wait_for_selector(".threshold button:disabled")


def test_each_lesion_is_a_click_away(reading_page, report, found, probability):
    lesions = found(report["provenance"]["postprocessing"]["threshold"])
    to_voxels = np.linalg.inv(probability.affine)
    for row in reading_page.locator("tr[data-lesion]").all():
        row.get_by_role("button").click()
        assert row.get_attribute("aria-current") is not None
        # The line is rounded to 0.1 mm, the middle of a voxel to none.
        i, j, k = np.rint(nibabel.affines.apply_affine(to_voxels, crosshair_mm(reading_page))).astype(int)
        expected = float(np.asarray(probability.dataobj)[i, j, k])
        assert f"probability {expected:.2f}" in reading_page.inner_text(".readout >> nth=0")
        index = lesions.labels[i, j, k]
        assert index, "the crosshair is in a lesion"
        volume = float(row.locator("td").nth(1).inner_text())
        assert volume == pytest.approx(lesions.lesions[index - 1].volume_ml, rel=0.006, abs=0.0006)


def test_the_keys_walk_through_the_lesions(reading_page, report):
    for key, expected in [("j", 1), ("j", 2), ("k", 1), ("k", report["lesion_count"]), ("j", 1)]:
        reading_page.keyboard.press(key)
        assert chosen(reading_page) == expected


def test_the_patients_right_is_on_the_left(reading_page):
    reading_page.mouse.click(*axial_point(reading_page, 0.3, 0.5))
    assert crosshair_mm(reading_page)[0] > 5
    reading_page.mouse.click(*axial_point(reading_page, 0.7, 0.5))
    assert crosshair_mm(reading_page)[0] < -5
    reading_page.mouse.click(*axial_point(reading_page, 0.5, 0.35))
    front = crosshair_mm(reading_page)[1]
    reading_page.mouse.click(*axial_point(reading_page, 0.5, 0.65))
    assert crosshair_mm(reading_page)[1] < front


def test_each_layout_draws_something_of_its_own(reading_page):
    drawn = []
    for name, key in LAYOUT_KEYS.items():
        reading_page.keyboard.press(key)
        assert reading_page.get_by_role("button", name=name, exact=True).get_attribute("aria-pressed") == "true"
        drawn.append(pixels(reading_page))
        assert drawn[-1].max() > 100
    for n, one in enumerate(drawn):
        assert not any(np.array_equal(one, other) for other in drawn[:n])


def test_a_scan_without_lesions_says_what_that_does_not_say(open_page, api, study, report, probability):
    """The phantom always has lesions: here the gateway's answers are emptied of them on their way."""
    page = open_page("about:blank")
    empty = nibabel.Nifti1Image(np.zeros(probability.shape, np.uint8), probability.affine)
    none_found = report | {"lesion_count": 0, "total_volume_ml": 0.0, "lesions": []}
    page.route("**/report.json", lambda route: route.fulfill(json=none_found))
    for name in ("probability.nii.gz", "mask.nii.gz"):
        page.route(f"**/{name}", lambda route: route.fulfill(body=gzip.compress(empty.to_bytes())))
    page.goto(f"{api.url}/#/studies/{study['id']}")

    page.get_by_text("No lesion was found. That does not say that there is none").wait_for()
    assert figures(page) == (0, 0)
    assert marked_pixels(page) == 0
    page.keyboard.press("j")
    assert chosen(page) == 0
    page.keyboard.press("[")
    page.get_by_text("No lesion at this threshold.").wait_for()


def chosen(page):
    current = page.locator("tr[aria-current]")
    return int(current.get_attribute("data-lesion")) if current.count() else 0


def test_findings_say_whose_they_are_while_other_marks_are_shown(reading_page):
    note = reading_page.get_by_text("What follows is of the model's result")
    reading_page.get_by_role("tab", name="Findings").click()
    assert note.is_hidden()
    reading_page.locator("#threshold").fill("20")
    note.wait_for()
