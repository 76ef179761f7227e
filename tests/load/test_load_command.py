"""`hunet load` against the real stack, for seconds instead of minutes."""

from __future__ import annotations

import json

import nibabel
import pytest
from hunet_load.processes import look
from mamba_hunet.phantom import PhantomSettings, make_phantom


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    phantom = make_phantom(PhantomSettings(), slices=range(15, 30))
    path = tmp_path_factory.mktemp("scan") / "flair.nii.gz"
    nibabel.save(nibabel.Nifti1Image(phantom.flair, phantom.affine), path)
    return str(path)


def test_a_short_load_finds_saturation_and_reports_each_offered_load(running_stack, scan, tmp_path):
    run = running_stack.hunet(
        "load", scan, "-o", str(tmp_path), "--slices", "4", "--share", "0.5", "--share", "1.5",
        "--probe-s", "1", "--duration-s", "4", "--json",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert "esearch use only" in report["research_use_only"]
    assert report["saturation_per_s"] > 0
    assert [load["share"] for load in report["loads"]] == [0.5, 1.5]
    for load in report["loads"]:
        figures = load["figures"]
        assert figures["failed"] == 0, figures
        assert figures["requests"] == figures["answered"] + figures["refused"] + figures["late"]
        assert figures["answered"] > 0
    assert (tmp_path / "load.png").read_bytes().startswith(b"\x89PNG")
    assert "Saturation" in (tmp_path / "load.md").read_text()


def test_every_process_of_the_stack_is_looked_at(running_stack):
    samples = look(running_stack.state.pid, answered=0)
    names = " ".join(sample.name for sample in samples)
    assert "tritonserver" in names
    assert "stub" in names
    assert all(sample.resident_mib > 1 and sample.threads > 0 and sample.descriptors > 0 for sample in samples)


def test_a_size_that_the_scan_does_not_have_is_refused_before_anything_is_sent(running_stack, scan):
    run = running_stack.hunet("load", scan, "--slices", "99")
    assert run.returncode == 2
    assert "has 15 slices" in run.stderr
