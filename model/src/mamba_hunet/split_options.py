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
    """Adds --hold-out, --fold and --everybody."""
    for option in (
        click.option("--everybody", is_flag=True, help="Hold nobody out: for a recipe that has been judged before."),
        click.option(
            "--fold", metavar="K/N", callback=_fold, help="Hold out the K-th of N even folds of the patients."
        ),
        click.option("--hold-out", multiple=True, metavar="PATIENT", help="Keep a patient out; repeatable."),
    ):
        command = option(command)
    return command


def split_data(data: Path, hold_out: tuple[str, ...], fold: Fold | None, everybody: bool, seed: int) -> Split:
    """Finds the cases in a folder and splits them as the options say.

    Raises:
        click.UsageError: the options contradict each other.
        DataError: no such folder or patient, or nobody is left to train on.
        UsageError: there are fewer patients with volumes than folds.
    """
    if sum((bool(fold), bool(hold_out), everybody)) > 1:
        raise click.UsageError("--fold, --hold-out and --everybody contradict each other")
    from mamba_hunet.data.cases import find_cases
    from mamba_hunet.data.split import split_cases

    return split_cases(find_cases(data), hold_out, fold, everybody, seed)
