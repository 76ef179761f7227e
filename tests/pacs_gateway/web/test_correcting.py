"""A reader corrects the lesions; what they accept is kept beside what the model said."""

from __future__ import annotations

import io

import numpy as np
import pytest
from pydicom import dcmread
from seen_on_page import axial_point, crosshair_on_screen, figures


@pytest.fixture
def correcting(study_page):
    study_page.keyboard.press("e")
    study_page.wait_for_selector(".correcting")
    return study_page


def draw(page, *places):
    """A stroke through places of the axial slice."""
    points = [axial_point(page, *place) for place in places]
    page.mouse.move(*points[0])
    page.mouse.down()
    for point in points[1:]:
        page.mouse.move(*point, steps=6)
    page.mouse.up()


def change_ml(page):
    """(added, erased)"""
    added, erased = page.locator(".change span").all_inner_texts()
    return float(added.removeprefix("+")), float(erased.removeprefix("\N{MINUS SIGN}"))


def test_a_stroke_is_accepted_and_kept_beside_the_models_mask(correcting, api, study):
    path = f"studies/{study['id']}"
    before = api.get(f"{path}/mask.nii.gz").content
    model = api.volume(f"{path}/mask.nii.gz")
    revisions = len(api.get(f"{path}/corrections").json())

    draw(correcting, (0.4, 0.4), (0.45, 0.45))
    added_ml, erased_ml = change_ml(correcting)
    assert added_ml > 0
    assert erased_ml == 0
    correcting.click("text=Accept …")
    correcting.fill("#author", "Reader One")
    correcting.fill("#comment", "one by the right ventricle")
    correcting.locator("dialog").get_by_role("button", name="Accept", exact=True).click()
    correcting.get_by_role("button", name=f"Correction {revisions + 1}", exact=True).wait_for()

    kept = api.get(f"{path}/corrections").json()[-1]
    assert (kept["author"], kept["comment"]) == ("Reader One", "one by the right ventricle")
    mask = api.volume(f"{path}/corrections/{kept['revision']}/mask.nii.gz")
    np.testing.assert_array_equal(mask.affine, model.affine)
    difference = np.asarray(mask.dataobj).astype(int) - np.asarray(model.dataobj).astype(int)
    assert difference.min() == 0, "nothing is erased"
    voxel_ml = np.prod(model.header.get_zooms()[:3]) / 1000
    assert np.count_nonzero(difference) * voxel_ml == pytest.approx(added_ml, rel=0.01, abs=0.0006)
    assert kept["volume_ml"] == pytest.approx(np.count_nonzero(mask.dataobj) * voxel_ml, rel=0.001)
    # Where it was drawn: on the patient's right, in one slice.
    places = np.argwhere(difference)
    assert np.ptp(places, axis=0).min() == 0
    assert (places @ model.affine[:3, :3].T + model.affine[:3, 3])[:, 0].min() > 0
    assert api.get(f"{path}/mask.nii.gz").content == before, "the model's own stays"

    segmentation = dcmread(io.BytesIO(api.get(f"{path}/corrections/{kept['revision']}/segmentation.dcm").content))
    assert segmentation.Modality == "SEG"
    assert np.count_nonzero(segmentation.pixel_array) == np.count_nonzero(mask.dataobj)
    assert figures(correcting)[1] == pytest.approx(kept["volume_ml"], rel=0.005)


def test_strokes_can_be_undone(correcting):
    draw(correcting, (0.4, 0.4), (0.45, 0.45))
    first = change_ml(correcting)
    draw(correcting, (0.6, 0.4), (0.65, 0.45))
    assert change_ml(correcting) > first
    correcting.keyboard.press("Control+z")
    assert change_ml(correcting) == first
    correcting.click("text=Undo")
    assert change_ml(correcting) == (0, 0)


def test_a_lesion_can_be_erased(study_page):
    study_page.keyboard.press("j")
    volume_ml = float(study_page.inner_text("tr[aria-current] td >> nth=1"))
    study_page.keyboard.press("3")
    place = crosshair_on_screen(study_page)
    study_page.keyboard.press("e")
    study_page.get_by_role("button", name="Remove lesion").click()
    study_page.mouse.click(*place)
    assert change_ml(study_page)[1] > 0.3 * volume_ml


def test_leaving_asks_before_strokes_are_lost(correcting):
    before = figures(correcting)
    draw(correcting, (0.4, 0.4), (0.45, 0.45))
    correcting.keyboard.press("Escape")
    correcting.get_by_text("Discard your strokes?").wait_for()
    correcting.get_by_role("button", name="Go on correcting").click()
    assert change_ml(correcting)[0] > 0
    correcting.get_by_role("button", name="Discard").click()
    correcting.locator("dialog").get_by_role("button", name="Discard").click()
    correcting.wait_for_selector(".correcting", state="detached")
    assert figures(correcting) == before


def test_no_way_out_of_the_view_loses_strokes_unasked(correcting, study):
    draw(correcting, (0.4, 0.4), (0.45, 0.45))
    correcting.keyboard.press("g")
    correcting.get_by_text("Discard your strokes?").wait_for()
    correcting.get_by_role("button", name="Go on correcting").click()
    correcting.wait_for_function("id => location.hash.endsWith(id)", arg=study["id"])
    assert change_ml(correcting)[0] > 0
    correcting.get_by_role("link", name="Worklist", exact=True).click()
    correcting.locator("dialog").get_by_role("button", name="Discard").click()
    correcting.locator(".worklist").wait_for()


def test_a_stroke_that_ends_beside_the_scan_counts(correcting):
    correcting.mouse.move(*axial_point(correcting, 0.4, 0.4))
    correcting.mouse.down()
    correcting.mouse.move(*axial_point(correcting, 0.45, 0.45), steps=6)
    panel = correcting.locator("aside.panel").bounding_box()
    correcting.mouse.move(panel["x"] + 40, panel["y"] + 40)
    correcting.mouse.up()
    correcting.keyboard.press("Escape")
    correcting.get_by_text("Discard your strokes?").wait_for()
    correcting.locator("dialog").get_by_role("button", name="Discard").click()


def test_a_correction_on_its_way_is_neither_sent_twice_nor_discarded(correcting, api, study):
    revisions = len(api.get(f"studies/{study['id']}/corrections").json())
    held = []
    correcting.route("**/corrections?**", lambda route: held.append(route))
    draw(correcting, (0.4, 0.4), (0.45, 0.45))
    correcting.click("text=Accept …")
    correcting.fill("#author", "Reader One")
    with correcting.expect_request("**/corrections?**"):
        correcting.locator("dialog").get_by_role("button", name="Accept", exact=True).click()
    correcting.get_by_text("Sending …").wait_for()
    correcting.keyboard.press("Escape")
    assert correcting.locator("dialog").count() == 0
    assert correcting.locator(".correcting").get_attribute("inert") is not None
    held[0].continue_()
    correcting.get_by_role("button", name=f"Correction {revisions + 1}", exact=True).wait_for()
    assert len(held) == 1
    assert len(api.get(f"studies/{study['id']}/corrections").json()) == revisions + 1
