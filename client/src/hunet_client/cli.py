"""The `hunet` command: a group whose subcommands come from every installed distribution.

A distribution adds a subcommand with an entry point in the group `hunet.commands`: the entry's name is the
subcommand, its value `module:click_command`. Only the subcommand that runs is imported, or, for `hunet
--help`, the modules that hold the commands; those keep their heavy imports (torch, tritonclient) inside the
functions.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points, version
from typing import IO, Any

import click

from hunet_client.error_output import exit_code, print_error
from hunet_client.errors import HunetError
from hunet_client.notice import RESEARCH_USE_ONLY

COMMAND_GROUP = "hunet.commands"


class CommandFailedError(click.ClickException):
    """A subcommand's exception on its way to standard error and the exit code."""

    def __init__(self, error: Exception, *, verbose: bool) -> None:
        super().__init__(str(error))
        self._error = error
        self._verbose = verbose

    @property
    def exit_code(self) -> int:  # type: ignore[override]
        return exit_code([self._error])

    def show(self, file: IO[Any] | None = None) -> None:
        print_error(self._error, verbose=self._verbose)


class HunetGroup(click.Group):
    """A lazy group; what its subcommands raise ends as `error: ...` and an exit code."""

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

    def fail(arguments: tuple[str, ...]) -> None:
        what = f"{distribution} does not import: {cause}"
        raise HunetError(f"hunet {entry.name}", what, f"Reinstall {distribution}") from cause

    return click.Command(
        entry.name,
        params=[click.Argument(["arguments"], nargs=-1, type=click.UNPROCESSED)],
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
