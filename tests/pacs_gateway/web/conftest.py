"""Debian's Chromium on the page, with a WebGL that needs no graphics card."""

from __future__ import annotations

import mimetypes
import re
import shutil
from pathlib import Path

import pytest
from pacs_gateway import web
from playwright.sync_api import sync_playwright

ARTEFACTS = Path(__file__).parents[2] / "artefacts"
WEB = Path(web.__file__).parent
FLAGS = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox"]
WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 390, "height": 844}


@pytest.fixture(scope="session")
def browser():
    chromium = shutil.which("chromium")
    assert chromium, "chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser, request):
    """`open_page(url, ...)`: a tab of its own context. What the browser complains of fails the test; a picture is kept."""
    contexts, complaints = [], []

    def open_it(url, *, viewport=WIDE, scheme="dark", context=None):
        if context is None:
            context = browser.new_context(viewport=viewport, color_scheme=scheme, accept_downloads=True)
            contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("console", lambda message: complaints.append(message.text) if is_complaint(message) else None)
        page.goto(url)
        return page

    yield open_it
    ARTEFACTS.mkdir(exist_ok=True)
    name = re.sub(r"\W+", "_", request.node.name)
    for number, page in enumerate(page for context in contexts for page in context.pages):
        page.screenshot(path=ARTEFACTS / f"{name}{f'_{number}' if number else ''}.png")
    for context in contexts:
        context.close()
    assert not complaints


def is_complaint(message):
    """Errors but those of requests that failed, which the page is there to answer."""
    return message.type == "error" and not message.text.startswith("Failed to load resource")


@pytest.fixture
def modules(browser):
    """A page that has the page's modules at hand and no gateway behind it."""
    context = browser.new_context()
    page = context.new_page()

    def from_disk(route):
        path = route.request.url.removeprefix("http://page.test/")
        kind = mimetypes.guess_type(path)[0] or "text/html"
        route.fulfill(body=(WEB / path).read_bytes() if path else b"", content_type=kind)

    page.route("http://page.test/**", from_disk)
    page.goto("http://page.test/")
    yield page
    context.close()
