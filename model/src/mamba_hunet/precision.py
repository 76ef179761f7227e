"""The number format that a network computes in when it answers."""

from enum import StrEnum

import torch


class Precision(StrEnum):
    """``FLOAT32``, or ``BFLOAT16``: matrices and convolutions multiply in bfloat16; states and sums stay float32."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


def multiplies_bfloat16() -> bool:
    """Whether this machine's processor does so natively (AVX512-BF16, AMX); emulated, it is slower than float32."""
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in ("avx512_bf16", "amx_bf16"))


def native_precision() -> Precision:
    """The fastest one that this machine's processor multiplies natively."""
    return Precision.BFLOAT16 if multiplies_bfloat16() else Precision.FLOAT32
