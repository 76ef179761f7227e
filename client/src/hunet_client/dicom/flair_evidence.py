"""What speaks for and against a series being the FLAIR: one table, for people to read and to argue with.

    finding                                                       points
    not MR; no MR image (a picture, a segmentation, a map)        out
    a localizer, reformat, projection, subtraction or phase map   out
    derived and secondary, whatever from                          out
    diffusion-weighted                                            out
    a contrast agent is recorded                                  out
    fewer than 12 slices, or less than 70 mm of head              out
    acquisition contrast FLUID_ATTENUATED (enhanced MR)           +3
    inversion time at which fluid is dark, for its field          +3
    another inversion time (STIR, MPRAGE, double inversion)       -3
    inversion recovery                                            +1
    long echo time, for its field and for 2D or 3D                +1
    short echo time (T1-weighted)                                 -3
    repetition time of 4 s or more                                +1
    shorter than 3.5 s                                            -2
    its names say FLAIR, dark fluid or TIRM                       +2
    its names say another contrast                                -2
    its names say that it comes after contrast                    -5
    its names say reformat                                        -5

A series with `ENOUGH_POINTS` is taken for a FLAIR. No name alone is enough: names are what people typed. The ranges
are those of clinical protocols, somewhat widened: fluid is dark at about T1 (ln 2 - ln(1 + exp(-TR / T1))), with T1 of
cerebrospinal fluid near 4.2 s at any field, and protocols for stronger fields use longer repetition times; the
effective echo time of 3D sequences with variable flip angles is nominally twice and more that of 2D ones.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pydicom.uid import EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage, MRImageStorage

from hunet_client.dicom.acquisition import Acquisition

ENOUGH_POINTS = 4
MIN_SLICES = 12
MIN_COVERAGE_MM = 70.0

_MR_IMAGES = (MRImageStorage, EnhancedMRImageStorage, LegacyConvertedEnhancedMRImageStorage)
_OTHER_IMAGES = {
    "LOCALIZER",
    "MPR",
    "MIP",
    "MINIP",
    "MAX_IP",
    "MIN_IP",
    "PROJECTION IMAGE",
    "REFORMATTED",
    "CPR",
    "SUBTRACTION",
    "ADC",
    "TRACEW",
    "FA",
    "PHASE MAP",
    "P",
}
_FLAIR_WORDS = re.compile(r"flair|dark.?fluid|\btirm")
_OTHER_WORDS = re.compile(r"\bt1|\bstir\b|\bdir\b|psir|mprage|\bswi\b|\bdwi\b|\badc\b|\bpd\b")
_AFTER_CONTRAST_WORDS = re.compile(r"\bgd\b|gado|\bpost\b|\+ ?c\b|\bce\b|\bkm\b")
_REFORMAT_WORDS = re.compile(r"\bmpr|\bmip\b|reformat|\brfmt")


@dataclass(frozen=True)
class _Ranges:
    """What FLAIR protocols use up to a field strength, in milliseconds."""

    up_to_t: float
    inversion_ms: tuple[float, float]
    echo_2d_ms: tuple[float, float]
    echo_3d_ms: tuple[float, float]


_RANGES = (
    _Ranges(1.1, (1300, 2500), (70, 200), (70, 460)),
    _Ranges(2.0, (1500, 2750), (70, 200), (70, 460)),
    _Ranges(4.0, (1550, 2950), (65, 190), (70, 460)),
    _Ranges(15.0, (1600, 3200), (50, 190), (70, 560)),
)


@dataclass(frozen=True)
class Evidence:
    """One finding. points: None rules the series out."""

    finding: str
    points: int | None

    def __str__(self) -> str:
        return self.finding if self.points is None else f"{self.finding} ({self.points:+d})"


def weigh(acquisition: Acquisition) -> tuple[Evidence, ...]:
    """All that is found about one series."""
    return tuple(evidence for rule in _RULES for evidence in rule(acquisition))


def points(evidence: tuple[Evidence, ...]) -> int | None:
    """The sum; None for a series that is ruled out."""
    total = 0
    for one in evidence:
        if one.points is None:
            return None
        total += one.points
    return total


def _kind(it: Acquisition) -> Iterator[Evidence]:
    if it.modality != "MR":
        yield Evidence("not MR", None)
    elif it.sop_class_uid not in _MR_IMAGES:
        yield Evidence("no MR image", None)
    other = sorted(_OTHER_IMAGES.intersection(it.image_type))
    if other:
        yield Evidence(f"image type {other[0]}", None)
    elif it.image_type[:2] == ("DERIVED", "SECONDARY"):
        yield Evidence("derived and secondary", None)
    if it.diffusion:
        yield Evidence("diffusion-weighted", None)
    if it.contrast_agent:
        yield Evidence("a contrast agent is recorded", None)


def _extent(it: Acquisition) -> Iterator[Evidence]:
    if it.slice_count < MIN_SLICES:
        yield Evidence(f"only {it.slice_count} slices", None)
    elif it.coverage_mm is not None and it.coverage_mm < MIN_COVERAGE_MM:
        yield Evidence(f"covers only {it.coverage_mm:.0f} mm", None)


def _inversion(it: Acquisition) -> Iterator[Evidence]:
    if it.contrast == "FLUID_ATTENUATED":
        yield Evidence("acquisition contrast FLUID_ATTENUATED", 3)
    if it.is_inversion_recovery or it.inversion_ms:
        yield Evidence("inversion recovery", 1)
    if it.inversion_ms:
        low, high = _ranges(it).inversion_ms
        fits = low <= it.inversion_ms <= high
        verdict = "fluid is dark" if fits else f"outside {low:g} to {high:g} ms"
        yield Evidence(f"TI {it.inversion_ms:g} ms: {verdict}", 3 if fits else -3)


def _weighting(it: Acquisition) -> Iterator[Evidence]:
    if it.echo_ms is not None:
        low, high = _ranges(it).echo_3d_ms if it.is_3d else _ranges(it).echo_2d_ms
        if low <= it.echo_ms <= high:
            yield Evidence(f"TE {it.echo_ms:g} ms: long", 1)
        elif it.echo_ms < low:
            yield Evidence(f"TE {it.echo_ms:g} ms: short", -3)
    if it.repetition_ms is not None and it.repetition_ms >= 4000:
        yield Evidence(f"TR {it.repetition_ms:g} ms: long", 1)
    elif it.repetition_ms is not None and it.repetition_ms < 3500:
        yield Evidence(f"TR {it.repetition_ms:g} ms: short", -2)


def _names(it: Acquisition) -> Iterator[Evidence]:
    if _FLAIR_WORDS.search(it.words):
        yield Evidence("named FLAIR", 2)
    if _OTHER_WORDS.search(it.words):
        yield Evidence("named as another contrast", -2)
    if _AFTER_CONTRAST_WORDS.search(it.words):
        yield Evidence("named as after contrast", -5)
    if _REFORMAT_WORDS.search(it.words):
        yield Evidence("named as a reformat", -5)


_RULES: tuple[Callable[[Acquisition], Iterator[Evidence]], ...] = (_kind, _extent, _inversion, _weighting, _names)


def _ranges(it: Acquisition) -> _Ranges:
    """Those of the field strength; of 3 T, whose are the widest in use, where it is not recorded."""
    field_t = it.field_t if it.field_t else 3.0
    return next((row for row in _RANGES if field_t <= row.up_to_t), _RANGES[-1])
