"""What the machine that trains can do."""

import os
from dataclasses import dataclass

from mamba_hunet.precision import multiplies_bfloat16


@dataclass(frozen=True)
class Machine:
    """``native_bfloat16``: the processor multiplies it; ``memory_bytes``: main memory."""

    native_bfloat16: bool
    memory_bytes: int


def this_machine() -> Machine:
    """The machine this runs on."""
    return Machine(multiplies_bfloat16(), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
