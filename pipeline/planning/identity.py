"""What makes two trials the same trial."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dsn.architecture import is_sparse
from dsn.config import RunConfig
from dsn.data.preparation import exchanges
from dsn.sparsity.drop import DROP
from dsn.sparsity.grow import GROW
from dsn.sparsity.view import Rule

SEMANTICS = 1
"""Raised whenever the same configuration, seed and data would give other results than before. Results of earlier
semantics stay, under their ids; they show as stale."""

EXPLORATION_ONLY = (
    "drop",
    "grow",
    "update_every",
    "update_unit",
    "update_timing",
    "moments",
    "initial_fraction",
    "final_fraction",
    "explore_until",
    "schedule",
)
"""Settings of sparsity that only a network reads whose topology changes."""

GROUPS_ONLY = ("relative_to", "regions", "group_sizes")
"""Settings of sparsity that only a network of several kernel groups reads."""

_NEUTRAL: Mapping[str, Mapping[str, object]] = {
    "sparsity": {
        "relative_to": "region",
        "regions": "multiples",
        "group_sizes": "runs",
        "update_unit": "epochs",
        "update_timing": "after-step",
        "moments": "warm",
        "schedule": "cosine",
    },
    "training": {"eval_test_every": 0},
    "data": {"train_subset": None},
}
"""Settings added after the first release, each with the value that means what was done before there was a choice."""


def effective(config: RunConfig) -> dict[str, dict[str, Any]]:
    """The part of a configuration that results depend on, as plain values.

    Where the data lies is left out (its content counts), and so are settings that this configuration never reads: a
    dense network has no topology, a fixed one no regrowth, a single group nothing to share out. Names of one rule are
    one name. So such trials are run once, whatever study asks.
    """
    plain = config.to_dict()
    # Of the split only what it does to this set: most sets are the same in both releases.
    plain["data"] = {
        "exchanged": exchanges(config.data),
        "normalisation": config.data.normalisation,
        "train_subset": config.data.train_subset,
    }
    sparsity = plain["sparsity"]
    if not is_sparse(config.model, config.sparsity):
        plain["sparsity"] = {"level": "dense"}
        return plain
    if config.sparsity.explore:
        sparsity |= {key: _first_name(rules, sparsity[key]) for key, rules in {"drop": DROP, "grow": GROW}.items()}
    unread = (() if config.sparsity.explore else EXPLORATION_ONLY) + (
        GROUPS_ONLY if config.sparsity.groups == 1 else ()
    )
    plain["sparsity"] = {key: value for key, value in sparsity.items() if key not in unread}
    return plain


def _first_name(rules: Mapping[str, Rule], name: str) -> str:
    """The first of the names under which a rule is registered."""
    return next(known for known, rule in rules.items() if rule is rules[name])


def canonical(config: RunConfig) -> dict[str, dict[str, Any]]:
    """What of a configuration goes into an identity.

    Settings of their neutral value are left out, so that older trials keep their ids.
    """
    return {
        room: {key: _spelled(value) for key, value in block.items() if not _is_neutral(room, key, value)}
        for room, block in effective(config).items()
    }


def _is_neutral(room: str, key: str, value: object) -> bool:
    neutral = _NEUTRAL.get(room, {})
    return key in neutral and neutral[key] == value


def _spelled(value: object) -> object:
    """A number by its value: 1 and 1.0 are one setting, and so are 0.0 and -0.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def trial_id(config: RunConfig, seed: int, content_hash: str) -> str:
    """16 hexadecimal digits that are equal exactly when canonical configuration, seed and data are."""
    return next(trial_ids(config, (seed,), content_hash))


def trial_ids(config: RunConfig, seeds: Iterable[int], content_hash: str) -> Iterator[str]:
    """``trial_id`` of each seed."""
    plain = canonical(config)
    for seed in seeds:
        yield _hashed(plain, seed, content_hash, SEMANTICS)


def former_ids(config: RunConfig, seed: int, content_hash: str) -> Iterator[str]:
    """What ``trial_id`` was before ``SEMANTICS`` was raised, the latest first."""
    for semantics in range(SEMANTICS - 1, 0, -1):
        yield _hashed(canonical(config), seed, content_hash, semantics)


def _hashed(plain: Mapping[str, Mapping[str, Any]], seed: int, content_hash: str, semantics: int) -> str:
    identity = {"config": plain, "seed": seed, "data": content_hash, "semantics": semantics}
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
