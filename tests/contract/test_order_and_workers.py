"""Tests with a real stack run in one process of several, and last; those of a file share one too."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import os
from pathlib import Path
import pytest

@pytest.fixture
def running_stack(): ...

@pytest.mark.parametrize("number", range(8))
def test_with_a_stack(running_stack, number):
    Path(f"{number}.stack").write_text(os.environ.get("PYTEST_XDIST_WORKER", "none"))

@pytest.mark.parametrize("number", range(8))
def test_without(number):
    assert not list(Path().glob("*.stack"))
    Path(f"{number}.file").write_text(os.environ.get("PYTEST_XDIST_WORKER", "none"))
"""


@pytest.fixture
def run_pytest(tmp_path):
    """Runs pytest on `TESTS` under this project's conftest.py; what it printed."""
    (tmp_path / "pyproject.toml").write_text("[tool.pytest.ini_options]\ntestpaths = ['tests']\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_some.py").write_text(TESTS)
    shutil.copy(Path(__file__).parents[1] / "conftest.py", tmp_path / "tests")

    def run_it(*options):
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
        return run.returncode, run.stdout + run.stderr

    return run_it


@pytest.mark.parametrize(("name", "kind"), [("test_with_a_stack", "stack"), ("test_without", "file")])
def test_they_share_a_worker(run_pytest, tmp_path, name, kind):
    status, said = run_pytest("-n", "2", "--dist", "loadgroup", "-k", name)
    assert status == 0, said
    workers = [path.read_text() for path in tmp_path.glob(f"*.{kind}")]
    assert len(workers) == 8
    assert len(set(workers)) == 1


def test_those_with_a_stack_come_last(run_pytest):
    status, said = run_pytest()
    assert status == 0, said
