"""From slice predictions back to a volume on the scan's own grid."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from preprocess_service.pipeline.errors import RestoreError
from preprocess_service.pipeline.geometry import CANVAS_PIXELS, oriented, to_native
from preprocess_service.pipeline.manifest import Manifest

_PROBABILITY_ROUNDING = 1e-3


class VolumeRestorer:
    """Collects predictions in any order and puts each slice in its place as it comes.

    Raises RestoreError for a slice that comes twice, lies outside the scan, has the wrong size or holds no
    probabilities.
    """

    def __init__(self, manifest: Manifest) -> None:
        self._geometry = manifest.geometry
        self._volume = np.zeros(manifest.shape, dtype=np.float32)
        self._seen = np.zeros(manifest.geometry.slice_count, dtype=bool)

    def add(self, first_slice: int, predictions: npt.NDArray[np.float32]) -> None:
        """Takes consecutive slices, (n, 256, 256) float32 lesion probabilities in [0, 1]."""
        if predictions.ndim != 3 or predictions.shape[1:] != (CANVAS_PIXELS, CANVAS_PIXELS):
            raise RestoreError(
                "bad_batch",
                f"a batch has shape {predictions.shape}",
                f"Send (n, {CANVAS_PIXELS}, {CANVAS_PIXELS})",
            )
        last_slice = first_slice + len(predictions) - 1
        if first_slice < 0 or last_slice >= self._seen.size:
            raise RestoreError(
                "slice_out_of_range",
                f"slices {first_slice} to {last_slice} of a scan of {self._seen.size}",
                "Number slices as they came",
            )
        if self._seen[first_slice : last_slice + 1].any():
            raise RestoreError(
                "duplicate_slices",
                f"slices {first_slice} to {last_slice} overlap earlier ones",
                "Send every slice once",
            )
        # Written so that NaN fails too.
        if not ((predictions >= -_PROBABILITY_ROUNDING) & (predictions <= 1 + _PROBABILITY_ROUNDING)).all():
            raise RestoreError(
                "not_a_probability",
                f"slices {first_slice} to {last_slice} hold values outside 0 to 1",
                "Send probabilities, not logits",
            )
        self._seen[first_slice : last_slice + 1] = True
        native = to_native(np.clip(predictions, 0.0, 1.0), self._geometry)
        oriented(self._volume, self._geometry)[first_slice : last_slice + 1] = native

    def finish(self) -> npt.NDArray[np.float32]:
        """The volume, (i, j, k) float32 in C order; raises RestoreError while slices are missing."""
        missing = np.flatnonzero(~self._seen)
        if missing.size:
            raise RestoreError(
                "missing_slices",
                f"{missing.size} of {self._seen.size} slices are missing, the first is {missing[0]}",
                "Send every slice once",
            )
        return self._volume


def restore_volume(
    manifest: Manifest, batches: Iterable[tuple[int, npt.NDArray[np.float32]]]
) -> npt.NDArray[np.float32]:
    """Predictions on the scan's own grid, (i, j, k) float32; 0 where the canvas does not reach.

    batches: first slice number and (n, 256, 256) float32 probabilities, in any order. Raises RestoreError.
    """
    restorer = VolumeRestorer(manifest)
    for first_slice, predictions in batches:
        restorer.add(first_slice, predictions)
    return restorer.finish()
