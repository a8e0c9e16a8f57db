"""Builds the native engine, if this machine has a C++ compiler; everything else is in pyproject.toml.

The same sources become up to three shared libraries, compiled for different processors; ``dsn.native.library`` chooses
among them when it runs. A library that cannot be built is left out, and the installation goes on: training then uses
PyTorch. They are no Python modules: Extension is used because it finds the compiler and puts the file into the package.
"""

from __future__ import annotations

import copy
import logging
import platform
import runpy
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

NATIVE = Path("dsn/native")

COMMON = ("-std=c++17", "-O3", "-pthread", "-fvisibility=hidden", "-ffp-contract=fast", "-fno-math-errno")

AVX2 = ("-mavx2", "-mfma")

X86 = {
    "avx2": AVX2,
    "avx512": (*AVX2, "-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mprefer-vector-width=512"),
}
"""What is built on x86-64 beside the portable library."""


class BuildNative(build_ext):
    """Builds what it can, afresh, and says what came of it in one line."""

    def initialize_options(self) -> None:
        super().initialize_options()
        # Timestamps know nothing of flags.
        self.force = True
        self.parallel = True
        self.built: list[str] = []

    def build_extension(self, ext: Extension) -> None:
        # What an earlier build left must not stand in for what fails now.
        Path(self.get_ext_fullpath(ext.name)).unlink(missing_ok=True)
        # Object files are named after their sources, which the libraries share.
        apart = copy.copy(self)
        apart.build_temp = str(Path(self.build_temp, ext.name))
        build_ext.build_extension(apart, ext)
        self.built.append(ext.name.rpartition("._")[2])

    def run(self) -> None:
        super().run()
        missing = {ext.name.rpartition("._")[2] for ext in self.extensions} - set(self.built)
        if "portable" in missing:
            self.warn("no C++ compiler that works: installed without the native engine; training uses PyTorch")
        elif missing:
            self.warn(f"the native engine is built, but not for {', '.join(sorted(missing))}")
        else:
            self.announce(f"the native engine is built: {', '.join(sorted(self.built))}", logging.INFO)


def library(name: str, flags: tuple[str, ...] = (), own: tuple[str, ...] = ()) -> Extension:
    """One shared library; ``own`` are sources that only it has."""
    fingerprint = runpy.run_path(str(NATIVE / "fingerprint.py"))["fingerprint"](NATIVE)
    return Extension(
        f"dsn.native._{name}",
        [str(NATIVE / file) for file in ("engine.cpp", "sources.cpp", *own)],
        depends=sorted(map(str, NATIVE.glob("*.hpp"))),
        define_macros=[("DSN_SOURCES", f'"{fingerprint}"')],
        extra_compile_args=[*COMMON, *flags],
        extra_link_args=["-pthread"],
        language="c++",
        optional=True,
    )


def libraries() -> list[Extension]:
    """Those of this processor's architecture."""
    found = [library("portable", own=("processor.cpp",))]
    if platform.machine() in ("x86_64", "AMD64") and sys.maxsize > 2**32:
        found += [library(name, flags) for name, flags in X86.items()]
    return found


setup(ext_modules=libraries(), cmdclass={"build_ext": BuildNative})
