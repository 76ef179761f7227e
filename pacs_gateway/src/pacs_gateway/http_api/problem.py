"""Errors as problem details (RFC 9457), with what the reader can do about them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """RFC 9457 section 3.1, and ``fix``: what the caller can do."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    fix: str


class ProblemError(Exception):
    """Ends a request with a problem. `headers` go with it."""

    def __init__(self, status: int, title: str, detail: str, fix: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.problem = Problem(title=title, status=status, detail=detail, fix=fix)
        self.headers = headers


async def answer_problem(request: Request, error: Exception) -> JSONResponse:
    """For FastAPI's exception handlers."""
    assert isinstance(error, ProblemError)
    return _response(error.problem, error.headers)


async def answer_invalid(request: Request, error: Exception) -> JSONResponse:
    """A path, query or header that is not what the description says."""
    assert isinstance(error, RequestValidationError)
    found = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return _response(Problem(title="Invalid request", status=422, detail=found, fix="See /api/v1/openapi.json."))


async def answer_http(request: Request, error: Exception) -> JSONResponse:
    """What the framework refuses by itself: unknown paths and methods."""
    assert isinstance(error, HTTPException)
    problem = Problem(
        title=str(error.detail), status=error.status_code, detail=str(error.detail), fix="See /api/v1/openapi.json."
    )
    return _response(problem, dict(error.headers or {}))


async def answer_unforeseen(request: Request, error: Exception) -> JSONResponse:
    """A fault of the gateway's; what it was is in its log alone."""
    problem = Problem(
        title="Internal error", status=500, detail="the gateway failed at this request", fix="See the gateway's log."
    )
    return _response(problem)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the description of a route: these statuses come as problems."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def _response(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(problem.model_dump(), problem.status, headers, MEDIA_TYPE)
