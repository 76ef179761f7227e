"""The embedded Triton's installation."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hunet_local import install
from hunet_local.install import InstallError, ensure_installed, runtime_folder


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Callable[[str], Path]:
    """Links the checkout's own Triton into a new folder, which a test may spoil."""
    ensure_installed(runtime_folder(), print)

    def link(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        shutil.copytree(runtime_folder(), folder, copy_function=os.link, dirs_exist_ok=True)
        return folder

    return link


def test_the_server_runs_with_its_libraries(installed):
    runtime = ensure_installed(installed("runs"), print)
    run = subprocess.run([runtime.server, "--help"], env=runtime.environment(), capture_output=True, text=True)
    assert "--model-repository" in run.stdout + run.stderr


def test_a_finished_installation_is_left_alone(installed):
    said: list[str] = []
    ensure_installed(installed("finished"), said.append)
    assert said == []


def lose_the_stamp(runtime: Path) -> None:
    (runtime / "installed.json").unlink()


def lose_a_file(runtime: Path) -> None:
    (runtime / "backends/python/triton_python_backend_stub").unlink()


def come_from_another_python(runtime: Path) -> None:
    stamp = runtime / "installed.json"
    text = stamp.read_text()
    stamp.unlink()
    stamp.write_text(text.replace('"python": "', '"python": "2.'))


@pytest.mark.parametrize("spoil", [lose_the_stamp, lose_a_file, come_from_another_python])
def test_an_unfinished_or_unfit_installation_is_done_again(installed, spoil):
    folder = installed("spoilt")
    spoil(folder / "runtime")
    said: list[str] = []
    runtime = ensure_installed(folder, said.append)
    assert said[0].startswith("installing Triton")
    assert (runtime.backends / "python" / "triton_python_backend_stub").is_file()
    assert not list(folder.glob("unpacking-*"))


def test_a_wheel_with_another_digest_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    requirement = tmp_path / "wheel.txt"
    requirement.write_text(f"nvidia-pytriton==0.7.0 --hash=sha256:{'0' * 64}\n")
    monkeypatch.setattr(install, "_REQUIREMENT", requirement)
    with pytest.raises(InstallError, match="pip could not install it"):
        ensure_installed(tmp_path / "triton", print)
    assert [path.name for path in (tmp_path / "triton").iterdir()] == ["lock"]
