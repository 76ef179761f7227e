"""Serves the page's own files, under a policy that lets nothing else run in it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route, Router
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

# Scripts, workers and styles come from this gateway alone, none inline; the viewer's pictures are data: and blob:.
CONTENT_SECURITY_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "worker-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)

HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # A new release shows at once; what has not changed is not sent again.
    "Cache-Control": "no-cache",
}


FOLDER: Final = Path(__file__).parent


class _Assets(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(HEADERS)
        return response


async def _index(request: Request) -> Response:
    return FileResponse(FOLDER / "index.html", headers=HEADERS)


def make_page() -> ASGIApp:
    """The page at `/` and what it is made of under `/assets/`, compressed where the browser takes it."""
    routes = [Route("/", _index), Mount("/assets", _Assets(directory=FOLDER / "assets"))]
    return GZipMiddleware(Router(routes), minimum_size=1000)
