"""The body of an upload onto the disk, held to a size."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import AsyncIterator
from email.message import Message
from pathlib import Path
from typing import IO

from fastapi import Request
from starlette.concurrency import run_in_threadpool

from pacs_gateway.http_api.problem import ProblemError
from pacs_gateway.storage.durable_file import sync_folders

_LONGEST_NAME = 120
_UNSHOWABLE = re.compile(r"[\x00-\x1f\x7f/\\\\]+")


async def receive_body(request: Request, path: Path, max_bytes: int, *, root: Path) -> str:
    """Writes the body to `path` and gives its SHA-256. Nothing is left of a body that is refused or cut off.

    When it returns, the file and every folder from `root` to it would survive a power cut.

    Raises ProblemError: it is empty, or too large; a stated length is believed before anything is stored.
    """
    stated = request.headers.get("content-length", "0")
    if stated.isdigit() and int(stated) > max_bytes:
        raise _too_large(max_bytes)
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("wb") as file:
            digest = await _copy(request.stream(), file, max_bytes)
            await run_in_threadpool(os.fsync, file.fileno())
        await run_in_threadpool(sync_folders, path, root)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if path.stat().st_size == 0:
        path.unlink()
        raise _empty()
    return digest


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The body of a small request. Raises ProblemError as `receive_body` does."""
    chunks, count = [], 0
    async for chunk in request.stream():
        count += len(chunk)
        if count > max_bytes:
            raise _too_large(max_bytes)
        chunks.append(chunk)
    if count == 0:
        raise _empty()
    return b"".join(chunks)


def file_name(request: Request) -> str:
    """What Content-Disposition calls the file (RFC 6266), for showing only; "scan" where it does not say."""
    message = Message()
    message["Content-Disposition"] = request.headers.get("content-disposition", "")
    shown = _UNSHOWABLE.sub(" ", message.get_filename() or "").strip()
    return shown[:_LONGEST_NAME] or "scan"


async def _copy(chunks: AsyncIterator[bytes], file: IO[bytes], max_bytes: int) -> str:
    digest, count = hashlib.sha256(), 0
    async for chunk in chunks:
        count += len(chunk)
        if count > max_bytes:
            raise _too_large(max_bytes)
        digest.update(chunk)
        await run_in_threadpool(file.write, chunk)
    return digest.hexdigest()


def _empty() -> ProblemError:
    return ProblemError(400, "Empty", "the request has no body", "Send the file's bytes as the body.")


def _too_large(max_bytes: int) -> ProblemError:
    what = f"the body has more than {max_bytes} bytes"
    return ProblemError(413, "Too large", what, "Send one scan, compressed; api.max_upload_mb is the limit.")
