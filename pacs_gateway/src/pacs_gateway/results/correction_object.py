"""What a reader accepted, as a DICOM Segmentation of its own beside the model's (PS3.3, A.51).

Made from a template that is built with the model's results: a correction may come when the images are no longer kept.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from uuid import UUID, uuid5

import numpy as np
from hunet_client.report import Report
from hunet_client.segmentation import Segmentation
from numpy.typing import NDArray
from pydicom import Dataset
from pydicom.pixels import pack_bits
from pydicom.uid import UID

from pacs_gateway.results.equipment import ascii_text, stamp
from pacs_gateway.results.grid import frames_of
from pacs_gateway.results.segmentation_object import empty_mask_object
from pacs_gateway.results.source_headers import source_headers
from pacs_gateway.results.source_series import SourceSeries
from pacs_gateway.results.uids import result_uids

# Value representation LO (PS3.5, 6.2), and a person's name without the characters that divide it.
_LONGEST_NAME = 64
_NAME_DIVIDERS = str.maketrans(dict.fromkeys("^=\\", " "))


def correction_template(
    series: SourceSeries, segmentation: Segmentation, report: Report, *, made_at: datetime
) -> Dataset:
    """A segmentation of these images in which nothing is marked yet. Raises InputError as `build_results` does.

    made_at: of the series that all corrections of these images are in.
    """
    uids, headers = result_uids(series, segmentation), source_headers(series)
    template = empty_mask_object(series, headers, segmentation, report, uids)
    stamp(template, headers[0], made_at)
    return template


def corrected_object(
    template: Dataset,
    mask: NDArray[np.uint8],
    affine: NDArray[np.float64],
    *,
    revision: int,
    author: str,
    made_at: datetime,
) -> Dataset:
    """The template with a reader's mask in it; every revision has a UID of its own, the same when made again.

    Args:
        template: as `correction_template` made it; it is changed and given back.
        mask: (i, j, k), 1 in lesions; there must be one, as for the model's own.
        affine: (4, 4), its voxel indices to RAS+ mm.
        revision: counts corrections of this study from 1.
    """
    template.PixelData = pack_bits(frames_of(mask)[_slices(template, affine)].ravel())
    digest = hashlib.sha256(mask.tobytes() + author.encode()).hexdigest()
    uid = UID(f"2.25.{uuid5(UUID(int=0), f'{template.SOPInstanceUID}/{revision}/{digest}').int}")
    template.SOPInstanceUID = template.file_meta.MediaStorageSOPInstanceUID = uid
    template.InstanceNumber = revision
    template.ContentCreatorName = ascii_text(author).translate(_NAME_DIVIDERS)[:_LONGEST_NAME]
    # By the model, then by hand (PS3.3, C.8.20.2.3).
    template.SegmentSequence[0].SegmentAlgorithmType = "SEMIAUTOMATIC"
    stamp(template, template, made_at, ("InstanceCreation", "Content"))
    return template


def _slices(template: Dataset, affine: NDArray[np.float64]) -> NDArray[np.intp]:
    """Which slice k of the mask each frame is, by where it lies: an object's frames may be in another order."""
    places = [
        frame.PlanePositionSequence[0].ImagePositionPatient for frame in template.PerFrameFunctionalGroupsSequence
    ]
    ras_mm = np.array(places, dtype=np.float64) * [-1.0, -1.0, 1.0]
    voxels = np.linalg.solve(affine[:3, :3], (ras_mm - affine[:3, 3]).T)
    return np.rint(voxels[2]).astype(np.intp)
