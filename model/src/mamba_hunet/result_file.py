"""Result files of commands: whole or absent, and an error that names what could not be written."""

from pathlib import Path

from hunet_client.atomic_write import write_atomically
from hunet_client.errors import InputError


def make_folder(folder: Path) -> None:
    """Makes a folder and those above it. Raises InputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise InputError(str(folder), f"cannot be made: {exc.strerror}", "Name another folder") from exc


def write_result(path: Path, content: bytes) -> None:
    """Writes a file at once, into a folder that is made where it is missing. Raises InputError."""
    make_folder(path.parent)
    try:
        write_atomically(path, content)
    except OSError as exc:
        raise InputError(str(path), f"cannot be written: {exc.strerror}", "Name another file") from exc
