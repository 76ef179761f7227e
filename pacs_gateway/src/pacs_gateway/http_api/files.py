"""Files of a study as answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi.responses import FileResponse

from pacs_gateway.http_api.problem import ProblemError

# Whatever was uploaded can be looked at by programs, and runs in no browser.
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cache-Control": "private, no-cache",
}


BINARY = "application/octet-stream"
_BYTES = {"content": {BINARY: {"schema": {"type": "string", "format": "binary"}}}}
# For the description of a route that answers with a file, and of one that takes one.
FILE_ANSWER: dict[int | str, dict[str, Any]] = {200: {"description": "The file"} | _BYTES}
FILE_BODY: dict[str, Any] = {"requestBody": {"required": True} | _BYTES}


def file_response(path: Path | None, name: str) -> FileResponse:
    """The file, to be saved under this name. Raises ProblemError where there is none."""
    if path is None:
        fix = "The study's links and corrections name those that there are."
        raise ProblemError(404, "Not there", f"the study has no {name}", fix)
    return FileResponse(path, media_type=BINARY, filename=name, headers=_HEADERS)
