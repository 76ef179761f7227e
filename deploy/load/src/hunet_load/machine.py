"""What a load was measured on, in a few words."""

from __future__ import annotations

import platform
from pathlib import Path

import psutil

_VECTORS = {"avx512f": "AVX-512", "avx2": "AVX2", "asimd": "NEON"}
_BFLOAT16 = {"avx512_bf16", "bf16"}


def describe_machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Number of processors, and what Linux says of the first: name, widest vectors, and whether they take bfloat16."""
    fields: dict[str, str] = {}
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            name, _, value = line.partition(":")
            fields.setdefault(name.strip(), value.strip())
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    vectors = [words for flag, words in _VECTORS.items() if flag in flags][:1]
    vectors += ["bfloat16"] if _BFLOAT16 & set(flags) else []
    kind = ", ".join([fields.get("model name") or platform.machine(), *vectors])
    return f"{psutil.cpu_count()} CPUs ({kind})"
