"""How a training step is computed. ENGINES lists the engines; all obey ``dsn.engines.contract.Engine``."""

from __future__ import annotations

from collections.abc import Mapping

from dsn.engines.contract import Engine
from dsn.engines.native_engine import NativeEngine
from dsn.engines.torch_engine import TorchEngine

ENGINES: Mapping[str, type[Engine]] = {"torch": TorchEngine, "native": NativeEngine}
