"""The `hunet` command gathers subcommands, survives broken ones, turns errors into lines and exit codes."""

from __future__ import annotations

import re
from importlib.metadata import EntryPoint

import click
import pytest
from click.testing import CliRunner
from hunet_client import cli, errors


@pytest.fixture
def offer(monkeypatch):
    """Offers these subcommands instead of the installed ones: name to command, or to `module:attribute`."""

    def make(**commands):
        entries = {}
        for name, command in commands.items():
            target = command if isinstance(command, str) else "unused:unused"
            entry = EntryPoint(name=name, value=target, group=cli.COMMAND_GROUP)
            if not isinstance(command, str):
                entry = _Loaded(entry, command)
            entries[name] = entry
        monkeypatch.setattr(cli, "_commands_on_offer", lambda: entries)

    return make


class _Loaded:
    def __init__(self, entry, command):
        self.name, self.value, self.module, self.dist = entry.name, entry.value, entry.module, None
        self.load = lambda: command


def command_that_raises(error):
    @click.command(short_help="Fails.")
    def fails():
        raise error

    return fails


def run(*arguments):
    return CliRunner().invoke(cli.hunet, arguments)


def test_help_lists_every_installed_subcommand():
    result = run("--help")

    assert result.exit_code == 0
    assert re.search(r"^  segment +Segment the lesions", result.output, re.MULTILINE)
    assert "Research use only" in result.output


def test_version_is_the_clients():
    assert run("--version").output == "hunet, version 0.1.0\n"


def test_a_subcommand_that_does_not_import_leaves_the_others_alone(offer):
    offer(good=click.Command("good", callback=lambda: click.echo("fine")), broken="no_such_module:command")

    assert "(unavailable: no_such_module does not import)" in run("--help").output
    assert run("good").output == "fine\n"


def test_a_subcommand_that_does_not_import_says_so_when_run(offer):
    offer(broken="no_such_module:command")

    result = run("broken", "--any", "argument")

    assert result.exit_code == 1
    assert result.stderr == (
        "error: hunet broken: no_such_module does not import: No module named 'no_such_module'. "
        "Reinstall no_such_module.\n"
    )


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.HunetError, 1),
        (errors.ResponseError, 1),
        (errors.UsageError, 2),
        (errors.InputError, 3),
        (errors.ScanRefusedError, 3),
        (errors.ServiceError, 4),
        (errors.ServiceUnavailableError, 4),
        (errors.ServiceBusyError, 4),
        (errors.DeadlineExceededError, 4),
    ],
)
def test_each_kind_of_error_has_its_exit_code(offer, kind, code):
    offer(fails=command_that_raises(kind("scan.nii", "is wrong", "Put it right")))

    result = run("fails")

    assert result.exit_code == code
    assert result.stderr == "error: scan.nii: is wrong. Put it right.\n"
    assert result.stdout == ""


def test_every_kind_of_error_is_tested_above():
    kinds = {value for value in vars(errors).values() if isinstance(value, type)}

    assert len(kinds) == 9


def test_an_unforeseen_error_is_a_line_too(offer):
    offer(fails=command_that_raises(ZeroDivisionError("division by zero")))

    result = run("fails")

    assert result.exit_code == 1
    assert result.stderr.startswith("error: unexpected ZeroDivisionError: division by zero. Run `hunet -v")


def test_verbose_prints_the_chain_of_causes(offer):
    error = errors.InputError("scan.nii", "is wrong")
    error.__cause__ = KeyError("deep down")
    offer(fails=command_that_raises(error))

    assert "KeyError: 'deep down'" not in run("fails").stderr
    assert "KeyError: 'deep down'" in run("-v", "fails").stderr


def test_an_unknown_subcommand_is_a_usage_error():
    assert run("segmnt").exit_code == 2
