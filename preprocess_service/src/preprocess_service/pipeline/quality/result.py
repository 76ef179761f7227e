"""What the quality assessment says of a scan: scores from 0 to 1, what they were made of, and flags for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a quality flag matters."""

    INFO = "info"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class QualityFlag:
    """Something a reader of the result should know about the scan; `code` is stable, for machines."""

    code: str
    message: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Measurement:
    """One figure measured in a scan; field for field the protocol's QualityMeasurement.

    score: 1 as in ordinary FLAIR scans, 0.5 where warnings begin, 0 where results mean little.
    """

    name: str
    value: float
    unit: str
    score: float


@dataclass(frozen=True, slots=True)
class Component:
    """One side of quality. Without measurements it could not be assessed on this scan."""

    name: str
    measurements: tuple[Measurement, ...]

    @property
    def score(self) -> float | None:
        """The lowest of its measurements; None without any."""
        return min((measurement.score for measurement in self.measurements), default=None)


@dataclass(frozen=True, slots=True)
class Quality:
    """All components of one scan, each once."""

    components: tuple[Component, ...] = ()

    @property
    def score(self) -> float | None:
        """The weakest component: a scan is as good as what is worst about it. None when nothing was assessed."""
        return min(_known(component.score for component in self.components), default=None)


def _known(scores: Iterable[float | None]) -> list[float]:
    return [score for score in scores if score is not None]
