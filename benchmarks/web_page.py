"""How soon a result is seen on the web page, and how quickly its threshold answers, on a whole thin-sliced scan.

    .venv/bin/python benchmarks/web_page.py [SCAN]

Starts a stack of its own, and Debian's Chromium without a graphics card (apt install chromium; playwright is among the
tests' requirements). Without SCAN a phantom with voxels of 1 mm is made. From the study's `finished_at` to the frame
that shows its lesions; then, for steps of the slider, to the new count and volume, and to the new marks.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

import nibabel
import requests
from hunet_client.stack_state import StackState
from playwright.sync_api import Page, ViewportSize, sync_playwright
from serving import running_stack

FLAGS = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--no-sandbox"]
WINDOW = ViewportSize(width=1280, height=800)
PATIENCE_MS = 600_000
TARGET_SHOWN_S, TARGET_ANSWER_MS = 2.0, 50.0
SHOWN_AT_MS = """() => new Promise((resolve) => {
  const look = () => document.querySelector("tr[data-lesion]")
    ? requestAnimationFrame(() => resolve(Date.now()))
    : requestAnimationFrame(look);
  look();
})"""
ANSWERS_MS = """async () => {
  const slider = document.querySelector("#threshold");
  const count = document.querySelector(".stat strong");
  const times = [];
  for (const value of [30, 70, 20, 60, 40, 80, 25, 55]) {
    const marked = new Promise((resolve) => new MutationObserver(resolve).observe(count, { childList: true }));
    const began = performance.now();
    slider.value = value;
    slider.dispatchEvent(new Event("input"));
    const figures = performance.now() - began;
    await marked;
    // Drawn by the frame after that.
    await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    times.push([figures, performance.now() - began]);
  }
  return times;
}"""


def send(api: str, scan: Path) -> str:
    """Uploads a scan; its study's id."""
    headers = {"Content-Disposition": f'attachment; filename="{scan.name}"'}
    answer = requests.post(f"{api}/studies", data=scan.read_bytes(), headers=headers, timeout=60)
    answer.raise_for_status()
    return str(answer.json()["id"])


def measure(page: Page, url: str, scan: Path) -> None:
    """Prints what it finds."""
    study_id = send(f"{url}/api/v1", scan)
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{url}/#/studies/{study_id}")
    shown_at_s = page.evaluate(SHOWN_AT_MS) / 1000
    study = requests.get(f"{url}/api/v1/studies/{study_id}", timeout=10).json()
    shown_s = shown_at_s - datetime.fromisoformat(study["finished_at"]).timestamp()
    figures_ms, marks_ms = (statistics.median(times) for times in zip(*page.evaluate(ANSWERS_MS), strict=True))
    print(f"{study['lesion_count']} lesions shown {shown_s:.2f} s after the result (target: {TARGET_SHOWN_S:g} s)")
    print(f"slider: figures after {figures_ms:.0f} ms, marks after {marks_ms:.0f} ms (target: {TARGET_ANSWER_MS:g} ms)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scan", nargs="?", type=Path)
    scan = parser.parse_args().scan
    with tempfile.TemporaryDirectory(prefix="hunet-benchmark-") as name, running_stack(), sync_playwright() as driver:
        if scan is None:
            command = [sys.executable, "-m", "hunet_client", "phantom", "-o", name, "--spacing", "1", "1", "1"]
            subprocess.run(command, check=True, stdout=sys.stderr)
            scan = Path(name) / "flair.nii.gz"
        shape = nibabel.Nifti1Image.from_filename(scan).shape
        print(f"a scan of {' x '.join(map(str, shape))} voxels, Chromium without a graphics card")
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        state = StackState.read()
        assert state is not None
        measure(browser.new_page(viewport=WINDOW), f"http://{state.gateway_http_address}", scan)
        browser.close()


if __name__ == "__main__":
    main()
