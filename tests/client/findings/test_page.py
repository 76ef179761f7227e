"""findings.html: one sheet, nothing fetched, nothing run, every text escaped."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser

import pytest
from hunet_client.findings import compare, find, findings_page
from hunet_client.findings.document import Statement
from hunet_client.findings.knowledge import load_knowledge
from hunet_client.report import QualityFlag
from pypdf import PdfReader

HOSTILE = "<script>alert('1')</script>\"&<img src=x onerror=alert(1)>.nii.gz"


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.names.append(tag)
        self.attributes += attrs


@pytest.fixture(scope="module")
def findings(phantom):
    scan = phantom.examination
    return find(scan.flair, scan.mask, scan.affine, scan.report)


@pytest.fixture(scope="module")
def nothing_found(lesion_free):
    scan = lesion_free.examination
    return find(scan.flair, scan.mask, scan.affine, scan.report)


def test_it_says_what_findings_json_says(findings):
    page = findings_page(findings)

    assert findings.label in page
    assert "Research use only" in page
    assert "No clinician has reviewed" in page
    assert findings.method.replace("'", "&#39;") in page
    for statement in findings.statements:
        assert statement.text.replace("'", "&#39;") in page
    for reference in findings.references.values():
        assert reference.replace("'", "&#39;") in page
    assert page.count("<tr>") >= len(findings.lesions[:10])


def test_no_lesion_is_a_full_page(nothing_found):
    page = findings_page(nothing_found)

    assert "No lesion found" in page
    assert "does not say that there is no lesion" in page
    assert "Sources" in page


def test_every_text_is_escaped(findings):
    flag = QualityFlag(code="x", message=HOSTILE, severity="warning")
    page = findings_page(findings.model_copy(update={"file_name": HOSTILE, "quality_flags": (flag,)}))

    tags = Tags(page)
    assert not {"script", "img", "iframe", "object", "link"} & set(tags.names)
    assert not [name for name, _ in tags.attributes if name.startswith("on")]
    assert page.count("&lt;script&gt;") == 3


def test_nothing_is_fetched_and_only_its_own_style_passes(findings):
    page = findings_page(findings)

    assert not [value for name, value in Tags(page).attributes if name in ("src", "href", "action")]
    assert "url(" not in page
    assert "@import" not in page
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page).group(1).replace("&#39;", "'")
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'"


@pytest.fixture(scope="module")
def everything(phantom, findings):
    """As much as one sheet may have to hold: a change, flags, and every sentence of the file."""
    scan = phantom.examination
    flags = [
        QualityFlag(code=f"c{n}", message="A flag of the usual length about the scan. " * 2, severity="warning")
        for n in range(3)
    ]
    knowledge = load_knowledge()
    said = tuple(Statement(**one.model_dump(exclude={"when"})) for one in knowledge.statements)
    return findings.model_copy(
        update={
            "quality_flags": tuple(flags),
            "change": compare(scan, scan),
            "statements": said,
            "references": knowledge.cited_in(said),
        }
    )


@pytest.mark.parametrize("which", ["everything", "nothing_found"])
def test_it_prints_to_one_page(which, request, tmp_path):
    chromium = shutil.which("chromium")
    if chromium is None:
        assert not os.environ.get("CI"), "install Debian's chromium"
        pytest.skip("needs Debian's chromium")
    (tmp_path / "findings.html").write_text(findings_page(request.getfixturevalue(which)))
    command = [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer"]
    command += [
        f"--user-data-dir={tmp_path}",
        f"--print-to-pdf={tmp_path / 'page.pdf'}",
        str(tmp_path / "findings.html"),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=120)

    pages = PdfReader(tmp_path / "page.pdf").pages
    assert len(pages) == 1
    assert "Research use only" in pages[0].extract_text()
