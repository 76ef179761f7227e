"""Debian's Chromium on the page, drawing without a graphics card; and a gateway with the real stack behind it."""

from __future__ import annotations

import mimetypes
import re
import shutil
import sys
import zipfile
from pathlib import Path

import nibabel
import pytest
from mamba_hunet.phantom import PhantomSettings, make_phantom
from mamba_hunet.phantom.dicom_series import write_mr_series
from playwright.sync_api import sync_playwright

from pacs_gateway import web

sys.path.append(str(Path(__file__).parent))
from gateway_api import GatewayApi, processing

ARTEFACTS = Path(__file__).parents[2] / "artefacts"
WEB = Path(web.__file__).parent
FLAGS = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox"]
FORGET = """if (location.protocol === "http:" && !sessionStorage.begun) {
  localStorage.clear();
  sessionStorage.begun = 1;
}"""
WIDE = {"width": 1280, "height": 800}
# Enough of the head to be taken for a FLAIR.
SLICES = range(12, 40)


@pytest.fixture(scope="module")
def browser():
    """Ends with its module: while Playwright runs, no other test of this process can run an event loop."""
    chromium = shutil.which("chromium")
    assert chromium, "chromium is missing: apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def contexts(browser):
    """`contexts(...)`: a context with these options, the same each time, so that scripts are read and compiled once."""
    made = {}

    def get(viewport, scheme, bypass_csp):
        key = (tuple(viewport.items()), scheme, bypass_csp)
        if key not in made:
            # Without a graphics card each frame of a movement costs as much as the first.
            made[key] = browser.new_context(
                viewport=viewport, color_scheme=scheme, bypass_csp=bypass_csp, reduced_motion="reduce"
            )
            # What a reader chose in one test is not for the next; a tab's own choices last while it is open.
            made[key].add_init_script(FORGET)
        return made[key]

    yield get
    for context in made.values():
        context.close()


@pytest.fixture
def open_page(contexts, request):
    """`open_page(url, ...)`: a tab. What the browser complains of fails the test; a picture is kept."""
    pages, complaints = [], []

    def open_it(url, *, viewport=WIDE, scheme="dark", bypass_csp=False):
        pages.append(contexts(viewport, scheme, bypass_csp).new_page())
        hear(pages[-1], complaints)
        pages[-1].goto(url)
        return pages[-1]

    yield open_it
    for number, page in enumerate(pages):
        picture(page, request, f"_{number}" if number else "")
        page.close()
    assert not complaints


def hear(page, complaints):
    # Without a graphics card, on a busy machine, a scan may take a quarter of a minute to be drawn.
    page.set_default_timeout(60_000)
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("console", lambda message: complaints.append(message.text) if is_complaint(message) else None)


def is_complaint(message):
    """Errors but those of requests that failed, which the page is there to answer."""
    return message.type == "error" and not message.text.startswith("Failed to load resource")


def picture(page, request, suffix=""):
    """Keeps a screenshot among the test artefacts."""
    ARTEFACTS.mkdir(exist_ok=True)
    name = re.sub(r"\W+", "_", request.node.name)
    page.screenshot(path=ARTEFACTS / f"{name}{suffix}.png")


@pytest.fixture
def modules(browser):
    """A page that has the page's modules at hand and no gateway behind it."""
    context = browser.new_context()
    page, complaints = context.new_page(), []
    hear(page, complaints)

    def from_disk(route):
        path = route.request.url.removeprefix("http://page.test/")
        kind = mimetypes.guess_type(path)[0] or "text/html"
        route.fulfill(body=(WEB / path).read_bytes() if path else b"", content_type=kind)

    page.route("http://page.test/**", from_disk)
    page.goto("http://page.test/")
    yield page
    context.close()
    assert not complaints


@pytest.fixture(scope="session")
def api(running_stack, make_lasting_gateway):
    """A gateway that segments with the real stack."""
    gateway = make_lasting_gateway(real_steps=True, quiet_s=2, extra=processing(running_stack.state))
    return GatewayApi(gateway.http_port)


@pytest.fixture(scope="session")
def phantom():
    return make_phantom(PhantomSettings(), slices=SLICES)


@pytest.fixture(scope="session")
def phantom_zip(phantom, tmp_path_factory):
    """The phantom as a zip of DICOM: a file."""
    folder = tmp_path_factory.mktemp("phantom")
    write_mr_series(folder / "series", phantom.flair, phantom.affine)
    path = folder / "phantom.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted((folder / "series").iterdir()):
            archive.write(file, file.name)
    return path


@pytest.fixture(scope="session")
def phantom_nifti(phantom, tmp_path_factory):
    path = tmp_path_factory.mktemp("phantom") / "phantom_flair.nii.gz"
    nibabel.save(nibabel.Nifti1Image(phantom.flair, phantom.affine), path)
    return path


@pytest.fixture(scope="session")
def study(api, phantom_zip):
    """The phantom's study, segmented."""
    sent = api.send(phantom_zip.read_bytes(), "phantom.zip")
    ended = api.wait_until_ended(sent["id"])
    assert ended["state"] == "done", ended
    return ended


@pytest.fixture
def study_page(open_page, api, study):
    """The study's page, its lesions marked."""
    page = open_page(f"{api.url}/#/studies/{study['id']}")
    page.wait_for_selector("[data-lesion]")
    return page


@pytest.fixture(scope="module")
def reading(contexts, api, study):
    """The study's page, open for as long as tests read it; and what the browser complained of."""
    page, complaints = contexts(WIDE, "dark", False).new_page(), []
    hear(page, complaints)
    page.goto(f"{api.url}/#/studies/{study['id']}")
    page.wait_for_selector("[data-lesion]")
    return page, complaints


@pytest.fixture
def reading_page(reading, request):
    """The study's page as it was opened, for tests that leave nothing behind but a threshold, a layout or a tab."""
    page, complaints = reading
    for tab_or_style in (page.get_by_role("tab", name="Lesions"), page.get_by_role("button", name="Outline")):
        tab_or_style.click()
    page.keyboard.press("2")
    page.keyboard.press("r")
    page.locator("tr[aria-current]").wait_for(state="detached")
    yield page
    picture(page, request)
    assert not complaints
