"""How a call ends: every exception becomes a gRPC status with details, a count and a log line, in one place.

exception           status               details
ScanError           INVALID_ARGUMENT     ErrorInfo: reason; metadata file_name, what, fix
RestoreError        INVALID_ARGUMENT     ErrorInfo: reason; metadata what, fix
RequestError        INVALID_ARGUMENT     ErrorInfo: reason "bad_request"; metadata what, fix
BusyError           RESOURCE_EXHAUSTED   RetryInfo: when to come back
TimeoutError        DEADLINE_EXCEEDED    the client has neither sent nor taken anything for too long
anything else       INTERNAL             what happened is in the log
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_status import rpc_status
from hunet_protocol.tracing import context_from, span
from opentelemetry.trace import SpanKind, Status, StatusCode

from preprocess_service.admission import BusyError
from preprocess_service.json_log import DIGEST_DIGITS
from preprocess_service.messages import RequestError
from preprocess_service.metrics import Call, Outcome, ServiceMetrics, StageTimes
from preprocess_service.pipeline.errors import RestoreError, ScanError
from preprocess_service.pipeline.manifest import Manifest

ERROR_DOMAIN = "hunet.preprocess"
_LAST_WORDS_S = 5.0
_log = logging.getLogger(__name__)


class CallRecord:
    """What is known of one call, for the log and the metrics; nothing that names a person or a file."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.times = StageTimes()
        self._started = time.perf_counter()
        self._scan: dict[str, Any] = {}

    def note_manifest(self, manifest: Manifest) -> None:
        self._scan = {"scan": manifest.input_sha256[:DIGEST_DIGITS], "shape": manifest.shape}

    @property
    def duration_s(self) -> float:
        """Time since the call began."""
        return time.perf_counter() - self._started

    def fields(self, outcome: Outcome, reason: str | None) -> dict[str, Any]:
        """A log line's fields."""
        return {
            "call": self.call,
            "outcome": outcome,
            **({"reason": reason} if reason else {}),
            **self._scan,
            "duration_s": round(self.duration_s, 3),
            "stages_s": {stage: round(seconds, 3) for stage, seconds in self.times.seconds.items()},
        }


async def answer(
    call: Call,
    requests: AsyncIterator[Any],
    context: grpc.aio.ServicerContext,
    metrics: ServiceMetrics,
    work: Callable[[CallRecord], Awaitable[None]],
) -> None:
    """Does a call's work, and turns whatever it raises into the call's status.

    Nothing of the work is held any more while the status is sent, which a client who does not read can delay.
    """
    record = CallRecord(call)
    with span(call, SpanKind.SERVER, context_from(context.invocation_metadata())) as current:
        outcome, reason, status = await _outcome(record, work)
        fields = record.fields(outcome, reason)
        current.set_attributes(_as_attributes(fields))
        if outcome != "ok":
            current.set_status(Status(StatusCode.ERROR, outcome))
        metrics.finished(call, outcome, record.duration_s)
        if reason:
            metrics.rejected(reason)
        for stage, seconds in record.times.seconds.items():
            metrics.observe(stage, seconds)
        level = logging.ERROR if outcome == "failed" else logging.INFO
        _log.log(level, "call finished", extra={"fields": fields})
    if outcome == "cancelled":
        raise asyncio.CancelledError
    if status is not None:
        if outcome in ("refused", "busy"):
            await _let_finish_sending(requests)
        rich = rpc_status.to_status(status)
        # A client who has gone cannot be told.
        with contextlib.suppress(grpc.aio.InternalError):
            await context.abort(rich.code, rich.details, rich.trailing_metadata)


def _as_attributes(fields: dict[str, Any]) -> dict[str, Any]:
    """A log line's fields as a span's, whose attributes hold no dictionaries."""
    stages = {f"stage.{stage}_s": seconds for stage, seconds in fields["stages_s"].items()}
    return {name: value for name, value in fields.items() if name != "stages_s"} | stages


async def _let_finish_sending(requests: AsyncIterator[Any]) -> None:
    """Drops what a client is still sending, for a while.

    A grpc.aio client whose write fails because the call is over reports that failure in place of the status.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LAST_WORDS_S):
            async for _ in requests:
                pass


async def _outcome(
    record: CallRecord, work: Callable[[CallRecord], Awaitable[None]]
) -> tuple[Outcome, str | None, status_pb2.Status | None]:
    """How the work ended: for the metrics, why it was turned away, and the status if it is not OK."""
    try:
        await work(record)
    except ScanError as exc:
        fields = {"file_name": exc.file_name, "what": exc.what, "fix": exc.fix}
        return "refused", exc.reason_code, _invalid(str(exc), exc.reason_code, fields)
    except RestoreError as exc:
        fields = {"what": exc.what, "fix": exc.fix}
        return "refused", exc.reason_code, _invalid(str(exc), exc.reason_code, fields)
    except RequestError as exc:
        fields = {"what": exc.what, "fix": exc.fix}
        return "refused", "bad_request", _invalid(str(exc), "bad_request", fields)
    except BusyError as exc:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(round(exc.retry_after_s * 1000))
        message = f"{exc}. Come back in {exc.retry_after_s:.1f} seconds."
        return "busy", exc.reason, _status(code_pb2.RESOURCE_EXHAUSTED, message, retry)
    except TimeoutError:
        message = "The client neither sent nor took anything for too long."
        return "timed_out", "idle", _status(code_pb2.DEADLINE_EXCEEDED, message)
    except asyncio.CancelledError:
        return "cancelled", None, None
    except Exception:
        _log.exception("unexpected error in %s", record.call)
        return "failed", None, _status(code_pb2.INTERNAL, "Unexpected error; the service's log has it.")
    return "ok", None, None


def _invalid(message: str, reason: str, metadata: dict[str, str]) -> status_pb2.Status:
    info = error_details_pb2.ErrorInfo(reason=reason, domain=ERROR_DOMAIN, metadata=metadata)
    return _status(code_pb2.INVALID_ARGUMENT, message, info)


def _status(code: int, message: str, *details: Any) -> status_pb2.Status:
    """details: google.rpc messages."""
    status = status_pb2.Status(code=code, message=message)
    for detail in details:
        status.details.add().Pack(detail)
    return status
