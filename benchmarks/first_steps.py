"""A fresh process that imports, builds and trains, and says how far it has come, a line each.

``python -m benchmarks.first_steps ENGINE BATCH LENGTH STEPS``; the engine may be ``published``. The lines are: the peak
of its memory in bytes, when the engine is built; nothing, after the first step; the peak of all steps, after the last.
"""

from __future__ import annotations

import sys

from dsn.peak_memory import PeakMemory


def main() -> None:
    """See the module."""
    name, *numbers = sys.argv[1:]
    batch, length, steps = map(int, numbers)
    with PeakMemory() as built:
        from benchmarks.made_up import made_up_config
        from benchmarks.steps import training_steps
        from dsn.config import SparsityConfig

        config = made_up_config(SparsityConfig(initial="random"))
        run = training_steps(name, config, batch=batch, length=length)
    print(built.bytes, flush=True)
    with PeakMemory() as trained:
        run(1)
        print(flush=True)
        run(steps - 1)
    print(trained.bytes, flush=True)


if __name__ == "__main__":
    main()
