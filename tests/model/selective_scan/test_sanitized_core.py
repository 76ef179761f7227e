"""The C++ core touches no memory that is not its own, and no number from two threads, on any instruction set."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

BUILD = Path(__file__).with_name("build_sanitized.sh")
SHAPES = "8"  # of each kind and on each instruction set; `make sanitize` draws more


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    def build(sanitizers: str) -> Path:
        program = tmp_path_factory.mktemp("sanitized") / "core"
        run = subprocess.run([BUILD, sanitizers, program], capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        return program

    return build


@pytest.mark.parametrize(
    ("sanitizers", "fault", "finding"),
    [("address,undefined", "short", "heap-buffer-overflow"), ("thread", "twice", "data race")],
)
def test_sanitizers_find_nothing_but_a_planted_fault(build, sanitizers, fault, finding):
    program = build(sanitizers)
    run = subprocess.run([program, SHAPES], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert run.stdout.splitlines() == [f"{isa}: {SHAPES} shapes" for isa in torch.ops.mamba_hunet.selective_scan_isas()]
    environment = {**os.environ, "TSAN_OPTIONS": "halt_on_error=1"}  # one finding will do
    faulty = subprocess.run([program, SHAPES, fault], env=environment, capture_output=True, text=True, check=False)
    assert faulty.returncode != 0
    assert finding in faulty.stderr


@pytest.mark.parametrize(("cpu", "isas"), [("Haswell", ["avx2", "portable"]), ("Nehalem", ["portable"])])
def test_older_processors_take_the_kernels_that_they_have(older_cpu_program, cpu, isas):
    command = [shutil.which("qemu-x86_64"), "-cpu", cpu, older_cpu_program, SHAPES]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [f"{isa}: {SHAPES} shapes" for isa in isas]


@pytest.fixture(scope="module")
def older_cpu_program(build):
    if shutil.which("qemu-x86_64") is None:
        pytest.skip("no emulator of other processors: apt install qemu-user")
    return build("undefined")
