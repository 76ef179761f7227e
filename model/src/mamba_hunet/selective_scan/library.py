"""The compiled library behind ``torch.ops.mamba_hunet``."""

from importlib.resources import files
from pathlib import Path

_FILE_NAME = "libmamba_hunet_selective_scan.so"


def library_path() -> Path:
    """Where the compiled operator lies.

    Loading it registers ``torch.ops.mamba_hunet.selective_scan``. It needs libtorch but no Python, so that a
    C++ server can open it with ``dlopen``, or be started with it in ``LD_PRELOAD``.

    Raises:
        FileNotFoundError: the distribution was not built.
    """
    path = Path(str(files(__package__).joinpath(_FILE_NAME)))
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: the compiled operator is not there. Build it: pip install --no-build-isolation -e model"
        )
    return path
