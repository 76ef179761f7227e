"""The embedded Triton: a real `tritonserver` with its Python backend, unpacked from a wheel.

`python -m hunet_local.install` puts it into `.triton/` of the checkout; a second run finds it there and is
quick.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock
from hunet_client.errors import HunetError
from hunet_client.home import find_home

TRITON_VERSION = "2.51.0"
_REQUIREMENT = Path(__file__).with_name("triton_wheel.txt")
_STAMP = "installed.json"
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_STUB = "triton_python_backend_stub"
_BACKEND_FILES = ("libtriton_python.so", "triton_python_backend_utils.py")


class InstallError(HunetError):
    """Triton cannot be installed, or cannot run under this Python."""


@dataclass(frozen=True)
class TritonRuntime:
    """An installed Triton, for the Python that runs this."""

    folder: Path

    @property
    def server(self) -> Path:
        """The `tritonserver` program."""
        return self._wheel / "pytriton/tritonserver/bin/tritonserver"

    @property
    def backends(self) -> Path:
        """What `--backend-directory` takes."""
        return self.folder / "backends"

    @property
    def _wheel(self) -> Path:
        return self.folder / "wheel"

    def environment(self) -> dict[str, str]:
        """Variables under which the server finds its libraries and the backend finds this Python environment.

        The stub embeds Python: it takes the environment whose `bin` comes first in PATH (PYTHONPATH is
        ignored), and without this Python's own library folder it would silently run under the system's.
        """
        libraries = [sysconfig.get_config_var("LIBDIR"), str(self._wheel / "nvidia_pytriton.libs")]
        return {
            "PATH": os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ.get("PATH", os.defpath)]),
            "LD_LIBRARY_PATH": os.pathsep.join(libraries),
        }


def ensure_installed(folder: Path, say: Callable[[str], None]) -> TritonRuntime:
    """The Triton in `folder`, installed first if it is not there, is not finished or is for another Python.

    Raises InstallError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    runtime = TritonRuntime(folder / "runtime")
    with FileLock(folder / "lock"):
        if not _is_installed(runtime):
            _check_python()
            say(f"installing Triton {TRITON_VERSION} into {folder} (55 MB to download, once)")
            shutil.rmtree(runtime.folder, ignore_errors=True)
            _install(runtime.folder)
            say(f"Triton {TRITON_VERSION} is in place")
    return runtime


def _is_installed(runtime: TritonRuntime) -> bool:
    try:
        stamp = json.loads((runtime.folder / _STAMP).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return False
    parts = [runtime.server, *(runtime.backends / "python" / name for name in (*_BACKEND_FILES, _STUB))]
    return stamp == _stamp() and all(part.is_file() for part in parts)


def _stamp() -> dict[str, str]:
    """What an installation was made of: written last, so that an interrupted one has none."""
    return {
        "triton": TRITON_VERSION,
        "python": _PYTHON,
        "requirement_sha256": hashlib.sha256(_REQUIREMENT.read_bytes()).hexdigest(),
    }


def _check_python() -> None:
    library = f"libpython{_PYTHON}.so.1.0"
    folder = sysconfig.get_config_var("LIBDIR")
    for candidate in (Path(folder) / library, library):
        try:
            ctypes.CDLL(str(candidate))
        except OSError:
            continue
        return
    raise InstallError(
        library,
        f"is neither in {folder} nor among the system's libraries: Triton cannot embed {sys.executable}",
        f"Install it (Debian and Ubuntu: apt-get install libpython{_PYTHON}), or use a Python that has it.",
    )


def _install(folder: Path) -> None:
    """Unpacks beside the target and moves into place when everything is there."""
    with tempfile.TemporaryDirectory(prefix="unpacking-", dir=folder.parent) as temporary:
        staged = Path(temporary) / "runtime"
        _unpack_wheel(staged / "wheel")
        _assemble_python_backend(staged)
        (staged / _STAMP).write_text(json.dumps(_stamp(), indent=2) + "\n", encoding="utf-8")
        staged.rename(folder)


def _unpack_wheel(target: Path) -> None:
    """By pip, which checks the digest. Without dependencies: only the server is used."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-compile", "--require-hashes", "--only-binary=:all:", "--target", str(target)]
    run = subprocess.run([*command, "-r", str(_REQUIREMENT)], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        lines = run.stderr.strip().splitlines() or ["pip said nothing"]
        raise InstallError(
            "nvidia-pytriton", f"pip could not install it: {lines[-1]}", "Linux with glibc 2.35 is needed."
        )


def _assemble_python_backend(folder: Path) -> None:
    """The backend's library, module and this Python's stub in one folder: it looks nowhere else."""
    server = folder / "wheel/pytriton/tritonserver"
    stub = server / "python_backend_stubs" / _PYTHON / _STUB
    if not stub.is_file():
        known = ", ".join(sorted(path.name for path in stub.parents[1].iterdir()))
        raise InstallError(f"Python {_PYTHON}", f"Triton's Python backend has no stub for it (it has {known})")
    target = folder / "backends/python"
    target.mkdir(parents=True)
    for source in (stub, *(server / "backends/python" / name for name in _BACKEND_FILES)):
        shutil.copy2(source, target / source.name)


def runtime_folder() -> Path:
    """Where the checkout keeps its Triton."""
    return find_home() / ".triton"


if __name__ == "__main__":
    installed = ensure_installed(runtime_folder(), print)
    print(f"Triton {TRITON_VERSION}: {installed.server}")
