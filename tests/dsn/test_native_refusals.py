"""What the native engine refuses, and stays as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from exactness import made_case
from native_cases import RATE, engine_of, equal, masks_of, native

from dsn.data.dataset import TimeSeriesData

REFUSED = (AssertionError, ValueError, LookupError, TypeError)
"""What our invariants raise, and numpy's conversions and indices."""

CASE = made_case(channels=2)
N = len(CASE.data.y_train)

WRONG_CALLS: dict[str, Callable[[Any], object]] = {
    "an index beyond the last series": lambda engine: engine.train([np.array([0, N])], RATE),
    "an index far beyond": lambda engine: engine.train([np.array([0, 2**40])], RATE),
    "an index before the first series": lambda engine: engine.train([np.array([-1])], RATE),
    "indices that are no integers": lambda engine: engine.train([np.array([0.0, 1.0])], RATE),
    "indices in a table": lambda engine: engine.train([np.array([[0, 1], [2, 3]])], RATE),
    "a batch of nothing": lambda engine: engine.train([np.array([], dtype=np.intp)], RATE),
    "an index beyond, measured": lambda engine: engine.measure(np.array([N])),
    "an index before, measured": lambda engine: engine.measure(np.array([-1])),
    "nothing, measured": lambda engine: engine.measure(np.array([], dtype=np.intp)),
    "series of other channels": lambda engine: engine.predict(CASE.data.x_test[:, :1]),
    "series of more channels": lambda engine: engine.predict(np.repeat(CASE.data.x_test, 2, axis=1)),
    "series without channels": lambda engine: engine.predict(CASE.data.x_test[:, 0]),
    "masks of too few layers": lambda engine: engine.set_masks(masks_of(engine, 1)[:1], masks_of(engine, 1)[:1]),
    "masks of another shape": lambda engine: engine.set_masks(
        [mask[:, :, :-1] for mask in masks_of(engine, 1)], [mask[:, :, :-1] for mask in masks_of(engine, 1)]
    ),
    "masks beyond the regions": lambda engine: engine.set_masks(
        [np.ones_like(mask) for mask in masks_of(engine, 1)], [np.ones_like(mask) for mask in masks_of(engine, 1)]
    ),
    "weights turned on that were not grown": lambda engine: engine.set_masks(
        masks_of(engine, 1), [np.zeros_like(mask) for mask in masks_of(engine, 1)]
    ),
    "masks without what was grown, after a step": lambda engine: engine.set_masks(masks_of(engine, 1)),
    "a network without its last array": lambda engine: engine.restore(dict(list(engine.snapshot().items())[:-1])),
    "a network of another shape": lambda engine: engine.restore(
        {name: array[:1] if array.ndim else array for name, array in engine.snapshot().items()}
    ),
    "momentum that no rule reads": lambda engine: engine.momentum(),
}


@pytest.mark.parametrize("name", WRONG_CALLS)
def test_a_wrong_call_is_refused_and_changes_nothing(name: str) -> None:
    engine, undisturbed = engine_of(CASE), engine_of(CASE)
    for each in (engine, undisturbed):
        each.train(list(CASE.batches), RATE)
    with pytest.raises(REFUSED):
        WRONG_CALLS[name](engine)
    for each in (engine, undisturbed):
        each.train(list(CASE.batches), RATE)
    assert equal(engine.snapshot(), undisturbed.snapshot())


def test_the_state_of_a_smaller_engine_is_refused() -> None:
    smaller = engine_of(made_case(channels=2, model_channels=3))
    with pytest.raises(REFUSED):
        engine_of(CASE).load_state_dict(smaller.state_dict())


@pytest.mark.parametrize("label", [-1, 3, 2**40])
def test_labels_that_are_no_class_are_refused(label: int) -> None:
    data = made_case().data
    y = data.y_train.copy()
    y[0] = label
    wrong = TimeSeriesData(
        name=data.name,
        x_train=data.x_train,
        y_train=y,
        x_test=data.x_test,
        y_test=data.y_test,
        classes=data.classes,
        content_hash="",
    )
    with pytest.raises(REFUSED):
        native(made_case().config, wrong, 0)


def test_there_are_no_gradients_before_the_first_batch() -> None:
    with pytest.raises(AssertionError):
        engine_of(CASE).gradients()
