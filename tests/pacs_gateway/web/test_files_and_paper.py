"""What leaves the page: files, and one sheet of paper."""

from __future__ import annotations

import io

import pytest
from pydicom import dcmread
from pypdf import PdfReader
from seen_on_page import figures


def test_each_file_is_what_the_api_has(reading_page, api, study):
    reading_page.get_by_role("tab", name="Files").click()
    buttons = reading_page.locator(".files [data-file]").all()
    saved = {}
    for button in buttons:
        with reading_page.expect_download() as download:
            button.click()
        saved[download.value.suggested_filename.removeprefix("phantom_")] = download.value.path().read_bytes()
    for name, content in saved.items():
        assert content == api.get(f"studies/{study['id']}/{name}").content, name
    assert {"mask.nii.gz", "probability.nii.gz", "report.json", "segmentation.dcm", "report.dcm"} <= set(saved)
    assert dcmread(io.BytesIO(saved["segmentation.dcm"])).Modality == "SEG"


@pytest.mark.parametrize(
    ("links", "said"),
    [
        (["mask.nii.gz"], "DICOM objects come with scans that were sent as DICOM."),
        (["report.dcm"], "No segmentation object: no lesion was found, or no destination takes one."),
        (["report.dcm", "segmentation.dcm"], None),
    ],
    ids=["NIfTI", "DICOM without segmentation", "DICOM with segmentation"],
)
def test_a_missing_segmentation_object_has_its_reason(modules, links, said):
    shown = modules.evaluate(
        """async (links) => {
          const { filesPanel } = await import("/assets/study/files_panel.js");
          const study = { name: "scan.zip", links: Object.fromEntries(links.map((name) => [name, `/${name}`])) };
          return filesPanel(study).querySelector("p")?.textContent ?? null;
        }""",
        links,
    )
    assert shown == said


def test_a_study_prints_to_one_page_that_says_what_it_is_for(reading_page, tmp_path):
    reading_page.pdf(path=tmp_path / "sheet.pdf", prefer_css_page_size=True)
    [sheet] = PdfReader(tmp_path / "sheet.pdf").pages
    text = sheet.extract_text()
    count, volume_ml = figures(reading_page)
    assert "Research use only" in text
    assert f"{count} lesion" in text
    assert f"{volume_ml:g}"[:3] in text
    assert sheet.images, "the scan"


def test_the_sheet_goes_with_the_view(study_page):
    study_page.keyboard.press("g")
    study_page.wait_for_selector(".worklist")
    study_page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert study_page.locator(".sheet").count() == 0
