"""Imported by every Python that is started with this folder on its path: makes chosen trials misbehave.

PLANTED names the fault of each seed, ``3=raises;4=returns NaN``; see ``misbehaviour.py``.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from types import ModuleType


class _WhenImported:
    """Finds ``dsn.training`` as Python does, and changes it once it has been run."""

    @classmethod
    def find_spec(cls, name: str, path: object = None, target: object = None) -> object:
        if name != "dsn.training":
            return None
        sys.meta_path.remove(cls)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module

        def run_and_change(module: ModuleType) -> None:
            run(module)
            from misbehaviour import plant

            plant(module.Training, os.environ["PLANTED"])

        spec.loader.exec_module = run_and_change
        return spec


if "PLANTED" in os.environ:
    sys.meta_path.insert(0, _WhenImported)
