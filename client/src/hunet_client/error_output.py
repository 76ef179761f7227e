"""How an error ends a command: its line on standard error and its exit code. Both are decided here only."""

from __future__ import annotations

import traceback
from collections.abc import Iterable

import click

from hunet_client.errors import HunetError

# Of an error that nobody foresaw, and of several scans that failed for different reasons.
GENERAL_FAILURE = 1
SHOW_CAUSES = "Run `hunet -v ...` for the whole chain of causes."


def print_error(error: Exception, *, verbose: bool) -> None:
    """Prints `error: ...` to standard error; with `verbose`, the whole chain of causes before it."""
    if verbose:
        click.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    if isinstance(error, HunetError):
        click.echo(f"error: {error}", err=True)
    else:
        click.echo(f"error: unexpected {type(error).__name__}: {error}. {SHOW_CAUSES}", err=True)


def exit_code(errors: Iterable[Exception]) -> int:
    """0 without errors, the code that all of them share, or else 1."""
    codes = {error.exit_code if isinstance(error, HunetError) else GENERAL_FAILURE for error in errors}
    if not codes:
        return 0
    return codes.pop() if len(codes) == 1 else GENERAL_FAILURE
