"""Scans are sent from the page and watched until their lesions are there."""

from __future__ import annotations

from pathlib import Path

import pytest
from seen_on_page import figures, marked_pixels


@pytest.fixture
def worklist(open_page, api):
    page = open_page(api.url)
    page.wait_for_selector(".table-room > :not(.dim)")
    return page


def test_the_phantom_is_sent_watched_and_looked_at(worklist, api, phantom_nifti):
    worklist.set_input_files("#scan-files", phantom_nifti)
    row = worklist.locator("tbody tr", has_text=phantom_nifti.name).first
    row.wait_for()
    row.get_by_role("link").click()
    worklist.wait_for_selector("[data-lesion]", timeout=90_000)

    study_id = worklist.url.split("/")[-1]
    report = api.get(f"studies/{study_id}/report.json").json()
    assert figures(worklist) == (report["lesion_count"], pytest.approx(report["total_volume_ml"], rel=0.005))
    assert marked_pixels(worklist) > 30


def test_a_file_that_is_no_scan_is_refused_with_what_to_do(worklist, api, tmp_path):
    before = api.get("studies").json()["studies"]
    letter = tmp_path / "letter.nii.gz"
    letter.write_bytes(b"Dear colleague")
    worklist.set_input_files("#scan-files", letter)

    problem = worklist.locator(".upload-problem")
    problem.wait_for()
    assert "letter.nii.gz" in problem.inner_text()
    assert len(problem.inner_text().split(".")) > 2, "and what to do"
    assert [one["id"] for one in api.get("studies").json()["studies"]] == [one["id"] for one in before]
    worklist.get_by_role("button", name="Dismiss").click()
    problem.wait_for(state="detached")


def test_a_scan_over_the_limit_never_leaves_the_browser(worklist, api, tmp_path):
    limit_mb = api.get("info").json()["limits"]["max_upload_mb"]
    large = tmp_path / "large.nii"
    with large.open("wb") as file:
        file.truncate(limit_mb * 1_000_000 + 1)
    sent = []
    worklist.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    worklist.set_input_files("#scan-files", large)
    worklist.locator(".upload-problem").wait_for()
    assert f"{limit_mb} MB" in worklist.inner_text(".upload-problem")
    assert not sent


def test_files_of_a_dicom_folder_become_one_scan(worklist, api, phantom, tmp_path):
    from mamba_hunet.phantom.dicom_series import write_mr_series

    write_mr_series(tmp_path / "series", phantom.flair, phantom.affine)
    files = sorted((tmp_path / "series").iterdir())
    with worklist.expect_response(lambda answer: answer.request.method == "POST") as sent:
        worklist.set_input_files("#scan-files", [str(file) for file in files])
    new = sent.value.json()
    worklist.locator(f"tr[data-study='{new['id']}']").wait_for()
    assert api.wait_until_ended(new["id"])["state"] == "done"


def test_a_scan_can_be_dropped(worklist, phantom_nifti):
    content = Path(phantom_nifti).read_bytes().hex()
    worklist.evaluate(
        """content => {
          const bytes = Uint8Array.from(content.match(/../g), (pair) => parseInt(pair, 16));
          const transfer = new DataTransfer();
          transfer.items.add(new File([bytes], "dropped.nii.gz"));
          window.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, cancelable: true }));
        }""",
        content,
    )
    worklist.locator("tbody tr", has_text="dropped.nii.gz").wait_for()


def test_a_name_is_text_and_nothing_else(worklist, tmp_path, phantom_nifti):
    hostile = tmp_path / "<img src=x onerror=document.title=1>.nii.gz"
    hostile.write_bytes(Path(phantom_nifti).read_bytes())
    worklist.set_input_files("#scan-files", hostile)
    worklist.locator("tbody tr", has_text="onerror").wait_for()
    assert worklist.locator("img").count() == 0
    assert worklist.title().startswith("Worklist")


def test_the_worklist_is_filtered(worklist, study):
    row = worklist.locator(f"tr[data-study='{study['id']}']")
    row.wait_for()
    worklist.locator(".segments label", has_text="Failed").click()
    row.wait_for(state="detached")
    worklist.locator(".segments label", has_text="Done").click()
    row.wait_for()
    worklist.get_by_label("Urgent only").check()
    row.wait_for(state="detached")
    worklist.get_by_label("Urgent only").uncheck()
    worklist.get_by_label("Name or UID").fill("no study has this name")
    worklist.get_by_text("No study is like that.").wait_for()


def test_a_study_is_removed_once_the_reader_says_so(worklist, api, phantom_nifti):
    sent = api.send(Path(phantom_nifti).read_bytes(), "to_remove.nii.gz")
    row = worklist.locator(f"tr[data-study='{sent['id']}']")
    row.wait_for()
    row.get_by_role("button", name="Remove to_remove.nii.gz").click()
    worklist.get_by_role("button", name="Keep it").click()
    assert row.count() == 1
    row.get_by_role("button", name="Remove to_remove.nii.gz").click()
    worklist.get_by_role("button", name="Remove it").click()
    row.wait_for(state="detached")
    assert sent["id"] not in [one["id"] for one in api.get("studies").json()["studies"]]
