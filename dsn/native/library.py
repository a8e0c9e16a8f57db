"""The shared library of the native engine that suits this processor, loaded. Imports no torch.

The libraries are compiled from the same sources for different processors (setup.py). The portable one runs anywhere and
knows what this processor can do; it is asked before another is loaded, so that there is never an illegal instruction.
``DSN_INSTRUCTION_SET`` in the environment takes a lesser one than the best, for tests and benchmarks.
"""

from __future__ import annotations

import ctypes
import os
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import Literal, get_args

from dsn.errors import DSNError, InvalidInput
from dsn.native.fingerprint import fingerprint

InstructionSet = Literal["portable", "avx2", "avx512"]

LEVELS: tuple[InstructionSet, ...] = get_args(InstructionSet)
"""From what every processor has to what few have: ``dsn_processor_level`` is a place in it."""

VARIABLE = "DSN_INSTRUCTION_SET"

FOLDER = Path(__file__).parent

REBUILD = "`make -B install` builds it"


class NativeUnavailable(DSNError):
    """The native engine cannot be used here. The message says why, as a clause."""


@dataclass(frozen=True, kw_only=True)
class NativeLibrary:
    """A loaded library.

    Attributes:
        handle: its functions; calling one releases the interpreter's lock.
        instruction_set: what it was compiled for.
    """

    handle: ctypes.CDLL
    instruction_set: InstructionSet


def load_library(folder: Path = FOLDER) -> NativeLibrary:
    """The library for this processor, loaded once a process.

    Args:
        folder: where the libraries lie, beside their sources.

    Raises:
        NativeUnavailable: none was built, or from other sources; the processor has not what the environment asks for.
        InvalidInput: the environment asks for an instruction set that does not exist.
    """
    return _chosen(folder, os.environ.get(VARIABLE, ""))


def instruction_set() -> InstructionSet | None:
    """What the engine would compute with; None where there is none."""
    try:
        return load_library().instruction_set
    except NativeUnavailable:
        return None


@lru_cache
def _chosen(folder: Path, asked: str) -> NativeLibrary:
    portable = _loaded(folder, "portable")
    able = LEVELS[: portable.dsn_processor_level() + 1]
    if not asked:
        # An old compiler may have built only some of them.
        best = [name for name in able if _file(folder, name).is_file()][-1]
        return NativeLibrary(handle=_loaded(folder, best), instruction_set=best)
    if asked not in LEVELS:
        raise InvalidInput("no such instruction set", key=VARIABLE, value=asked, choices=LEVELS)
    if asked not in able:
        raise NativeUnavailable(f"{VARIABLE} asks for {asked}, which this processor has not")
    return NativeLibrary(handle=_loaded(folder, asked), instruction_set=asked)


def _loaded(folder: Path, name: InstructionSet) -> ctypes.CDLL:
    file = _file(folder, name)
    if not file.is_file():
        raise NativeUnavailable(f"no native library for {name} was built at install; with a C++ compiler, {REBUILD}")
    try:
        handle = ctypes.CDLL(str(file))
    except OSError as error:
        raise NativeUnavailable(f"the native library cannot be loaded: {error}") from error
    if _sources(handle) != fingerprint(folder):
        raise NativeUnavailable(f"the native library {file.name} was built from other sources; {REBUILD} anew")
    return handle


def _file(folder: Path, name: InstructionSet) -> Path:
    return folder / f"_{name}{EXTENSION_SUFFIXES[0]}"


def _sources(handle: ctypes.CDLL) -> str:
    """The fingerprint that it was built with; "" in a library without one."""
    try:
        function = handle.dsn_sources
    except AttributeError:
        return ""
    function.restype = ctypes.c_char_p
    answer: bytes = function()
    return answer.decode("ascii")
