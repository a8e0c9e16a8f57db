"""Named protocols: overrides, as dotted keys, of the defaults in ``dsn.config``."""

from __future__ import annotations

from collections.abc import Mapping

RECIPES: dict[str, Mapping[str, object]] = {
    # The dataclasses' own defaults: one place to read them.
    "published-code": {},
    # What the paper's text says where its code does otherwise; in all else the code, right padding included.
    "paper": {
        "sparsity.regions": "proportional",
        "sparsity.group_sizes": "balanced",
        "sparsity.update_timing": "replaces-step",
        "sparsity.moments": "fresh",
        "sparsity.final_fraction": 0.0,
        "sparsity.explore_until": 1.0,
        "training.batch_rule": "fixed",
    },
}
