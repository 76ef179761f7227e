"""Asking the command what it can do costs nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points

import pytest

HEAVY = ("torch", "mamba_hunet.networks", "grpc", "tritonclient", "scipy", "nibabel", "matplotlib")

# Runs one hunet command and prints which of the heavy modules it has imported.
PROBE = """
import sys
from hunet_client.cli import hunet
try:
    hunet(sys.argv[1:], prog_name="hunet")
except SystemExit as end:
    assert end.code == 0, end.code
sys.stdout.flush()
print("IMPORTED", *(name for name in %r if name in sys.modules))
"""

SUBCOMMANDS = sorted(entry.name for entry in entry_points(group="hunet.commands"))


def run(*arguments):
    probe = [sys.executable, "-c", PROBE % (HEAVY,), *arguments]
    output = subprocess.run(probe, capture_output=True, text=True, check=True, timeout=120).stdout
    text, imported = output.rsplit("IMPORTED", 1)
    return text, imported.split()


def test_help_lists_every_subcommand_and_imports_nothing_heavy():
    text, imported = run("--help")

    assert imported == []
    commands = text.split("Commands:\n")[1].split("\n\n")[0]
    assert [line.split()[0] for line in commands.splitlines()] == SUBCOMMANDS
    assert "(unavailable" not in text


@pytest.mark.parametrize("subcommand", SUBCOMMANDS)
def test_the_help_of_a_subcommand_imports_nothing_heavy(subcommand):
    text, imported = run(subcommand, "--help")

    assert imported == []
    assert f"hunet {subcommand}" in text
