"""Builds the selective-scan library with CMake, beside its Python package. All else is in pyproject.toml."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cmake
import ninja
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

SOURCE = Path(__file__).parent.resolve()
BUILD = SOURCE / "build" / "cmake"  # kept between builds, so that the next one compiles only what has changed


class CMakeLibrary(build_ext):
    """A shared library that torch loads by path: no Python module, so no Python version in its name."""

    def get_ext_filename(self, fullname: str) -> str:
        return f"{Path(*fullname.split('.'))}.so"

    def build_extension(self, ext: Extension) -> None:
        destination = Path(self.get_ext_fullpath(ext.name)).parent.resolve()
        program = Path(cmake.CMAKE_BIN_DIR, "cmake")
        options = [
            "-DCMAKE_BUILD_TYPE=Release",
            f"-DCMAKE_MAKE_PROGRAM={Path(ninja.BIN_DIR, 'ninja')}",
            f"-DPython_EXECUTABLE={sys.executable}",
        ]
        subprocess.run([program, "-G", "Ninja", "-S", SOURCE, "-B", BUILD, *options], check=True)
        subprocess.run([program, "--build", BUILD], check=True)
        subprocess.run([program, "--install", BUILD, "--prefix", destination], check=True)

    def copy_file(self, infile: str, outfile: str, **options: Any) -> tuple[str, bool]:
        """Into the sources of an editable install: processes that run keep the library that they have open, and those
        that start never see half of one."""
        complete, copied = super().copy_file(infile, f"{outfile}.new", **options)
        os.replace(complete, outfile)
        return outfile, copied


setup(
    ext_modules=[Extension("mamba_hunet.selective_scan.libmamba_hunet_selective_scan", sources=[])],
    cmdclass={"build_ext": CMakeLibrary},
)
