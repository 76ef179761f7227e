"""`hunet networks`, as a person calls it."""

import json

from click.testing import CliRunner
from mamba_hunet import list_models
from mamba_hunet.networks_command import networks


def test_the_table_names_every_network_and_the_notice():
    output = CliRunner().invoke(networks, [], catch_exceptions=False).stdout
    assert [name for name in list_models() if f" {name} " not in output] == []
    assert "Research use only" in output


def test_json_gives_plain_numbers():
    document = json.loads(CliRunner().invoke(networks, ["--json"], catch_exceptions=False).stdout)
    entries = {entry["name"]: entry for entry in document["networks"]}
    assert tuple(entries) == list_models()
    assert entries["vm_unet"]["parameters"] == 27_427_561
    assert entries["swin_unet"]["slice_size"] == 256
    assert entries["unet"] | {"multiply_accumulates": 0} == {
        "name": "unet",
        "parameters": 1_813_474,
        "multiply_accumulates": 0,
        "state_updates": 0,
        "stride": 16,
        "slice_size": None,
        "source": "Ronneberger et al. 2015, U-Net",
    }
    assert "Research use only" in document["notice"]
