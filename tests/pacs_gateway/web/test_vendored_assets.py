"""What the page takes from npm is in the repository, unchanged, at the locked versions."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
GATEWAY = REPOSITORY / "pacs_gateway"
VENDOR = GATEWAY / "src/pacs_gateway/web/assets/vendor"
COPIES = {
    VENDOR / "niivue.js": "@niivue/niivue/dist/index.js",
    VENDOR / "fflate.js": "fflate/esm/browser.js",
    VENDOR / "eventsource-parser.js": "eventsource-parser/dist/index.js",
    Path(__file__).parent / "vendor/axe.min.js": "axe-core/axe.min.js",
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The packages of the lock; npm refuses any whose digest is not the lock's."""
    if not shutil.which("npm"):
        assert not os.environ.get("CI"), "npm is missing: apt-get install npm"
        pytest.skip("npm is missing")
    folder = tmp_path_factory.mktemp("npm")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(GATEWAY / name, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    return folder / "node_modules"


@pytest.mark.parametrize(("copy", "original"), COPIES.items(), ids=[copy.name for copy in COPIES])
def test_each_copy_is_what_the_lock_names(installed, copy, original):
    assert copy.read_bytes() == (installed / original).read_bytes(), "run pacs_gateway/vendor_page_assets.sh"


def test_every_vendored_script_has_its_licence():
    for script in VENDOR.glob("*.js"):
        assert script.with_suffix(".LICENSE").is_file(), script.name


def test_the_lock_names_exact_versions():
    wanted = json.loads((GATEWAY / "package.json").read_text())
    lock = json.loads((GATEWAY / "package-lock.json").read_text())["packages"]
    for name, version in (wanted["dependencies"] | wanted["devDependencies"]).items():
        assert lock[f"node_modules/{name}"]["version"] == version
        assert lock[f"node_modules/{name}"]["integrity"].startswith("sha512-")
