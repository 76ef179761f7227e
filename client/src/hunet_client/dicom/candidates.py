"""Headers grouped into the volumes that a scan could be: one for each series, or several where it holds several."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset

from hunet_client.dicom.acquisition import frame_value, places_mm

# What tells volumes apart that share their positions, most telling first.
_VOLUME_KEYWORDS = ("EchoTime", "ImageType", "TemporalPositionIdentifier", "AcquisitionNumber", "InversionTime")
_SAME_PLACE_MM = 0.01


@dataclass(frozen=True, eq=False)
class Candidate:
    """One volume. headers: of each of its instances once. part: "1 of 2 by EchoTime" where the series holds several."""

    study_instance_uid: str
    series_instance_uid: str
    series_number: str
    part: str
    headers: tuple[Dataset, ...]

    def __str__(self) -> str:
        number = f"series {self.series_number}" if self.series_number else "series"
        return f"{number} ({self.series_instance_uid}{', ' + self.part if self.part else ''})"


def candidates(headers: Iterable[Dataset]) -> list[Candidate]:
    """All volumes among headers of any number of series, by series number.

    An instance that comes twice counts once; headers without a series are passed over.
    """
    series: dict[str, dict[str, Dataset]] = defaultdict(dict)
    for header in headers:
        if header.get("SeriesInstanceUID") and header.get("SOPInstanceUID"):
            series[str(header.SeriesInstanceUID)].setdefault(str(header.SOPInstanceUID), header)
    found = [candidate for uid, instances in series.items() for candidate in _volumes(uid, list(instances.values()))]
    return sorted(found, key=lambda one: (one.series_number.zfill(12), one.series_instance_uid, one.part))


def _volumes(series_uid: str, headers: list[Dataset]) -> list[Candidate]:
    number = str(headers[0].get("SeriesNumber") or "")
    study_uid = str(headers[0].get("StudyInstanceUID") or "")
    keyword, parts = _split(headers)
    return [
        Candidate(
            study_instance_uid=study_uid,
            series_instance_uid=series_uid,
            series_number=number,
            part=f"{index} of {len(parts)} by {keyword}" if len(parts) > 1 else "",
            headers=tuple(part),
        )
        for index, part in enumerate(parts, start=1)
    ]


def _split(headers: list[Dataset]) -> tuple[str, list[list[Dataset]]]:
    """By the first attribute that leaves no two slices at one place; whole where none does, or none need."""
    if _shares_no_place(headers):
        return "", [headers]
    for keyword in _VOLUME_KEYWORDS:
        parts: dict[str, list[Dataset]] = defaultdict(list)
        for header in headers:
            parts[str(frame_value(header, 0, keyword))].append(header)
        if len(parts) > 1 and all(_shares_no_place(part) for part in parts.values()):
            return keyword, [part for _value, part in sorted(parts.items())]
    return "", [headers]


def _shares_no_place(headers: Sequence[Dataset]) -> bool:
    places = places_mm(headers)
    if places is None:
        return True
    return max(Counter(round(place / _SAME_PLACE_MM) for place in places).values()) == 1
