"""A hospital's client: protocol and client alone in a fresh environment, without torch, and usable."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

USE_IT = """
import importlib.util
import numpy as np

for name in ("torch", "mamba_hunet", "preprocess_service", "scipy", "hunet_local"):
    assert importlib.util.find_spec(name) is None, name

from hunet_client import AsyncSegmentationClient, ClientSettings, SegmentationClient
from hunet_client.lesions import find_lesions
from hunet_client.overlay import segmentation_overlay
from hunet_client.report import build_report

probability = np.zeros((8, 8, 8), dtype=np.float32)
probability[2:5, 2:5, 2:5] = 0.9
found = find_lesions(probability, np.eye(4), (1.0, 1.0, 1.0))
assert [lesion.voxels for lesion in found.lesions] == [27]
print("used")
"""


@pytest.mark.slow
def test_the_client_works_without_torch_in_an_environment_of_its_own(tmp_path):
    def run(*command, code=0):
        result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        assert result.returncode == code, result.stdout + result.stderr
        return result

    for part in ("protocol", "client"):
        ignore = shutil.ignore_patterns("*.egg-info", "build", "__pycache__")
        shutil.copytree(ROOT / part, tmp_path / part, ignore=ignore)
    run(sys.executable, "-m", "venv", "environment")
    programs = tmp_path / "environment" / "bin"
    run(programs / "pip", "install", "--quiet", "--no-compile", "./protocol", "./client")

    assert run(programs / "python", "-c", USE_IT).stdout == "used\n"
    assert "segment" in run(programs / "hunet", "--help").stdout
    nobody = ["--preprocess-address=127.0.0.1:9", "--triton-address=127.0.0.1:9"]
    refused = run(programs / "hunet", "segment", "scan.nii", "-o", "out", *nobody, code=4)
    assert "`hunet up`" in refused.stderr
