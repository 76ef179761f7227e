"""The facts that a sentence of the knowledge file may ask for: one number each, or none where it is not known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from hunet_client.findings.change_document import ChangeReport
from hunet_client.findings.document import LocatedLesion, Location

# The regions in the brain that the McDonald criteria count.
MCDONALD_REGIONS: tuple[Location, ...] = ("periventricular", "juxtacortical", "infratentorial")


@dataclass(frozen=True)
class Facts:
    """`regions`: how many of the three McDonald regions hold a lesion. `compared`: 1 with an earlier scan, else 0.

    Regions are None where lesions are there and none could be placed; changes where there is no earlier scan.
    """

    lesion_count: float
    quality_score: float | None
    periventricular_count: float | None
    juxtacortical_count: float | None
    infratentorial_count: float | None
    deep_white_matter_count: float | None
    regions: float | None
    compared: float
    new_count: float | None
    new_or_grown_count: float | None

    @classmethod
    def names(cls) -> frozenset[str]:
        return frozenset(field.name for field in fields(cls))


def gather_facts(lesions: Iterable[LocatedLesion], quality_score: float | None, change: ChangeReport | None) -> Facts:
    places = [lesion.location for lesion in lesions]
    unknown = bool(places) and all(place == "undetermined" for place in places)

    def count(location: Location) -> int | None:
        return None if unknown else places.count(location)

    # What may be the weights' or the threshold's doing is no fact about the patient.
    trusted = change if change is not None and change.same_model and change.same_settings else None
    return Facts(
        lesion_count=len(places),
        quality_score=quality_score,
        periventricular_count=count("periventricular"),
        juxtacortical_count=count("juxtacortical"),
        infratentorial_count=count("infratentorial"),
        deep_white_matter_count=count("deep_white_matter"),
        regions=None if unknown else len(set(places) & set(MCDONALD_REGIONS)),
        compared=0 if change is None else 1,
        new_count=None if trusted is None else trusted.count("new"),
        new_or_grown_count=None if trusted is None else trusted.count("new") + trusted.count("grown"),
    )
