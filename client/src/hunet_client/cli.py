"""The `hunet` command: a group whose subcommands come from every installed distribution.

A distribution adds a subcommand with an entry point in the group `hunet.commands`: the entry's name is the
subcommand, its value `module:click_command`. Only the subcommand that runs is imported, or, for `hunet
--help`, the modules that hold the commands; those keep their heavy imports (torch, tritonclient) inside the
functions.
"""

from __future__ import annotations

import traceback
from importlib.metadata import EntryPoint, entry_points, version
from typing import IO, Any

import click

from hunet_client.errors import HunetError

COMMAND_GROUP = "hunet.commands"
RESEARCH_USE_ONLY = "Research use only. Not a medical device; not for diagnosis or treatment."


class CommandFailedError(click.ClickException):
    """A subcommand's exception on its way to standard error and the exit code."""

    def __init__(self, cause: Exception, *, verbose: bool) -> None:
        super().__init__(str(cause))
        self._cause = cause
        self._verbose = verbose

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        return self._cause.exit_code if isinstance(self._cause, HunetError) else 1

    def show(self, file: IO[Any] | None = None) -> None:
        if self._verbose:
            click.echo("".join(traceback.format_exception(self._cause)), file=file, err=True, nl=False)
        if isinstance(self._cause, HunetError):
            click.echo(f"error: {self._cause}", file=file, err=True)
            return
        click.echo(
            f"error: unexpected {type(self._cause).__name__}: {self._cause}. "
            "Run `hunet -v ...` for the whole cause chain.",
            file=file,
            err=True,
        )


class HunetGroup(click.Group):
    """A lazy group, and the one place where exceptions become `error: ...` lines and exit codes."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_commands_on_offer())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = _commands_on_offer().get(cmd_name)
        if entry is None:
            return None
        try:
            command = entry.load()
        except Exception as exc:
            return _broken_command(entry, exc)
        assert isinstance(command, click.Command), f"{entry.value} is not a click command"
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as exc:
            raise CommandFailedError(exc, verbose=ctx.params["verbose"]) from exc


def _commands_on_offer() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=COMMAND_GROUP)}


def _broken_command(entry: EntryPoint, cause: Exception) -> click.Command:
    """Stands in for a command whose module does not import, so that the others keep working."""
    distribution = entry.dist.name if entry.dist is not None else entry.module

    def fail(_arguments: tuple[str, ...]) -> None:
        raise HunetError(
            f"hunet {entry.name}", f"{distribution} does not import: {cause}", f"Reinstall {distribution}."
        ) from cause

    return click.Command(
        entry.name,
        params=[click.Argument(["_arguments"], nargs=-1, type=click.UNPROCESSED)],
        callback=fail,
        short_help=f"(unavailable: {distribution} does not import)",
        context_settings={"ignore_unknown_options": True, "help_option_names": []},
    )


@click.group(
    cls=HunetGroup,
    epilog=RESEARCH_USE_ONLY,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("-v", "--verbose", is_flag=True, help="On an error, print the whole chain of causes.")
@click.version_option(version("hunet-client"), prog_name="hunet")
def hunet(verbose: bool) -> None:
    """Multiple-sclerosis lesion segmentation of brain MRI with Mamba-HUNet."""


def main() -> None:
    """The console script."""
    hunet(prog_name="hunet")
