"""Studies that use everything there is to use, to be damaged; and how that is done."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

from hypothesis import settings

from dsn.config import DataConfig, RunConfig
from pipeline.study.spec import StudySpec

Tree = Any
"""A study file's content: nested dicts, lists and scalars."""

OPTIONS: tuple[tuple[str, ...], ...] = ((), (), ("--profile", "tiny"), ("--set", "base.training.epochs=2"))

# The same examples every time, so more of them would find nothing new from one day to the next.
THOROUGH = settings(derandomize=True, database=None)

ODD_NUMBERS: tuple[float, ...] = (
    *(0, 1, -1, 2, 3, 5, 7, 100, 10_000, 10_001, 10**6, 10**9, 2**31, 2**63 - 1, 1 - 2**63, 2**63, 10**30),
    *(0.0, -0.0, 0.5, 1.0, 1.5, -0.5, 0.9999999, 1e-300, 5e-324, 1e300, math.inf, -math.inf, math.nan),
)

NESTED = """\
# A comment, and every way to nest.
name: nested
question: "Why: does it help?"
reproduces: Table 1
data:
  - {source: npz, path: sets, names: [Two]}
  - source: npz
    path: "${DSN_FUZZ_SETS}"
    names:
      - Three
    split: 2015
    normalisation: global
base:
  recipe: published-code
  model: {channels: 6, depth: 2, padding: zero}
  training:
    epochs: 3
    learning_rate: 1e-3
arms:
  dsn:
  fixed: {sparsity.explore: false}
  dense:
    sparsity:
      level: dense
factors:
  mode: grid
  values: {model.kernel_size: [9, 15], sparsity: {groups: [1, 2]}}
exclude: [{arm: dense, sparsity.groups: 2}, {model: {kernel_size: 9}, data.name: Three}]
seeds: 2
profiles:
  tiny: {seeds: [7], base.training.epochs: 1, factors.values.model.kernel_size: [9]}
  wide:
    base: {model.channels: 9}
    arms.new: {sparsity: {grow: gradient}}
resources: {cpus: 2, gpus: 0.25}
tracking: {uri: "http://127.0.0.1:5000", curve_points: 0, keep_models: none}
"""

DOTTED = """\
name: dotted
data: [{source: npz, path: sets, names: [Two, Three]}]
base: {model.channels: 6, model.depth: 1, training.epochs: 3, data.normalisation: global}
arms: {a: {sparsity.level: 0.5}, b: {sparsity.level: 0.25, sparsity.initial: random}}
factors: {mode: one_at_a_time, values: {model.kernel_size: [9, 15], training.batch_rule: [tenth, fixed]}}
seeds: [3, 1]
profiles: {tiny: {seeds: 1}}
engine: torch
"""

COLLECTED = """\
name: collected
data:
  - {source: folder, path: sets, names: [Two, three]}
  - {source: folder, path: none, collection: UCI-3, split: 2015}
base: {model.channels: 6, model.depth: 1, training.epochs: 3}
arms: {dense: {sparsity.level: dense}, sparse: {}}
factors: {arms: [sparse], values: {sparsity.level: [0.5, 0.25]}}
seeds: 2
profiles: {tiny: {seeds: 1, factors.arms: [sparse]}}
"""


def _every_key() -> str:
    """A study that says what is the default anyway, of every key that there is."""
    study = asdict(StudySpec(name="every", data=[{"source": "npz"}]))
    defaults = RunConfig(data=DataConfig(source="npz", name="Two", path="sets")).to_dict()
    entry = defaults.pop("data")
    return written(
        study
        | {
            "data": [{"names": [entry.pop("name")], **entry}],
            "base": {"recipe": "published-code", **defaults},
            "factors": {"mode": "zip", "values": {"model.depth": [1, 2], "sparsity.groups": [1, 2]}},
            "profiles": {"tiny": {"seeds": 1}},
            "exclude": [{"model.depth": 2}],
            "seeds": 2,
        }
    )


def written(tree: Tree) -> str:
    """A tree as YAML: the top level in lines, everything below as flow."""
    return "".join(f"{flow(key)}: {flow(value)}\n" for key, value in tree.items())


def flow(value: Tree) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{flow(key)}: {flow(child)}" for key, child in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(flow, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return ".nan" if math.isnan(value) else f"{'-' if value < 0 else ''}.inf"
    return json.dumps(value, ensure_ascii=False)


EVERY_KEY = _every_key()
TEXTS = (NESTED, DOTTED, COLLECTED, EVERY_KEY)
