"""Which of a study's series is the FLAIR, and why; from headers alone, before there are pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pydicom.dataset import Dataset

from hunet_client.dicom.acquisition import describe
from hunet_client.dicom.candidates import Candidate, candidates
from hunet_client.dicom.flair_evidence import ENOUGH_POINTS, Evidence, points, weigh

# The best must lead the next one by this much.
_CLEAR_LEAD = 2


@dataclass(frozen=True, eq=False)
class Assessed:
    """One volume with all that speaks for and against it. points: None where it is ruled out."""

    candidate: Candidate
    evidence: tuple[Evidence, ...]
    points: int | None

    def __str__(self) -> str:
        score = "out" if self.points is None else f"{self.points} points"
        ruling = [one for one in self.evidence if one.points is None]
        reasons = ", ".join(str(one) for one in ruling or self.evidence) or "the headers say nothing about it"
        return f"{self.candidate}: {score}: {reasons}"


@dataclass(frozen=True, eq=False)
class Choice:
    """chosen: None when in doubt. assessed: every volume, best first. Shows series numbers and UIDs, no free text."""

    chosen: Assessed | None
    assessed: tuple[Assessed, ...]

    def explanation(self) -> str:
        """A line for each volume, the chosen one first and marked."""
        return "\n".join(f"{'*' if one is self.chosen else ' '} {one}" for one in self.assessed)


def choose_flair(headers: Iterable[Dataset], series_uid: str | None = None) -> Choice:
    """The FLAIR among the volumes of any number of series.

    headers: data sets without pixels, at least `acquisition.HEADER_KEYWORDS` of each. series_uid: only volumes of this
    series count, and a sole one is chosen whatever speaks against it.
    """
    assessed = [_assess(candidate) for candidate in candidates(headers)]
    assessed.sort(key=lambda one: float("-inf") if one.points is None else one.points, reverse=True)
    named = [one for one in assessed if series_uid in (None, one.candidate.series_instance_uid)]
    if series_uid is not None and len(named) == 1:
        return Choice(named[0], tuple(assessed))
    likely = [one for one in named if one.points is not None and one.points >= ENOUGH_POINTS]
    return Choice(_clear_winner(likely), tuple(assessed))


def _assess(candidate: Candidate) -> Assessed:
    evidence = weigh(describe(candidate.headers))
    return Assessed(candidate, evidence, points(evidence))


def _clear_winner(likely: list[Assessed]) -> Assessed | None:
    """likely: best first."""
    if not likely:
        return None
    if len(likely) > 1 and (likely[0].points or 0) - (likely[1].points or 0) < _CLEAR_LEAD:
        return None
    return likely[0]
