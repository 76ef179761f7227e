"""`manifest.json` of a version directory: what lies there, from which weights, and how it was checked.

Light on purpose: the server reads it before anything else, clients and people read it too.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

MANIFEST_FILE = "manifest.json"
PROGRAM_FILE = "model.pt2"
OPERATOR_FILE = "operator.so"
CANARY_FILE = "canary.npz"

MANIFEST_VERSION = 2
DEFAULT_FORMAT = "pt2"
RESEARCH_USE_ONLY = "Research use only. Not a medical device; not for diagnosis or treatment."


class ManifestError(Exception):
    """The version directory is not one that `hunet export` finished. The message names file and fix."""


@dataclass(frozen=True)
class Manifest:
    """One exported version.

    Attributes:
        model: the served model's name. weights_file, weights_sha256: the checkpoint that it was exported
        from. network: the network's name and constructor options, as the checkpoint gives them. precision: "float32"
        or "bfloat16", that it computes in. description: `hunet_export.description.ServedModel` as plain data. files:
        file name in the version directory -> SHA-256. config_sha256: of the config.pbtxt that the description gives.
        software: distribution -> version. The torch that reads a program must be the one that wrote it. parity:
        largest absolute difference from the eager network's probabilities, by batch size, and the tolerance.
        accuracy: Dice on a phantom in each precision that was in question. canary_tolerance: how far an answer to the
        canary may lie from the known one. format: the kind of program, as `hunet export --format` names it.
    """

    model: str
    weights_file: str
    weights_sha256: str
    network: dict[str, Any]
    precision: str
    description: dict[str, Any]
    files: dict[str, str]
    config_sha256: str
    software: dict[str, str]
    parity: dict[str, Any]
    accuracy: dict[str, float]
    canary_tolerance: float
    exported_at: str
    format: str = DEFAULT_FORMAT
    manifest_version: int = MANIFEST_VERSION
    notice: str = RESEARCH_USE_ONLY

    def write(self, version_directory: Path) -> None:
        """Writes manifest.json into the folder."""
        text = json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"
        (version_directory / MANIFEST_FILE).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, version_directory: Path) -> Manifest:
        """Reads manifest.json. Raises ManifestError when it is absent, or of another form."""
        path = version_directory / MANIFEST_FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            manifest = cls(**content)
        except FileNotFoundError as exc:
            raise ManifestError(f"{path}: not there; run `hunet export` for this model") from exc
        except (ValueError, TypeError) as exc:
            raise ManifestError(f"{path}: not a manifest of this version ({exc}); export the model again") from exc
        if manifest.manifest_version != MANIFEST_VERSION:
            raise ManifestError(
                f"{path}: of version {manifest.manifest_version}, this software reads {MANIFEST_VERSION}; "
                "export the model again"
            )
        return manifest

    def check_files(self, version_directory: Path) -> None:
        """Raises ManifestError unless every file is there with the digest written down for it."""
        for name, expected in self.files.items():
            path = version_directory / name
            if not path.is_file():
                raise ManifestError(f"{path}: not there; export the model again")
            if sha256_of(path) != expected:
                raise ManifestError(f"{path}: not the file that was exported (its SHA-256 differs); export again")


def sha256_of(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def plain(description: Any) -> dict[str, Any]:
    """A description as the data that it becomes in JSON, so that the two can be compared."""
    data: dict[str, Any] = json.loads(json.dumps(asdict(description)))
    return data
