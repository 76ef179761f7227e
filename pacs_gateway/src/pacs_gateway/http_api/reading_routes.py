"""The routes of a reader's work: what changed since an earlier study, and what the reader accepts."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import FileResponse
from hunet_client.findings import ChangeReport
from starlette.concurrency import run_in_threadpool

from pacs_gateway.http_api.comparing import Comparing
from pacs_gateway.http_api.correcting import Correcting
from pacs_gateway.http_api.files import FILE_ANSWER, FILE_BODY, file_response
from pacs_gateway.http_api.problem import responses
from pacs_gateway.http_api.receive import read_body
from pacs_gateway.http_api.study import KnownStudy, StudyId
from pacs_gateway.storage.corrections import CORRECTION_FILES, Correction

FileName = Annotated[Literal[CORRECTION_FILES], Path(description="One of the correction's files")]  # type: ignore[valid-type]


def make_reading_routes(
    known: KnownStudy, comparing: Comparing, correcting: Correcting, max_mask_bytes: int
) -> APIRouter:
    """Under `/studies/{study_id}`. `known` raises ProblemError for a study that there is not."""
    routes = APIRouter(prefix="/studies/{study_id}")

    @routes.get("/change", responses=responses(404))
    def change(study_id: StudyId, prior: Annotated[str, Query(pattern="^[0-9a-f]{32}$")]) -> ChangeReport:
        """Each lesion against an earlier study of the same patient: new, grown, shrunk, gone or unchanged."""
        known(study_id)
        known(prior)
        return comparing.change(study_id, prior)

    @routes.get("/corrections", responses=responses(404))
    def list_corrections(study_id: StudyId) -> list[Correction]:
        """What readers accepted, oldest first."""
        known(study_id)
        return correcting.of(study_id).all()

    @routes.post("/corrections", status_code=201, responses=responses(400, 404, 409, 413), openapi_extra=FILE_BODY)
    async def accept(
        request: Request,
        study_id: StudyId,
        author: Annotated[str, Query(min_length=1, max_length=64)],
        comment: Annotated[str, Query(max_length=1000)] = "",
    ) -> Correction:
        """Accept a mask: the body is gzipped NIfTI on the scan's grid. The model's own result stays as it is."""
        await run_in_threadpool(known, study_id)
        content = await read_body(request, max_mask_bytes)
        return await run_in_threadpool(correcting.take, study_id, content, author, comment)

    @routes.get("/corrections/{revision}/{name}", responses=FILE_ANSWER | responses(404), response_class=FileResponse)
    def get_correction(study_id: StudyId, revision: Annotated[int, Path(ge=1)], name: FileName) -> FileResponse:
        """An accepted mask, as NIfTI or as DICOM Segmentation."""
        known(study_id)
        return file_response(correcting.of(study_id).file(revision, name), name)

    return routes
