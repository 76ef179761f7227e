"""The gateway's HTTP face: STOW-RS in, the API and the page, health, metrics."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from hunet_client.notice import RESEARCH_USE_ONLY
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, PlainTextResponse, Response

from pacs_gateway.dicomweb.store import StoreResource
from pacs_gateway.http_api.problem import ProblemError, answer_http, answer_invalid, answer_problem, answer_unforeseen
from pacs_gateway.http_api.study import PREFIX
from pacs_gateway.web.page import make_page

# Says what is not ready, by name; empty when all is.
ReadinessCheck = Callable[[], list[str]]


def make_app(store: StoreResource, not_ready: ReadinessCheck, api: APIRouter) -> FastAPI:
    """Everything on one address; the API's description is at `/api/v1/openapi.json`."""
    app = FastAPI(
        title="Mamba-HUNet serving",
        summary=RESEARCH_USE_ONLY,
        version=version("hunet-pacs-gateway"),
        openapi_url=f"{PREFIX}/openapi.json",
        # Their pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    app.add_exception_handler(ProblemError, answer_problem)
    app.add_exception_handler(RequestValidationError, answer_invalid)
    app.add_exception_handler(HTTPException, answer_http)
    app.add_exception_handler(Exception, answer_unforeseen)

    @app.get("/health/live", include_in_schema=False)
    async def live() -> Response:
        return PlainTextResponse("alive")

    @app.get("/health/ready", include_in_schema=False)
    def ready() -> Response:
        missing = not_ready()
        return JSONResponse({"ready": not missing, "missing": missing}, 503 if missing else 200)

    def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(REGISTRY), headers={"Content-Type": content_type})

    # With and without the slash: the page below takes every other path.
    for path in ("/metrics", "/metrics/"):
        app.add_api_route(path, metrics, include_in_schema=False)

    async def stow(request: Request) -> Response:
        return await store(request)

    for path in ("/dicom-web/studies", "/dicom-web/studies/{study}"):
        app.add_api_route(path, stow, methods=["POST"], include_in_schema=False)
    app.include_router(api)
    app.mount("/", make_page())
    return app
