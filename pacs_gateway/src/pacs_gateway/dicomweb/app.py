"""The gateway's HTTP face: STOW-RS in, health, metrics, the page."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import make_asgi_app
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from pacs_gateway.dicomweb.store import StoreResource
from pacs_gateway.web.page import make_page

# Says what is not ready, by name; empty when all is.
ReadinessCheck = Callable[[], list[str]]


def make_app(store: StoreResource, not_ready: ReadinessCheck) -> Starlette:
    async def live(request: Request) -> Response:
        return PlainTextResponse("alive")

    def ready(request: Request) -> Response:
        missing = not_ready()
        return JSONResponse({"ready": not missing, "missing": missing}, 503 if missing else 200)

    async def stow(request: Request) -> Response:
        return await store(request)

    return Starlette(
        routes=[
            Route("/health/live", live),
            Route("/health/ready", ready),
            Route("/dicom-web/studies", stow, methods=["POST"]),
            Route("/dicom-web/studies/{study}", stow, methods=["POST"]),
            Mount("/metrics", make_asgi_app()),
            Mount("/", make_page()),
        ]
    )
