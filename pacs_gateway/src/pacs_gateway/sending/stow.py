"""STOW-RS of finished results (PS3.18 10.5)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import requests
from dicomweb_client.api import DICOMwebClient
from pydicom import dcmread
from pydicom.dataset import Dataset

from pacs_gateway.routing.configuration import DicomWebDestination
from pacs_gateway.routing.tokens import read_token
from pacs_gateway.sending.errors import DeliveryRejectedError, DestinationUnavailableError

_MAY_PASS = frozenset({408, 425, 429})
_OUT_OF_RESOURCES = 0xA7
_PROCESSING_FAILURE = 0x0110


def store_over_http(destination: DicomWebDestination, files: Sequence[Path]) -> None:
    """Sends every file. Raises DestinationUnavailableError, DeliveryRejectedError."""
    with _session(destination) as session:
        client = DICOMwebClient(destination.url, session=session)
        # The job's own back-off tries again; nothing else does.
        client.set_http_retry_params(retry=False)
        try:
            answer = client.store_instances([dcmread(file) for file in files])
        except requests.HTTPError as error:
            _check(destination, _answered(error))
            raise _refused(destination, error) from error
        except requests.RequestException as error:
            what = f"no answer from {destination.url}"
            raise DestinationUnavailableError(destination.name, what, "Start it, or correct its url") from error
    _check(destination, answer)


def _session(destination: DicomWebDestination) -> requests.Session:
    session = _Session(destination.timeout_s)
    if destination.tls is not None:
        session.verify = str(destination.tls.ca)
        if destination.tls.certificate is not None:
            session.cert = (str(destination.tls.certificate), str(destination.tls.key))
    token = read_token(destination.bearer_token_file)
    if token:
        session.headers["Authorization"] = f"Bearer {token}"
    return session


class _Session(requests.Session):
    """requests waits for ever unless every call says otherwise."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__()
        self._timeout_s = timeout_s

    def request(self, *args, **kwargs) -> requests.Response:  # type: ignore[no-untyped-def]
        return super().request(*args, **{"timeout": self._timeout_s} | kwargs)


def _refused(destination: DicomWebDestination, error: requests.HTTPError) -> Exception:
    status = error.response.status_code if error.response is not None else 500
    what = f"answers HTTP status {status}"
    if status >= 500 or status in _MAY_PASS:
        return DestinationUnavailableError(destination.name, what, "Look at its log")
    return DeliveryRejectedError(destination.name, what, "Look at its log, its url and our token")


def _answered(error: requests.HTTPError) -> Dataset:
    """What the archive says of each instance; empty where it says nothing that can be read."""
    if error.response is None:
        return Dataset()
    try:
        return Dataset.from_json(error.response.json())
    # Whatever came with the status.
    except Exception:
        return Dataset()


def _check(destination: DicomWebDestination, answer: Dataset) -> None:
    """Status 202, and 409 where none was stored, say what was not stored, and why (PS3.18 table I.1-1)."""
    failed = [*answer.get("FailedSOPSequence", ()), *answer.get("OtherFailuresSequence", ())]
    reasons = {int(item.get("FailureReason", 0)) for item in failed}
    if not reasons:
        return
    what = "does not store some instances: " + ", ".join(f"0x{reason:04X}" for reason in sorted(reasons))
    if all(reason >> 8 == _OUT_OF_RESOURCES or reason == _PROCESSING_FAILURE for reason in reasons):
        raise DestinationUnavailableError(destination.name, what, "Look at its log and its disk")
    raise DeliveryRejectedError(destination.name, what, "Look at its log")
