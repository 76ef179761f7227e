"""Which cases are trained on, and which are held out."""

from dataclasses import dataclass

from mamba_hunet.data.cases import Case, split_by_patient
from mamba_hunet.data.folds import Fold, held_out_patients


@dataclass(frozen=True)
class Split:
    """``cases``: all there are; ``training`` and ``held_out``: whose patients are never the same."""

    cases: list[Case]
    training: list[Case]
    held_out: list[Case]

    @property
    def held_out_patients(self) -> list[str]:
        return sorted({case.patient for case in self.held_out})


def split_cases(
    cases: list[Case], hold_out: tuple[str, ...] = (), fold: Fold | None = None, everybody: bool = False, seed: int = 0
) -> Split:
    """Holds nobody out for `everybody`, else those of the fold, else those named, else as `split_by_patient` does.

    Raises:
        DataError: no such patient, or nobody is left to train on.
        UsageError: there are fewer patients with volumes than folds.
    """
    if everybody:
        return Split(cases, cases, [])
    training, held_out = split_by_patient(cases, held_out_patients(cases, fold) if fold else hold_out, seed)
    return Split(cases, training, held_out)


def with_volumes(cases: list[Case]) -> tuple[str, ...]:
    """Every patient of whom there is a volume, sorted."""
    return tuple(sorted({case.patient for case in cases if case.is_volume}))
