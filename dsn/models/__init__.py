"""Networks that can be trained. MODELS lists what builds them.

There is one so far: costs (``dsn.cost``), layers as numbers (``dsn.architecture``) and the settings of ``ModelConfig``
are a DSN's, and a second model needs its own of each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from dsn.models.dsn import build_dsn

MODELS: Mapping[str, Callable[..., nn.Module]] = {"dsn": build_dsn}
