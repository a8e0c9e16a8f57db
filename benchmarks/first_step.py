"""A fresh process that imports, builds and trains, and says on one line how much memory it took.

``python -m benchmarks.first_step ENGINE BATCH LENGTH STEPS``; the engine may be ``published``. For ``start_up``.
"""

from __future__ import annotations

import json
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
    with PeakMemory() as trained:
        run(steps)
    print(json.dumps({"built": built.bytes, "trained": trained.bytes}), flush=True)


if __name__ == "__main__":
    main()
