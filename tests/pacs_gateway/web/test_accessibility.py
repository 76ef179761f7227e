"""axe finds nothing serious on any view, wide and narrow, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest

AXE = (Path(__file__).parent / "vendor/axe.min.js").read_text()
WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 390, "height": 844}


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "dark"), (NARROW, "light")], ids=["wide_dark", "narrow_light"])
def test_nothing_serious_on_any_view(open_page, api, study, size, scheme):
    # axe runs as a script of the page, which the page's own policy would refuse.
    page = open_page(api.url, viewport=size, scheme=scheme, bypass_csp=True)
    page.wait_for_selector(".studies")
    assert serious(page) == []
    page.goto(f"{api.url}/#/studies/{study['id']}")
    page.wait_for_selector("tr[data-lesion]")
    for tab in page.get_by_role("tab").all():
        tab.click()
        assert serious(page) == []
    page.keyboard.press("?")
    page.wait_for_selector("dialog")
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    page.click("text=Accept …")
    assert serious(page) == []
    page.keyboard.press("Escape")
    page.goto(f"{api.url}/#/studies/no-such-study")
    page.wait_for_selector(".problem")
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], "nothing sticks out"
    page.goto(f"{api.url}/#/studies/{study['id']}")
    page.wait_for_selector("tr[data-lesion]")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], "nothing sticks out"


def serious(page):
    page.evaluate(AXE)
    found = page.evaluate("axe.run()")["violations"]
    return [
        (one["id"], [node["target"] for node in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


def test_a_study_is_read_by_keyboard_alone(open_page, api, study):
    page = open_page(api.url)
    page.wait_for_selector(f"[data-study='{study['id']}']")
    link = page.locator(f"[data-study='{study['id']}'] a")
    for _ in range(40):
        page.keyboard.press("Tab")
        if link.evaluate("link => link === document.activeElement"):
            break
    page.keyboard.press("Enter")
    page.wait_for_selector("tr[data-lesion]")
    page.keyboard.press("j")
    assert page.locator("tr[aria-current]").count() == 1


def test_single_key_shortcuts_can_be_switched_off(study_page):
    study_page.keyboard.press("?")
    study_page.get_by_label("Single-key shortcuts").uncheck()
    study_page.get_by_role("button", name="Close").click()
    study_page.keyboard.press("j")
    assert study_page.locator("tr[aria-current]").count() == 0


def test_the_theme_follows_the_system_until_the_reader_chooses(open_page, api):
    page = open_page(api.url, scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.keyboard.press("t")
    dark = page.evaluate(ground)
    assert dark != light
    page.reload()
    assert page.evaluate(ground) == dark
