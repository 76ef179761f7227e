"""Means over patients, how sure they are, and what one network gains on another on the same patients."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hunet_client.errors import UsageError
from scipy.stats import bootstrap

from mamba_hunet.comparison.networks import FIGURES, Figure, Level, NetworkResults

DEFAULT_BASELINE = "mamba_hunet"
CONFIDENCE = 0.95
RESAMPLES = 10_000


@dataclass(frozen=True)
class Interval:
    """A mean over patients with its bootstrap interval; the bounds are none for a single patient."""

    mean: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Difference:
    """A network's figure minus the baseline's, patient by patient.

    Attributes:
        interval: of the mean difference.
        better: how many patients the network is better on, whichever direction that is.
        patients: how many there are.
    """

    interval: Interval
    better: int
    patients: int


@dataclass(frozen=True)
class NetworkComparison:
    """One network's row. The dictionaries are keyed by the names of figures.

    Attributes:
        by_patient: each patient's mean over their scans.
        means: over patients.
        differences: to the baseline; empty for the baseline itself.
    """

    name: str
    by_patient: dict[str, dict[str, float]]
    means: dict[str, Interval]
    differences: dict[str, Difference]


@dataclass(frozen=True)
class Rater2Comparison:
    """The second rater, on the patients who have one.

    Attributes:
        by_patient: the second rater's figures, by figure and patient.
        means: by figure and then by who made the masks: the second rater or a network, on the same patients.
    """

    by_patient: dict[str, dict[str, float]]
    means: dict[str, dict[str, float]]

    @property
    def patients(self) -> tuple[str, ...]:
        return tuple(sorted({patient for values in self.by_patient.values() for patient in values}))


RATER2 = "second rater"


@dataclass(frozen=True)
class Comparison:
    """Networks on the same cases.

    ``rater2``: none where no case has a second rater. ``perhaps_trained_on``: networks of which it is not known whether
    their weights have seen these patients.
    """

    level: Level
    baseline: str
    patients: tuple[str, ...]
    case_count: int
    seed: int
    networks: tuple[NetworkComparison, ...]
    rater2: Rater2Comparison | None
    perhaps_trained_on: tuple[str, ...] = ()

    @property
    def figures(self) -> tuple[Figure, ...]:
        return FIGURES[self.level]

    @property
    def meaning(self) -> str:
        """What the intervals say and what they do not."""
        names = ", ".join(self.perhaps_trained_on)
        seen = f" Whether {names} was trained on some of these patients is not known." if names else ""
        count = len(self.patients)
        if count < 2:
            return f"One patient: no interval can be given.{seen}"
        said = (
            f"Means over {count} patients, each counting once. Intervals: {CONFIDENCE:.0%} percentile bootstrap over"
            f" patients ({RESAMPLES:,} resamples, seed {self.seed}): how far the mean would move with other patients"
            " like these. They know nothing of other scanners, nor of another run of the training."
        )
        few = " With so few patients they are too narrow; docs/metrics.md says by how much." if count < 20 else ""
        return said + few + seen


def compare_networks(networks: Sequence[NetworkResults], level: Level, baseline: str | None, seed: int) -> Comparison:
    """Compares networks whose cases are the same, as `group_networks` has made sure.

    Args:
        networks: at least one.
        level: figures of whole volumes, or means over slices as in the paper.
        baseline: whom differences refer to; `mamba_hunet` or else the first when none.
        seed: of the resampling.

    Raises:
        UsageError: no network has the baseline's name.
        InputError: a figure is missing from a table.
    """
    names = [network.name for network in networks]
    if baseline is None:
        baseline = DEFAULT_BASELINE if DEFAULT_BASELINE in names else names[0]
    if baseline not in names:
        raise UsageError(baseline, "no such network among the tables", f"Choose one of {', '.join(names)}")
    reference = networks[names.index(baseline)]
    rows = [_compare(network, reference, FIGURES[level], seed) for network in networks]
    return Comparison(
        level,
        baseline,
        tuple(sorted({row.patient for row in reference.rows})),
        len(reference.rows),
        seed,
        tuple(rows),
        _rater2(reference, networks, FIGURES[level]),
        tuple(network.name for network in networks if network.perhaps_trained_on),
    )


def _compare(
    network: NetworkResults, baseline: NetworkResults, figures: Sequence[Figure], seed: int
) -> NetworkComparison:
    by_patient = {figure.name: network.by_patient(figure.name) for figure in figures}
    means = {name: _interval(list(values.values()), seed) for name, values in by_patient.items() if values}
    differences = {}
    if network is not baseline:
        for figure in figures:
            ours, theirs = by_patient[figure.name], baseline.by_patient(figure.name)
            gains = [ours[patient] - theirs[patient] for patient in ours]
            if gains:
                better = sum(gain > 0 if figure.higher_is_better else gain < 0 for gain in gains)
                differences[figure.name] = Difference(_interval(gains, seed), better, len(gains))
    return NetworkComparison(network.name, by_patient, means, differences)


def _interval(values: Sequence[float], seed: int) -> Interval:
    mean = float(np.mean(values))
    if len(values) < 2:
        return Interval(mean, None, None)
    drawn = bootstrap(
        (np.asarray(values),),
        np.mean,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(seed),
    )
    return Interval(mean, float(drawn.confidence_interval.low), float(drawn.confidence_interval.high))


def _rater2(
    reference: NetworkResults, networks: Sequence[NetworkResults], figures: Sequence[Figure]
) -> Rater2Comparison | None:
    by_patient = {figure.name: reference.by_patient(f"rater2_{figure.name}") for figure in figures}
    if not any(by_patient.values()):
        return None
    # The same scans, not only the same patients: of several scans of one, the second rater may have read some.
    means = {
        name: {RATER2: _mean(raters)}
        | {network.name: _mean(network.by_patient(name, beside=f"rater2_{name}")) for network in networks}
        for name, raters in by_patient.items()
        if raters
    }
    return Rater2Comparison(by_patient, means)


def _mean(by_patient: dict[str, float]) -> float:
    return float(np.mean(list(by_patient.values())))
