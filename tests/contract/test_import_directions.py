"""The import directions in pyproject.toml hold, and breaking one is noticed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = (
    "protocol",
    "model",
    "export",
    "preprocess_service",
    "client",
    "deploy/local",
    "deploy/load",
    "deploy/batch",
    "pacs_gateway",
)


def lint_imports(pyproject: Path, python_path: list[Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--config", pyproject, "--no-cache"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, python_path))},
        cwd=pyproject.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_every_contract_is_kept():
    result = lint_imports(ROOT / "pyproject.toml", [])

    assert result.returncode == 0, result.stdout
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("client/src/hunet_client/lesions.py", "import torch"),
        ("client/src/hunet_client/segmentation.py", "from mamba_hunet import create_model"),
        ("client/src/hunet_client/triton.py", "import preprocess_service.pipeline"),
        ("preprocess_service/src/preprocess_service/pipeline/geometry.py", "import torch"),
        ("preprocess_service/src/preprocess_service/pipeline/geometry.py", "import hunet_client.lesions"),
        ("protocol/src/hunet_protocol/__init__.py", "import hunet_client"),
        ("deploy/local/src/hunet_local/__init__.py", "import mamba_hunet"),
        ("pacs_gateway/src/pacs_gateway/results/grid.py", "import torch"),
        ("pacs_gateway/src/pacs_gateway/results/grid.py", "import preprocess_service.pipeline"),
        ("client/src/hunet_client/lesions.py", "import pacs_gateway"),
    ],
)
def test_a_forbidden_import_is_noticed(tmp_path, module, line):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for source in SOURCES:
        ignore = shutil.ignore_patterns("*.so", "__pycache__", "*.egg-info", "csrc")
        shutil.copytree(ROOT / source / "src", tmp_path / source / "src", ignore=ignore)
    with (tmp_path / module).open("a") as file:
        file.write(f"\n{line}\n")

    result = lint_imports(tmp_path / "pyproject.toml", [tmp_path / source / "src" for source in SOURCES])

    assert result.returncode != 0, result.stdout
    assert " 0 broken" not in result.stdout
