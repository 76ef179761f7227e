"""Evaluated cases grouped by network, and the proof that all networks saw the same cases."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isclose
from statistics import fmean

from hunet_client.errors import InputError, UsageError

from mamba_hunet.evaluation_csv import CaseRow, SeenInTraining


class Level(StrEnum):
    """Voxel figures of a patient's whole volume, or their means over the slices that show lesion, as in the paper."""

    VOLUME = "volume"
    SLICE = "slice"


@dataclass(frozen=True)
class Figure:
    """A column of the comparison.

    Attributes:
        name: of `mamba_hunet.metrics.Agreement.figures`.
        title, heading: as people read it, in full and in a narrow column.
        decimals: worth printing.
        higher_is_better: the direction.
    """

    name: str
    title: str
    heading: str
    decimals: int = 3
    higher_is_better: bool = True


# The five of the paper's table, and the one that says how many lesions were found.
FIGURES = {
    level: (
        Figure(f"{prefix}dice", "Dice", "Dice"),
        Figure(f"{prefix}iou", "IoU", "IoU"),
        Figure(f"{prefix}hd95_mm", "HD95 in mm", "HD95 mm", decimals=1, higher_is_better=False),
        Figure(f"{prefix}sensitivity", "Sensitivity", "Sens."),
        Figure(f"{prefix}specificity", "Specificity", "Spec.", decimals=4),
        Figure("lesion_f1", "Lesion-wise F1", "Lesion F1"),
    )
    for level, prefix in ((Level.VOLUME, ""), (Level.SLICE, "slice_"))
}


@dataclass(frozen=True)
class NetworkResults:
    """All cases of one network, over one or several folds; no case twice."""

    name: str
    rows: tuple[CaseRow, ...]

    @property
    def perhaps_trained_on(self) -> bool:
        """Whether it is not known of some patient if the weights have seen a scan of theirs."""
        return any(row.seen_in_training is SeenInTraining.UNKNOWN for row in self.rows)

    def by_patient(self, figure: str, beside: str | None = None) -> dict[str, float]:
        """Mean over each patient's scans. Scans without the figure are left out, and so is a patient of such only.

        beside: another figure, without which a scan is left out too.
        """
        values: dict[str, list[float]] = {}
        for row in self.rows:
            if figure not in row.figures:
                raise InputError(str(row.file), f"has no column {figure!r}", "Give a table of `hunet evaluate --csv`")
            value = row.figures[figure]
            if value is not None and (beside is None or row.figures[beside] is not None):
                values.setdefault(row.patient, []).append(value)
        return {patient: fmean(values[patient]) for patient in sorted(values)}


def group_networks(tables: Iterable[tuple[str | None, Sequence[CaseRow]]]) -> list[NetworkResults]:
    """Puts the folds of each network together, in the order of first appearance.

    Args:
        tables: rows of one CSV each, with the name they are to have, or none for the network's own.

    Raises:
        InputError: a case stands twice for one network, weights were trained on a patient they are judged by, the
            networks' cases or their truth differ.
    """
    grouped: dict[str, list[CaseRow]] = {}
    for label, rows in tables:
        for row in rows:
            grouped.setdefault(label or row.network, []).append(row)
    networks = [NetworkResults(name, tuple(rows)) for name, rows in grouped.items()]
    for network in networks:
        _check_each_case_once(network)
        _check_not_trained_on(network)
    for other in networks[1:]:
        _check_same_cases(networks[0], other)
    return networks


def _check_each_case_once(network: NetworkResults) -> None:
    first: dict[str, CaseRow] = {}
    for row in network.rows:
        if row.name in first:
            where = f"{row.name} stands twice for {network.name}; first in {first[row.name].file}"
            raise InputError(str(row.file), where, "Give each fold once, or name variants apart: LABEL=FILE.csv")
        first[row.name] = row


def _check_not_trained_on(network: NetworkResults) -> None:
    for row in network.rows:
        if row.seen_in_training is SeenInTraining.YES:
            what = f"the weights were trained on patient {row.patient} of {row.name}"
            raise InputError(str(row.file), what, "Evaluate patients that were held out")


def _check_same_cases(one: NetworkResults, other: NetworkResults) -> None:
    ours, theirs = _by_name(one), _by_name(other)
    if lacking := [
        f"{network.name} lacks {', '.join(sorted(names))}"
        for network, names in ((one, theirs.keys() - ours.keys()), (other, ours.keys() - theirs.keys()))
        if names
    ]:
        what = f"were evaluated on other cases: {'; '.join(lacking)}"
        raise UsageError(f"{one.name} and {other.name}", what, "Evaluate all on the same")
    for name, row in theirs.items():
        true_ml, other_ml = ours[name].figures.get("truth_ml"), row.figures.get("truth_ml")
        if true_ml is None or other_ml is None or not isclose(true_ml, other_ml, rel_tol=1e-6):
            what = f"the truth of {name} is {other_ml} ml, and {true_ml} ml in {ours[name].file}"
            raise InputError(str(row.file), what, "Evaluate all on the same data")


def _by_name(network: NetworkResults) -> Mapping[str, CaseRow]:
    return {row.name: row for row in network.rows}
