"""What a network's process keeps of freed memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import psutil
from {package}.memory import keep_freed_memory

{first}
before = psutil.Process().memory_info().rss
block = b"x" * 2**26
del block
print((psutil.Process().memory_info().rss - before) / 2**20)
"""


# Triton's processes have no mamba_hunet, and training does not know the export.
@pytest.mark.parametrize("package", ["hunet_export", "mamba_hunet"])
@pytest.mark.parametrize(("first", "kept"), [("assert keep_freed_memory()", True), ("", False)])
def test_a_large_block_stays_in_the_process(package, first, kept):
    command = [sys.executable, "-c", PROGRAM.format(package=package, first=first)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (float(run.stdout) > 60) is kept
