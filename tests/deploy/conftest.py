"""Programs that check configurations, and what the configurations say."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """The path of a program from Debian; without it a test is skipped, and fails where CI is set."""

    def find(name: str, package: str) -> str:
        found = shutil.which(name)
        if found is None:
            reason = f"{name} is not installed: apt install {package}"
            (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
        return str(found)

    return find


@pytest.fixture(scope="session")
def run() -> Callable[..., str]:
    """Runs a program that must succeed and returns what it printed."""

    def call(*command: str | Path, **options: Any) -> str:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **options)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return call


@pytest.fixture(scope="session")
def read_yaml() -> Callable[[str], Any]:
    """The content of a YAML file, by its path in the checkout."""
    return lambda path: yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT
