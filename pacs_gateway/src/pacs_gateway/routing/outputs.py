"""Which output goes where."""

from __future__ import annotations

from collections.abc import Sequence

from pydicom.dataset import Dataset
from pydicom.uid import (
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    EnhancedSRStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from pacs_gateway.routing.configuration import Destination, OutputKind

_KINDS: dict[str, OutputKind] = {
    SegmentationStorage: "SEG",
    EnhancedSRStorage: "SR",
    ComprehensiveSRStorage: "SR",
    Comprehensive3DSRStorage: "SR",
    SecondaryCaptureImageStorage: "SC",
    EncapsulatedPDFStorage: "PDF",
}


def output_kind(dataset: Dataset) -> OutputKind:
    """By SOP class; all other classes are pictures for viewers that cannot show the rest."""
    return _KINDS.get(dataset.SOPClassUID, "SC")


def destinations_for(destinations: Sequence[Destination], sender: str) -> list[Destination]:
    """Those that take results of studies from this sender (AE title)."""
    return [one for one in destinations if one.senders is None or sender in one.senders]
