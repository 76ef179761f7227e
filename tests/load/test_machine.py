"""What a report says of the machine."""

from __future__ import annotations

import psutil
from hunet_load.machine import describe_machine


def test_names_the_processor_and_its_widest_vectors(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("processor\t: 0\nmodel name\t: Some CPU\nflags\t\t: fpu avx avx2 fma\n\nmodel name\t: Another\n")
    assert describe_machine(cpuinfo) == f"{psutil.cpu_count()} CPUs (Some CPU, AVX2)"


def test_says_where_bfloat16_is_native(tmp_path):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("model name\t: Some CPU\nflags\t\t: avx2 avx512f avx512_bf16\n")
    assert describe_machine(cpuinfo) == f"{psutil.cpu_count()} CPUs (Some CPU, AVX-512, bfloat16)"


def test_without_linux_the_architecture_has_to_do(tmp_path):
    assert describe_machine(tmp_path / "absent").startswith(f"{psutil.cpu_count()} CPUs (")
