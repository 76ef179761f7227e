"""What is asked of the local archive over Orthanc's REST interface (Orthanc Book, "REST API")."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from hunet_client.errors import ServiceUnavailableError

_TIMEOUT_S = 60.0


@dataclass(frozen=True)
class ArchivedSeries:
    """A series in the archive; `instances` are Orthanc's own identifiers, by InstanceNumber."""

    modality: str
    description: str
    instances: tuple[str, ...]


class OrthancClient:
    """One archive. Every method raises ServiceUnavailableError where it does not answer."""

    def __init__(self, address: str) -> None:
        self._url = f"http://{address}"

    def store(self, path: Path) -> str | None:
        """Stores a file; returns the identifier of its study, or none where the file is no DICOM."""
        answer = self._ask("POST", "/instances", data=path.read_bytes())
        if answer.status_code == 400:
            return None
        self._check(answer)
        study: str = answer.json()["ParentStudy"]
        return study

    def series(self, study: str) -> list[ArchivedSeries]:
        """Every series of a study."""
        return [
            ArchivedSeries(
                one["MainDicomTags"].get("Modality", ""),
                one["MainDicomTags"].get("SeriesDescription", ""),
                self._instances(one["ID"]),
            )
            for one in self._json(f"/studies/{study}/series")
        ]

    def _instances(self, series: str) -> tuple[str, ...]:
        found = self._json(f"/series/{series}/instances")
        found.sort(key=lambda one: int(one["MainDicomTags"].get("InstanceNumber") or 0))
        return tuple(one["ID"] for one in found)

    def is_stable(self, study: str) -> bool:
        """Whether nothing of the study has come for a while."""
        stable: bool = self._json(f"/studies/{study}")["IsStable"]
        return stable

    def file(self, instance: str) -> bytes:
        """An instance as a DICOM file."""
        return self._check(self._ask("GET", f"/instances/{instance}/file")).content

    def picture(self, instance: str) -> bytes:
        """An instance as PNG."""
        headers = {"Accept": "image/png"}
        return self._check(self._ask("GET", f"/instances/{instance}/rendered", headers=headers)).content

    def _json(self, path: str) -> Any:
        return self._check(self._ask("GET", path)).json()

    def _ask(self, method: str, path: str, **content: Any) -> requests.Response:
        try:
            return requests.request(method, self._url + path, timeout=_TIMEOUT_S, **content)
        except requests.RequestException as exc:
            raise ServiceUnavailableError(self._url, "the archive does not answer", "See `hunet status`.") from exc

    def _check(self, answer: requests.Response) -> requests.Response:
        if not answer.ok:
            what = f"the archive answered {answer.status_code} to {answer.request.method} {answer.request.path_url}"
            raise ServiceUnavailableError(self._url, what, "See logs/archive.log of the stack's state folder.")
        return answer
