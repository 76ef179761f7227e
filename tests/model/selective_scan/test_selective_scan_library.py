"""The compiled library by itself: it needs libtorch, no Python, and nobody to import mamba_hunet."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mamba_hunet.selective_scan import library_path

OPEN_AND_LIST_LIBRARIES = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
static int print(struct dl_phdr_info* info, size_t size, void* data) {
  (void)size, (void)data;
  puts(info->dlpi_name);
  return 0;
}
int main(int count, char** arguments) {
  if (count != 2 || !dlopen(arguments[1], RTLD_NOW)) { fputs(dlerror(), stderr); return 1; }
  dl_iterate_phdr(print, NULL);
  return 0;
}
"""


def test_opens_in_a_program_without_python(tmp_path: Path):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    source, program = tmp_path / "open.c", tmp_path / "open"
    source.write_text(OPEN_AND_LIST_LIBRARIES)
    subprocess.run([compiler, source, "-o", program, "-ldl"], check=True)
    run = subprocess.run([program, library_path()], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    libraries = [Path(line).name for line in run.stdout.splitlines() if line]
    assert library_path().name in libraries
    assert "libtorch_cpu.so" in libraries
    assert not [name for name in libraries if "python" in name]


RUN_THE_OPERATOR = """
import sys, torch
y = torch.ops.mamba_hunet.selective_scan(*torch.load(sys.argv[1]), True)
assert "mamba_hunet" not in sys.modules
import mamba_hunet.selective_scan
torch.save(y, sys.argv[2])
"""


def test_runs_when_preloaded_and_may_be_imported_after(tmp_path: Path, make_inputs):
    inputs = make_inputs()
    torch.save(inputs, tmp_path / "inputs.pt")
    environment = {**os.environ, "LD_PRELOAD": str(library_path())}
    command = [sys.executable, "-c", RUN_THE_OPERATOR, tmp_path / "inputs.pt", tmp_path / "y.pt"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    expected = torch.ops.mamba_hunet.selective_scan(*inputs, True)
    assert torch.equal(torch.load(tmp_path / "y.pt"), expected)


COUNT_NEW_THREADS = """
import os, sys, torch
from mamba_hunet.selective_scan import selective_scan, selective_scan_2d
channels, length, d_state, dt_rank = 64, 36, 4, 2
if sys.argv[1] == "sequences":
    rows = torch.ones(2, channels, length)
    B = torch.ones(2, 1, d_state, length)
    scan = lambda: selective_scan(rows, rows, -torch.ones(channels, d_state), B, B)
else:
    image = torch.ones(2, 6, 6, channels)
    projected = torch.ones(2, 6, 6, 4, dt_rank + 2 * d_state)
    per_channel = torch.ones(4 * channels)
    scan = lambda: selective_scan_2d(
        image, projected, torch.ones(4, channels, dt_rank), torch.ones(4, channels), -torch.ones(4 * channels, d_state),
        per_channel)
threads = lambda: len(os.listdir("/proc/self/task"))
torch.set_num_threads(int(sys.argv[2]))
before = threads()
scan()
print(threads() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
@pytest.mark.parametrize("of", ["sequences", "images"])
@pytest.mark.parametrize(("threads", "started"), [(1, 0), (3, 2)])
def test_computes_on_as_many_threads_as_torch_is_set_to(of: str, threads: int, started: int):
    command = [sys.executable, "-c", COUNT_NEW_THREADS, of, str(threads)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) == started


def test_a_missing_library_says_how_to_build_it(monkeypatch):
    monkeypatch.setattr("mamba_hunet.selective_scan.library._FILE_NAME", "absent.so")
    with pytest.raises(FileNotFoundError, match=r"absent\.so.*pip install --no-build-isolation -e model"):
        library_path()
