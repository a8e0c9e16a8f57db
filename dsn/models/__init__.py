"""Networks that can be trained. MODELS lists them; adding one is a file here and a line there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn

from dsn.models.dsn import build_dsn

MODELS: Mapping[str, Callable[..., nn.Module]] = {"dsn": build_dsn}
