"""What made the result: the device that every object names, and the time."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime, tzinfo
from importlib.metadata import version
from typing import Any

from hunet_client.report import Report
from hunet_client.segmentation import Segmentation
from pydicom import Dataset

MANUFACTURER = "Mamba-HUNet (research use only)"
# Value representation LO (PS3.5, 6.2).
_LONGEST_LO = 64


def equipment(segmentation: Segmentation) -> dict[str, Any]:
    """Arguments of highdicom for the Enhanced General Equipment module (PS3.3, C.7.5.2).

    The serial number of this device is the SHA-256 of its weights: exactly one network has it.
    """
    model = segmentation.model
    return {
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": ascii_text(model.name)[:_LONGEST_LO],
        "software_versions": [
            ascii_text(f"{model.name} {model.version}")[:_LONGEST_LO],
            f"hunet-pacs-gateway {version('hunet-pacs-gateway')}",
        ],
        "device_serial_number": model.weights_sha256,
    }


def algorithm_parameters(report: Report) -> dict[str, str]:
    """What the algorithm was run with, for the places where an object identifies its algorithm."""
    post = report.provenance.postprocessing
    return {
        "weights SHA-256": report.provenance.model.weights_sha256,
        "threshold": f"{post.threshold:g}",
        "smallest lesion ml": f"{post.min_lesion_ml:g}",
        "planes": "+".join(report.provenance.preprocessing.planes),
    }


def stamp(
    result: Dataset,
    source: Dataset,
    made_at: datetime,
    events: Sequence[str] = ("InstanceCreation", "Series", "Content"),
) -> None:
    """Writes one time into every place of an object that says when one of these events was.

    One offset from UTC holds for all times of an object (PS3.3, C.12.1.1), and study times are copied from the source:
    so the source's offset is kept, and without one times are local.
    """
    offset = source.get("TimezoneOffsetFromUTC")
    zone = _zone(offset or "")
    if zone:
        result.TimezoneOffsetFromUTC = offset
    local = made_at.astimezone(zone)
    date, time = local.strftime("%Y%m%d"), local.strftime("%H%M%S")
    for event in events:
        setattr(result, f"{event}Date", date)
        setattr(result, f"{event}Time", time)
    for contribution in result.get("ContributingEquipmentSequence", []):
        contribution.ContributionDateTime = date + time
    if "DateOfSecondaryCapture" in result:
        result.DateOfSecondaryCapture, result.TimeOfSecondaryCapture = date, time


def series_number(source: Dataset, kind: int) -> int:
    """Beside the source series in a sorted list: series 7 gives 701, 702, ...; without a number 1, 2, ..."""
    number = abs(int(source.get("SeriesNumber") or 0))
    # What an integer string holds (PS3.5, 6.2).
    return number * 100 + kind if number < 10_000_000 else kind


def ascii_text(words: str) -> str:
    """Without what the source's character set may not hold."""
    return unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode()


def _zone(offset: str) -> tzinfo | None:
    """Of `&ZZXX`, a sign, hours and minutes; None for anything else."""
    try:
        return datetime.strptime(offset, "%z").tzinfo if len(offset) == 5 else None
    except ValueError:
        return None
