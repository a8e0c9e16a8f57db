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
"""Where the libraries lie, beside their sources."""

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


def load_library() -> NativeLibrary:
    """The library for this processor, loaded once a process.

    Raises:
        NativeUnavailable: none was built, or from other sources; the processor has not what the environment asks for.
        InvalidInput: the environment asks for an instruction set that does not exist.
    """
    return _chosen(FOLDER, os.environ.get(VARIABLE, ""))


def instruction_set() -> InstructionSet | None:
    """What the engine would compute with; None where there is none."""
    try:
        return load_library().instruction_set
    except NativeUnavailable:
        return None


def instruction_sets() -> tuple[InstructionSet, ...]:
    """All that ``DSN_INSTRUCTION_SET`` may ask for here, the best last; none where there is no library."""
    try:
        able = _able(FOLDER)
    except NativeUnavailable:
        return ()
    return _built(FOLDER, able)


@lru_cache
def _chosen(folder: Path, asked: str) -> NativeLibrary:
    if asked and asked not in LEVELS:
        raise InvalidInput("no such instruction set", key=VARIABLE, value=asked, choices=LEVELS)
    able = _able(folder)
    name = next((level for level in able if level == asked), None) if asked else _built(folder, able)[-1]
    if name is None:
        raise NativeUnavailable(f"{VARIABLE} asks for {asked}, which this processor has not")
    return NativeLibrary(handle=_loaded(folder, name), instruction_set=name)


def _able(folder: Path) -> tuple[InstructionSet, ...]:
    """What this processor can run."""
    return LEVELS[: _loaded(folder, "portable").dsn_processor_level() + 1]


def _built(folder: Path, names: tuple[InstructionSet, ...]) -> tuple[InstructionSet, ...]:
    """Those of which there is a library: an old compiler may have built only some."""
    return tuple(name for name in names if _file(folder, name).is_file())


def _loaded(folder: Path, name: InstructionSet) -> ctypes.CDLL:
    file = _file(folder, name)
    if not file.is_file():
        which = "" if name == "portable" else f" for {name}"
        raise NativeUnavailable(f"no native library{which} was built at install; with a C++ compiler, {REBUILD}")
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
