"""What the benchmarks ask of the native library, which may not be there."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import ParamSpec, TypeVar

from dsn.engine_choice import choose_engine
from dsn.engines import ENGINES
from dsn.native.library import VARIABLE, InstructionSet, instruction_set

P = ParamSpec("P")
T = TypeVar("T")


def usable_engines() -> list[str]:
    """The engines that can compute in this process."""
    return [name for name in ENGINES if name != "native" or instruction_set()]


def instructions_of(name: str) -> InstructionSet | None:
    """What a usable engine is compiled for; None where that is PyTorch's affair, as of the published step."""
    return choose_engine(name).instruction_set if name in ENGINES else None


def under(instructions: str, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What ``function`` returns in a fresh process whose native library is held to that instruction set."""
    with ProcessPoolExecutor(
        max_workers=1, mp_context=get_context("spawn"), initializer=_force, initargs=(instructions,)
    ) as pool:
        return pool.submit(function, *args, **kwargs).result()


def _force(instructions: str) -> None:
    os.environ[VARIABLE] = instructions
