"""What the machine that trains can do."""

import os
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Machine:
    """``native_bfloat16``: the processor multiplies it; ``memory_bytes``: main memory."""

    native_bfloat16: bool
    memory_bytes: int


def this_machine() -> Machine:
    """The machine this runs on."""
    capabilities = torch.cpu.get_capabilities()
    native = any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))
    return Machine(native, os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
