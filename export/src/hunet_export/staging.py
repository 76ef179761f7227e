"""A version directory is made beside its place and moved into it when it has been proved."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hunet_export.manifest import MANIFEST_FILE


@contextmanager
def staging_directory(model_directory: Path) -> Iterator[Path]:
    """A folder beside the version; gone afterwards, and so is a model folder made for nothing."""
    is_new = not model_directory.exists()
    model_directory.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix=".staging-", dir=model_directory) as staged:
            yield Path(staged)
    finally:
        if is_new and not any(model_directory.iterdir()):
            model_directory.rmdir()


def move_into_place(staged: Path, version_directory: Path) -> None:
    """File by file, the manifest last: its digests tell a folder left half-way from a finished one."""
    version_directory.mkdir(exist_ok=True)
    files = sorted(staged.iterdir(), key=lambda path: path.name == MANIFEST_FILE)
    for path in files:
        os.replace(path, version_directory / path.name)
