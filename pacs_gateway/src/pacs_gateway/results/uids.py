"""UIDs of results, derived from what the result depends on.

The same images through the same weights give the same UIDs, so that an object sent again replaces the first one
instead of standing beside it. Other pixels, weights or settings give others. The form is that of PS3.5, B.2: the
root 2.25 and a UUID, here a name-based one (RFC 9562, version 5).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from uuid import UUID, uuid5

from hunet_client.segmentation import Segmentation
from pydicom.uid import UID

from pacs_gateway.results.source_series import SourceSeries

_NAMESPACE = UUID("8c1f9d5e-6a0b-5d0e-9b43-53c6f7a4e2d1")


@dataclass(frozen=True)
class ResultUids:
    """UIDs for one result; `digest` is the SHA-256 of everything that tells this result from another."""

    digest: str

    def of(self, kind: str, part: str = "") -> UID:
        """The UID of one part of one kind of object: "segmentation", "series"."""
        return UID(f"2.25.{uuid5(_NAMESPACE, f'{self.digest}/{kind}/{part}').int}")


def result_uids(series: SourceSeries, segmentation: Segmentation) -> ResultUids:
    """UIDs for what these images became under this model.

    They depend on the source instances and their stored pixel values, the model's name, version and weights digest,
    the threshold, the smallest lesion and the planes that were read; not on time, software or machine.
    """
    identity = {
        "frames": [[frame.sop_instance_uid, frame.number] for frame in series.frames],
        "pixels": series.pixel_sha256,
        "model": [segmentation.model.name, segmentation.model.version, segmentation.model.weights_sha256],
        "postprocessing": [segmentation.lesions.threshold, segmentation.lesions.min_lesion_ml],
        "planes": list(segmentation.planes),
    }
    return ResultUids(hashlib.sha256(json.dumps(identity).encode()).hexdigest())


def device_uid(segmentation: Segmentation) -> UID:
    """The UID of the observing device: the weights, whatever they were shown."""
    return UID(f"2.25.{uuid5(_NAMESPACE, segmentation.model.weights_sha256).int}")
