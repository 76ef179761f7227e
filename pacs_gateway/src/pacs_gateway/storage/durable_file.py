"""Files that are on the disk, not merely on their way to it."""

from __future__ import annotations

import os
from pathlib import Path

from hunet_client.atomic_write import write_atomically


def write_durably(path: Path, content: bytes, *, root: Path) -> None:
    """Returns once the file and every folder below `root` that leads to it would survive a power cut.

    `root` exists already. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, content)
    sync_folders(path, root)


def sync_folders(path: Path, root: Path) -> None:
    """Brings the entries that lead from `root` to `path` onto the disk; not the file's bytes. Raises OSError."""
    folder = path.parent
    while True:
        _sync_folder(folder)
        if folder == root:
            return
        folder = folder.parent


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
