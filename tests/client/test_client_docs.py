"""The examples of docs/client.md run as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hunet_client import ClientSettings, errors

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)


@pytest.fixture
def in_the_scans_folder(stack, scan_path, monkeypatch):
    """The services answer at the addresses in the environment, and scan.nii.gz lies in the current folder."""
    monkeypatch.setenv("HUNET_PREPROCESS_ADDRESS", stack.settings.preprocess_address)
    monkeypatch.setenv("HUNET_TRITON_ADDRESS", stack.settings.triton_address)
    scan_path.rename(scan_path.with_name("scan.nii.gz"))
    monkeypatch.chdir(scan_path.parent)


def test_the_synchronous_example_prints_every_lesion(in_the_scans_folder, capsys):
    exec(EXAMPLES[0], {})

    shape, *rows = capsys.readouterr().out.splitlines()
    assert shape.startswith("(40, 30, 11) 2 ")
    assert [row.split()[0] for row in rows] == ["1", "2"]


def test_the_asynchronous_example_segments_and_reports_progress(in_the_scans_folder, capsys):
    names = {}
    exec(EXAMPLES[1], names)

    assert names["results"]["scan.nii.gz"].mask.any()
    assert "scan.nii.gz 22 of 22" in capsys.readouterr().out


def test_the_error_example_tells_a_bad_scan_from_an_absent_service(in_the_scans_folder, stack, capsys):
    names = {}
    exec(EXAMPLES[2], names)
    assert names["result"].file_name == "scan.nii.gz"

    stack.triton.change_response = lambda response: response.Clear()
    exec(EXAMPLES[2], {})
    assert capsys.readouterr().out.startswith("neither: ")


def test_every_example_is_run_above():
    assert len(EXAMPLES) == 3


def test_the_table_of_settings_has_the_true_defaults():
    settings = ClientSettings()
    rows = re.findall(r"^\| `([a-z_.]+)` \| `(HUNET_[A-Z_]+)` \| ([\d.]+) \|$", PAGE, flags=re.MULTILINE)

    assert len(rows) == 8
    for name, variable, default in rows:
        value = settings
        for part in name.split("."):
            value = getattr(value, part)
        assert value == float(default), name
        assert variable == "HUNET_" + name.upper().replace(".", "__")


def test_the_tree_of_errors_is_the_true_one():
    named = re.findall(r"^[│├└─ ]*(\w+Error) +(\d?)", PAGE, flags=re.MULTILINE)
    kinds = {name: value for name, value in vars(errors).items() if isinstance(value, type)}

    assert sorted(name for name, _code in named) == sorted(kinds)
    assert all(kinds[name].exit_code == int(code) for name, code in named if code)
