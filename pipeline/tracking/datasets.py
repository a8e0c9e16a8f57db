"""A data set as MLflow keeps it: the training series and the test series, each with a digest, its origin and its sizes.

MLflow knows a data set of an experiment by its name and digest, and a run uses one once. So the two parts, and two ways
of preparing the same files, have digests of their own; all begin as the files' content hash does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from pipeline.planning.plan import DataUse

_HASH_DIGITS = 12
"""Of the content hash: as many as a report shows."""

_OWN_DIGITS = 8


def datasets_of(use: DataUse) -> dict[str, dict[str, str]]:
    """What a trial is given: the context in which MLflow has it, ``train`` or ``test`` -> the fields of MLflow's data
    set.

    The folder is left out, as it is of the parameters: folders move, and what MLflow says of a data set never changes.
    """
    config, info = use.config, use.info
    preparation = {"split": config.split, "normalisation": config.normalisation, "train_subset": config.train_subset}
    source = {
        "source": config.source,
        "name": config.name,
        "files": sorted({PurePath(file).name for file in info.files}),
        "content_hash": info.content_hash,
        **preparation,
    }
    sizes = {"channels": info.channels, "length": info.length, "classes": info.classes}
    return {
        context: {
            "name": config.name,
            "digest": _digest(info.content_hash, {"context": context, **preparation}),
            "source_type": config.source,
            "source": json.dumps(source),
            "schema": _schema(info.channels, info.length),
            "profile": json.dumps({"series": series, **sizes}),
        }
        for context, series in (("train", info.train_n), ("test", info.test_n))
    }


def _digest(content_hash: str, preparation: Mapping[str, Any]) -> str:
    own = hashlib.sha256(json.dumps(preparation, sort_keys=True).encode()).hexdigest()
    return f"{content_hash[:_HASH_DIGITS]}-{own[:_OWN_DIGITS]}"


def _schema(channels: int, length: int) -> str:
    """As MLflow writes that of arrays: any number of series, each (channels, length), and of labels."""
    features = [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, channels, length]}}]
    targets = [{"type": "tensor", "tensor-spec": {"dtype": "int64", "shape": [-1]}}]
    return json.dumps({"mlflow_tensorspec": {"features": json.dumps(features), "targets": json.dumps(targets)}})
