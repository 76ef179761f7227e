"""An earlier scan beside a later one of the same patient."""

from __future__ import annotations

import pytest
from seen_on_page import crosshair_mm, crosshair_on_screen, marked_pixels


@pytest.fixture(scope="module")
def later(api, study, phantom_nifti):
    """The phantom once more, with the first study named as its earlier scan."""
    sent = api.send(phantom_nifti.read_bytes(), "later.nii.gz", prior=study["id"])
    return api.wait_until_ended(sent["id"])


@pytest.fixture
def compared(open_page, api, later):
    page = open_page(f"{api.url}/#/studies/{later['id']}")
    page.wait_for_selector("tr[data-lesion]")
    page.keyboard.press("c")
    page.locator("[aria-label^=Compare][aria-pressed=true]").wait_for()
    return page


def in_pane(page, which):
    """The crosshair in parts of its viewer."""
    box = page.locator("canvas").nth(which).bounding_box()
    x, y = crosshair_on_screen(page, which)
    return (x - box["x"]) / box["width"], (y - box["y"]) / box["height"]


def test_both_scans_show_the_same_place(compared, study):
    assert study["name"] in compared.inner_text(".pane-name")
    compared.keyboard.press("3")
    for key in ("j", "j"):
        compared.keyboard.press(key)
        assert marked_pixels(compared, 1) > 10, "the earlier scan's own lesions"
        assert in_pane(compared, 0) == pytest.approx(in_pane(compared, 1), abs=0.02)


def test_the_earlier_scan_leads_too(compared):
    box = compared.locator("canvas").nth(1).bounding_box()
    compared.keyboard.press("3")
    compared.mouse.click(box["x"] + 0.35 * box["width"], box["y"] + 0.5 * box["height"])
    assert crosshair_mm(compared)[0] > 5, "to the right in the later scan's line"
    assert in_pane(compared, 0) == pytest.approx(in_pane(compared, 1), abs=0.02)


def test_the_comparison_ends_as_it_began(compared):
    compared.keyboard.press("Escape")
    assert compared.locator("canvas").count() == 1
    compared.keyboard.press("j")
    assert compared.locator("tr[aria-current]").count() == 1


def test_scans_that_cannot_be_laid_over_each_other_say_so(open_page, api, later):
    page = open_page(f"{api.url}/#/studies/{later['id']}")
    problem = {"title": "Not comparable", "status": 404, "detail": "the heads do not fit", "fix": "Compare by eye"}
    page.route("**/change?prior=*", lambda route: route.fulfill(status=404, json=problem))
    page.wait_for_selector("tr[data-lesion]")
    page.keyboard.press("c")
    page.get_by_text("not laid over each other").wait_for()
    assert "the heads do not fit" in page.inner_text(".pane-name")
    assert page.locator("td .tag").count() == 0, "no lesion is called new or gone"
