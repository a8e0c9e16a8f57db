"""What setup.py does with a C++ compiler, without one, and with one that knows fewer instructions.

The engine stands for itself: a file of one function is built in its place, which takes a second.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dsn.native.library
from dsn.native.library import FOLDER, VARIABLE, instruction_sets, load_library

ROOT = Path(__file__).parents[3]
COMPILER = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")
X86 = platform.machine() in ("x86_64", "AMD64")

compiler = pytest.mark.skipif(COMPILER is None, reason="there is no C++ compiler")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What setup.py reads, in a folder whose libraries are those that are loaded."""
    shutil.copy(ROOT / "setup.py", tmp_path)
    native = tmp_path / "dsn" / "native"
    shutil.copytree(FOLDER, native, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    (native / "engine.cpp").write_text('#include "export.hpp"\nDSN_EXPORT int dsn_one() { return 1; }\n')
    monkeypatch.setattr(dsn.native.library, "FOLDER", native)
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path


def _build(project: Path, compiler: str | Path) -> str:
    """Build as an editable installation does; what was said."""
    answer = subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"],
        cwd=project,
        env=os.environ | {"CC": str(compiler), "CXX": str(compiler)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return answer.stdout + answer.stderr


def _libraries(project: Path) -> list[str]:
    return sorted(path.name.partition(".")[0] for path in (project / "dsn" / "native").glob("*.so"))


@pytest.mark.parametrize("wrong", ["false", "/no/such/compiler"])
def test_without_a_compiler_the_installation_succeeds_and_says_so(project: Path, wrong: str) -> None:
    said = _build(project, wrong)
    assert said.count("installed without the native engine; training uses PyTorch") == 1
    assert _libraries(project) == []
    assert instruction_sets() == ()


@compiler
def test_with_a_compiler_there_is_a_library_for_each_processor(project: Path) -> None:
    assert "native engine" not in _build(project, COMPILER)
    assert _libraries(project) == (["_avx2", "_avx512", "_portable"] if X86 else ["_portable"])
    assert load_library().instruction_set == instruction_sets()[-1]
    assert load_library().handle.dsn_one() == 1


@compiler
@pytest.mark.skipif(not X86, reason="elsewhere there is only the portable library")
def test_a_compiler_that_does_not_know_all_instructions_builds_the_others(project: Path) -> None:
    old = project / "old"
    old.write_text(f'#!/bin/sh\ncase "$*" in *-mavx512f*) exit 1;; esac\nexec {COMPILER} "$@"\n')
    old.chmod(0o755)
    said = _build(project, old)
    assert said.count("the native engine is built, but not for avx512") == 1
    assert _libraries(project) == ["_avx2", "_portable"]
    assert load_library().instruction_set in ("portable", "avx2")


@compiler
def test_a_build_that_fails_leaves_nothing_of_an_earlier_one_to_be_packed(project: Path) -> None:
    _build(project, COMPILER)
    assert list((project / "build").rglob("*.so"))
    _build(project, "false")
    assert not list((project / "build").rglob("*.so"))
