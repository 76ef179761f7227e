"""Volumes that share their positions in one series: echoes, time points, magnitude and phase."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import numpy.typing as npt

from preprocess_service.pipeline.decode.dicom.frames import VOLUME_KEYWORDS, Frame
from preprocess_service.pipeline.errors import ScanGeometryError

_MAX_NAMED = 8


def several_volumes(
    file_name: str, frames: list[Frame], along_mm: npt.NDArray[np.float64], same_place_mm: float
) -> ScanGeometryError:
    """The refusal of frames of which two lie at one place; names the volumes where an attribute tells them apart.

    along_mm: (n,) in ascending order, the frames' places along the normal.
    """
    fix = "Send the files of one volume; `hunet segment FOLDER` tells them apart by itself"
    place = np.concatenate([[0], np.cumsum(np.diff(along_mm) >= same_place_mm)])
    for index, keyword in enumerate(VOLUME_KEYWORDS):
        places_of: dict[str, list[int]] = defaultdict(list)
        for frame, where in zip(frames, place.tolist(), strict=True):
            places_of[frame.volume_labels[index]].append(where)
        if len(places_of) > 1 and all(max(Counter(places).values()) == 1 for places in places_of.values()):
            named = [f"{label or 'none'} ({len(places)} slices)" for label, places in sorted(places_of.items())]
            more = ", ..." if len(named) > _MAX_NAMED else ""
            what = f"the series holds {len(named)} volumes by {keyword}: {', '.join(named[:_MAX_NAMED])}{more}"
            return ScanGeometryError(file_name, "several_volumes", what, fix)
    shared = len(frames) - int(place[-1]) - 1
    what = f"{shared} of {len(frames)} slices lie where another one does, and nothing tells volumes apart"
    return ScanGeometryError(file_name, "several_volumes", what, "Send the files of one acquisition")
