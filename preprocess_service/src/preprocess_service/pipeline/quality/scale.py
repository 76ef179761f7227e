"""From a measured figure to a score, and to a warning where it is too low."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from preprocess_service.pipeline.quality.result import Measurement, QualityFlag, Severity

# Below this score a measurement raises its flag.
FLAG_LIMIT = 0.5


@dataclass(frozen=True, slots=True)
class Scale:
    """A straight line from `ordinary` (score 1) to `limit` (0.5), and another to `useless` (0); flat beyond.

    flag_message may hold `{value}`.
    """

    name: str
    unit: str
    ordinary: float
    limit: float
    useless: float
    flag_code: str
    flag_message: str

    def measurement(self, value: float) -> Measurement:
        """A figure with its score."""
        knots = sorted([(self.ordinary, 1.0), (self.limit, FLAG_LIMIT), (self.useless, 0.0)])
        score = np.interp(value, [place for place, _ in knots], [score for _, score in knots])
        return Measurement(self.name, float(value), self.unit, float(score))

    def flag(self, measurement: Measurement) -> QualityFlag | None:
        """The warning that a measurement on this scale raises, if any."""
        if measurement.score >= FLAG_LIMIT:
            return None
        return QualityFlag(self.flag_code, self.flag_message.format(value=measurement.value), Severity.WARNING)
