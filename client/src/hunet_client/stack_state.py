"""The state file of the stack that `hunet up` runs on this machine: written there, read by every client.

It lies in the user's state folder, or in `$HUNET_STATE_DIR`.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

import platformdirs
from pydantic import BaseModel, ConfigDict, ValidationError

from hunet_client.atomic_write import write_atomically
from hunet_client.errors import HunetError


def stack_state_path() -> Path:
    """Where the state file lies, whether or not a stack is running."""
    folder = os.environ.get("HUNET_STATE_DIR")
    return (Path(folder) if folder else platformdirs.user_state_path("hunet")) / "stack.json"


class StackState(BaseModel):
    """One running stack. Addresses are `host:port`; `pid` is the supervisor's.

    ``gateway_dicom_address`` is there with a PACS gateway's DICOM node, ``archive_*`` with a local archive beside it.
    ``certificates`` is the folder whose certificates the services ask for, where they do.
    """

    model_config = ConfigDict(frozen=True)

    pid: int
    preprocess_address: str
    preprocess_metrics_address: str
    triton_grpc_address: str
    triton_http_address: str
    triton_metrics_address: str
    gateway_http_address: str
    models: tuple[str, ...]
    started_at: datetime
    gateway_dicom_address: str | None = None
    archive_dicom_address: str | None = None
    archive_http_address: str | None = None
    certificates: Path | None = None

    @classmethod
    def read(cls) -> StackState | None:
        """The state a running stack left, or None where there is none.

        Raises HunetError when the file is there but is not a state file.
        """
        path = stack_state_path()
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            return cls.model_validate_json(text)
        except ValidationError as exc:
            raise HunetError(
                str(path),
                "is not a state file of this version of hunet",
                "Delete it and run `hunet up` again",
            ) from exc

    def write(self) -> Path:
        """Replaces the state file; a reader sees the old or the new one, never half of it."""
        path = stack_state_path()
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, (self.model_dump_json(indent=2) + "\n").encode())
        return path

    @staticmethod
    def remove() -> None:
        """Removes the state file, if there is one."""
        stack_state_path().unlink(missing_ok=True)
