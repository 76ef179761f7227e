"""Which objects a destination asked for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class WantedResults:
    """The structured report is always made; these go beside it.

    `segmentation`: the binary SEG; none is made where no lesion was found. `probability`: a fractional SEG of the
    lesion probability. `compress_probability`: store its frames as JPEG-LS Lossless. `outlines`: secondary captures
    for viewers that cannot show SEG. `pdf`: a one-page report as encapsulated PDF.
    """

    segmentation: bool = True
    probability: bool = False
    compress_probability: bool = False
    outlines: bool = True
    pdf: bool = False
