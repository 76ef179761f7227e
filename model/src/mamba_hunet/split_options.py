"""Who is held out: the options that `hunet plan` and `hunet train` share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from mamba_hunet.data.folds import Fold
    from mamba_hunet.data.split import Split

Function = TypeVar("Function", bound=Callable[..., Any])


def _fold(_context: click.Context, _option: click.Parameter, text: str | None) -> Fold | None:
    if text is None:
        return None
    from mamba_hunet.data.folds import Fold

    try:
        return Fold.parse(text)
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc


def split_options(command: Function) -> Function:
    """Adds --hold-out, --fold, --everybody and --synthetic."""
    for option in (
        click.option(
            "--synthetic",
            is_flag=True,
            help="Hold out every patient with a volume: train on drawn scans, and on single slices.",
        ),
        click.option("--everybody", is_flag=True, help="Hold nobody out: for a recipe that has been judged before."),
        click.option(
            "--fold", metavar="K/N", callback=_fold, help="Hold out the K-th of N even folds of the patients."
        ),
        click.option("--hold-out", multiple=True, metavar="PATIENT", help="Keep a patient out; repeatable."),
    ):
        command = option(command)
    return command


def split_data(
    data: Path, hold_out: tuple[str, ...], fold: Fold | None, everybody: bool, synthetic: bool, seed: int
) -> Split:
    """Finds the cases in a folder and splits them as the options say.

    Args:
        data: the folder.
        hold_out, fold, everybody, synthetic: what `split_options` gives; at most one of them.
        seed: of the random split where there is no other.

    Raises:
        click.UsageError: the options contradict each other.
        DataError: no such folder or patient, or nobody is left to train on.
        UsageError: there are fewer patients with volumes than folds.
    """
    if sum((bool(fold), bool(hold_out), everybody, synthetic)) > 1:
        raise click.UsageError("--fold, --hold-out, --everybody and --synthetic contradict each other")
    from mamba_hunet.data.cases import find_cases
    from mamba_hunet.data.split import split_cases, with_volumes

    cases = find_cases(data)
    return split_cases(cases, with_volumes(cases) if synthetic else hold_out, fold, everybody, seed)
