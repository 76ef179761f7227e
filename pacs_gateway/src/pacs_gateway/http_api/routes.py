"""The routes of `/api/v1`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse
from starlette.concurrency import run_in_threadpool

from pacs_gateway.http_api.access import Access
from pacs_gateway.http_api.catalogue import Catalogue
from pacs_gateway.http_api.comparing import Comparing
from pacs_gateway.http_api.correcting import Correcting
from pacs_gateway.http_api.events import study_events
from pacs_gateway.http_api.files import FILE_ANSWER, FILE_BODY, file_response
from pacs_gateway.http_api.problem import ProblemError, responses
from pacs_gateway.http_api.product import Product
from pacs_gateway.http_api.reading_routes import make_reading_routes
from pacs_gateway.http_api.study import PREFIX, Study, StudyId, StudyPage
from pacs_gateway.http_api.uploading import Uploading
from pacs_gateway.jobs.states import State
from pacs_gateway.routing.configuration import Priority
from pacs_gateway.storage.study_folder import VIEWS

ViewName = Annotated[Literal[VIEWS], Path(description="One of the study's files")]  # type: ignore[valid-type]


_SENT_BEFORE: dict[int | str, dict[str, Any]] = {200: {"model": Study, "description": "Known by its key"}}
_EVENTS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}
}


def make_routes(
    product: Product,
    catalogue: Catalogue,
    uploading: Uploading,
    comparing: Comparing,
    correcting: Correcting,
    access: Access,
) -> APIRouter:
    """`/api/v1`: the product, studies, their events and files, what readers make of them."""
    routes = APIRouter(prefix=PREFIX, dependencies=[Depends(access)], responses=responses(401, 403, 422))

    def known(study_id: str) -> Study:
        study = catalogue.get(study_id)
        if study is None:
            what = f"there is no study {study_id}"
            raise ProblemError(404, "No such study", what, "GET /api/v1/studies lists those that there are.")
        return study

    @routes.get("/info")
    def info() -> Product:
        """What runs here, and within which limits."""
        return product

    @routes.get("/studies")
    def list_studies(
        state: State | None = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        after: Annotated[datetime | None, Query(description="`next` of the page before")] = None,
    ) -> StudyPage:
        """Studies, newest first: uploads, and what came by DICOM."""
        studies = catalogue.page(state, after, limit + 1)
        more, studies = len(studies) > limit, studies[:limit]
        # With Z for +00:00, which would have to be escaped in a query.
        cursor = studies[-1].received_at.isoformat().replace("+00:00", "Z") if more else None
        return StudyPage(studies=studies, next=cursor)

    @routes.post(
        "/studies",
        status_code=202,
        responses=_SENT_BEFORE | responses(400, 404, 413, 415, 429),
        openapi_extra=FILE_BODY,
    )
    async def upload(
        request: Request,
        response: Response,
        priority: Priority = "routine",
        prior: Annotated[str | None, Query(pattern="^[0-9a-f]{32}$", description="An earlier study")] = None,
        idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
    ) -> Study:
        """Send a scan: the body is a NIfTI file or a zip of DICOM, `Content-Disposition` may name it.

        The same Idempotency-Key with the same bytes gives the same study again, with 200.
        """
        if prior is not None:
            await run_in_threadpool(known, prior)
        upload, is_new = await uploading.take(request, priority, prior, idempotency_key)
        response.status_code = 202 if is_new else 200
        response.headers["Location"] = f"{PREFIX}/studies/{upload.id}"
        return await run_in_threadpool(known, upload.id)

    @routes.get("/studies/{study_id}", responses=responses(404))
    def get_study(study_id: StudyId) -> Study:
        """One study."""
        return known(study_id)

    @routes.delete("/studies/{study_id}", status_code=204, responses=responses(404, 409))
    def delete_study(study_id: StudyId) -> None:
        """Forget an upload: its job is cancelled, its files are deleted."""
        if known(study_id).source != "upload":
            fix = "Its retention is the gateway's configuration."
            raise ProblemError(409, "Not an upload", "the study came from the PACS and is kept for it", fix)
        uploading.delete(study_id)

    @routes.get("/studies/{study_id}/events", responses=_EVENTS | responses(404), response_class=StreamingResponse)
    def events(study_id: StudyId, last_event_id: Annotated[int, Header(ge=0)] = 0) -> StreamingResponse:
        """Server-sent events: `state`, `progress`, and at the end `done` or `failed`."""
        known(study_id)
        stream: AsyncIterator[str] = study_events(partial(catalogue.get, study_id), last_event_id)
        return StreamingResponse(stream, media_type="text/event-stream", headers={"Cache-Control": "no-store"})

    routes.include_router(make_reading_routes(known, comparing, correcting, product.limits.max_upload_mb * 1_000_000))

    @routes.get("/studies/{study_id}/{name}", responses=FILE_ANSWER | responses(404), response_class=FileResponse)
    def get_file(study_id: StudyId, name: ViewName) -> FileResponse:
        """A file of the study."""
        known(study_id)
        return file_response(uploading.folder(study_id).view(name), name)

    return routes
