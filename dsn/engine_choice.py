"""Which engine computes: what was asked for, and what this machine can do. Imports no torch.

``auto`` takes the fastest engine that can be used; all of them are exact, and differ by how they round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, get_args

from dsn.errors import InvalidInput
from dsn.native.library import InstructionSet, NativeUnavailable, load_library

EngineName = Literal["native", "torch"]
"""The keys of ``dsn.engines.ENGINES``, the fastest first."""

EngineChoice = Literal["auto", EngineName]
"""What can be asked for."""

CPU_ONLY = frozenset(("native",))
"""Those that compute on the CPU alone."""

INSTRUCTION_SETS: Mapping[str, str] = {"portable": "portable", "avx2": "AVX2", "avx512": "AVX-512"}
"""As people write them."""


@dataclass(frozen=True, kw_only=True)
class ChosenEngine:
    """An engine that can be used here.

    Attributes:
        name: a key of ``dsn.engines.ENGINES``.
        instruction_set: what the native engine is compiled for; None for others.
        obstacle: why ``auto`` took no faster one, as a clause; empty when there is none.
    """

    name: str
    instruction_set: InstructionSet | None = None
    obstacle: str = ""

    def __str__(self) -> str:
        more = self.obstacle if self.instruction_set is None else INSTRUCTION_SETS[self.instruction_set]
        return f"{self.name} ({more})" if more else self.name


def require_threads(threads: int) -> None:
    """Check a number of threads.

    Raises:
        InvalidInput: it is none.
    """
    if threads < 1:
        raise InvalidInput("must be at least 1", key="threads", value=threads)


def choose_engine(asked: str, device: str = "cpu") -> ChosenEngine:
    """The engine that computes on ``device`` (``cpu``, ``cuda``, ``cuda:1``) where ``asked`` is asked for.

    Raises:
        InvalidInput: no such engine, or it cannot be used there; with what to do. Never for ``auto`` and ``torch``,
            unless the environment asks for an instruction set that does not exist.
    """
    if asked not in get_args(EngineChoice):
        raise InvalidInput("no such engine", key="engine", value=asked, choices=get_args(EngineChoice))
    obstacles: list[str] = []
    for name in get_args(EngineName) if asked == "auto" else (asked,):
        found = _examined(name, device)
        if isinstance(found, ChosenEngine):
            return replace(found, obstacle="; ".join(obstacles))
        obstacles.append(found)
    raise InvalidInput(f"cannot be used here ({obstacles[0]}); `auto` takes another", key="engine", value=asked)


def _examined(name: str, device: str) -> ChosenEngine | str:
    """The engine, or why it cannot be used."""
    if name in CPU_ONLY and device != "cpu":
        return f"the {name} engine computes on the CPU only"
    if name != "native":
        return ChosenEngine(name=name)
    try:
        return ChosenEngine(name=name, instruction_set=load_library().instruction_set)
    except NativeUnavailable as error:
        return str(error)
