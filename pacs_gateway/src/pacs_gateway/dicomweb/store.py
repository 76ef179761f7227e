"""STOW-RS (PS3.18 10.5): the same door as C-STORE, opened by a token instead of an AE title."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from pacs_gateway.audit import AuditLog
from pacs_gateway.dicomweb.multipart import MultipartRefusedError, boundary_of, read_parts
from pacs_gateway.dicomweb.store_response import store_response
from pacs_gateway.metrics import INSTANCES
from pacs_gateway.routing.configuration import Sender
from pacs_gateway.routing.senders import find_sender_by_token
from pacs_gateway.storage.intake import Intake, Receipt
from pacs_gateway.storage.refusal_record import record_refusal
from pacs_gateway.storage.refusals import InstanceRefusedError, StoreStatus

_DICOM_JSON = "application/dicom+json"
_LOG = logging.getLogger(__name__)


class StoreResource:
    """`POST /dicom-web/studies` and `POST /dicom-web/studies/{study}`."""

    def __init__(self, senders: Sequence[Sender], intake: Intake, audit: AuditLog, *, max_instance_mb: int) -> None:
        self._senders = senders
        self._intake = intake
        self._audit = audit
        self._max_part_bytes = max_instance_mb * 1_000_000

    async def __call__(self, request: Request) -> Response:
        address = request.client.host if request.client else ""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        sender = find_sender_by_token(self._senders, token, address) if scheme.lower() == "bearer" else None
        if sender is None:
            what = {"address": address, "reason": "no sender has this token and address"}
            await run_in_threadpool(self._audit.write_rejection, "request rejected", **what)
            return PlainTextResponse("no sender has this token and address", 401, {"WWW-Authenticate": "Bearer"})
        stored: list[Receipt] = []
        refused: list[InstanceRefusedError] = []
        try:
            boundary = boundary_of(request.headers.get("content-type", ""))
            async for part in read_parts(request.stream(), boundary, self._max_part_bytes):
                study_uid = request.path_params.get("study")
                try:
                    stored.append(await run_in_threadpool(self._take, part, sender, address, study_uid))
                except InstanceRefusedError as error:
                    refused.append(error)
        except MultipartRefusedError as error:
            return PlainTextResponse(error.what, error.status)
        except ClientDisconnect:
            # What was stored is stored; the sender got no answer and sends again.
            return Response(status_code=400)
        return _answer(stored, refused)

    def _take(self, part: bytes, sender: Sender, address: str, study_uid: str | None) -> Receipt:
        try:
            receipt = self._intake.accept(part, sender.ae_title, address, study_uid=study_uid)
        except InstanceRefusedError as error:
            record_refusal(self._audit, error, ae_title=sender.ae_title, address=address)
            raise
        except Exception as error:
            _LOG.exception("instance from %s refused", sender.ae_title)
            refused = InstanceRefusedError(StoreStatus.PROCESSING_FAILURE, "unexpected error")
            record_refusal(self._audit, refused, ae_title=sender.ae_title, address=address)
            raise refused from error
        INSTANCES.labels(outcome=receipt.outcome).inc()
        return receipt


def _answer(stored: Sequence[Receipt], refused: Sequence[InstanceRefusedError]) -> Response:
    """PS3.18 10.5.3: 200 when all were stored, 202 when some, 409 when none."""
    content: dict[str, Any] = store_response(stored, refused).to_json_dict()
    status = 200 if not refused else 202 if stored else 409
    return JSONResponse(content, status, media_type=_DICOM_JSON)
