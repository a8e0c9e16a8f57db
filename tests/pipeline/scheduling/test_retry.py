"""What is done about an attempt that ended without a result."""

from __future__ import annotations

import traceback
from typing import get_args

import pytest

from pipeline.planning.capacity import Capacity
from pipeline.scheduling.retry import ACTIONS, MOST_LOSSES, Retry, decide, fingerprint
from pipeline.study.resources import Resources
from pipeline.trial.outcome import ErrorKind, TrialError

ROOM = Capacity.of_one(cpus=2, gpus=1, memory=5 * 10**9)


def _error(kind: ErrorKind) -> TrialError:
    return TrialError(kind=kind, message="m")


def test_every_kind_has_an_action() -> None:
    assert set(ACTIONS) == set(get_args(ErrorKind))


def test_only_what_may_go_better_is_tried_again() -> None:
    again = {kind for kind, action in ACTIONS.items() if action != "record"}
    assert again == {"out-of-memory", *MOST_LOSSES}


@pytest.mark.parametrize("kind", [kind for kind, action in ACTIONS.items() if action == "record"])
def test_what_would_happen_again_is_recorded(kind: ErrorKind) -> None:
    assert decide(_error(kind), 1, Resources(memory="1GB", gpus=0.5), ROOM) is None


@pytest.mark.parametrize(("kind", "most"), MOST_LOSSES.items())
def test_what_was_lost_says_nothing_against_the_trial_until_it_keeps_happening(kind: ErrorKind, most: int) -> None:
    given = Resources(memory="1GB")
    for losses in range(1, most):
        assert decide(_error(kind), losses, given, ROOM) == Retry(resources=given)
    assert decide(_error(kind), most, given, ROOM) is None


@pytest.mark.parametrize(
    ("given", "sizes"),
    [
        ("1GB", [2 * 10**9, 4 * 10**9, 5 * 10**9]),
        ("5GB", []),
        ("3GB", [5 * 10**9]),
        (None, []),
    ],
)
def test_memory_is_doubled_up_to_all_there_is(given: str | None, sizes: list[int]) -> None:
    resources, seen = Resources(memory=given, cpus=2), []
    while decided := decide(_error("out-of-memory"), 99, resources, ROOM):
        resources = decided.resources
        seen.append(resources.memory_bytes)
        assert resources.cpus == 2
    assert seen == sizes


def test_the_part_of_a_gpu_is_doubled_up_to_a_whole_one() -> None:
    resources, seen = Resources(gpus=0.3), []
    while decided := decide(_error("out-of-memory"), 1, resources, ROOM):
        resources = decided.resources
        seen.append(resources.gpus)
    assert seen == [0.6, 1]


def test_memory_is_not_enlarged_where_it_is_not_known_how_much_there_is() -> None:
    assert decide(_error("out-of-memory"), 1, Resources(memory="1GB"), Capacity.of_one(cpus=1)) is None


def _fail(error: Exception, depth: int) -> None:
    if depth:
        _fail(error, depth - 1)
    raise error


def _raised(message: str, *, depth: int = 0, kind: type[Exception] = ValueError) -> TrialError:
    try:
        _fail(kind(message), depth)
    except kind:
        return TrialError(kind="exception", message=message, traceback=traceback.format_exc())
    raise AssertionError


def test_errors_of_one_place_have_one_fingerprint_whatever_they_say() -> None:
    assert fingerprint(_raised("seed 1")) == fingerprint(_raised("seed 2\n\nof: many\nlines: 3")) != ""


def test_errors_of_other_places_or_types_have_another() -> None:
    prints = {fingerprint(each) for each in (_raised("m"), _raised("m", depth=1), _raised("m", kind=KeyError))}
    assert len(prints) == 3


@pytest.mark.parametrize(
    "error",
    [
        TrialError(kind="exception", message="m"),
        TrialError(kind="exception", message="m", traceback="no frames"),
        TrialError(kind="worker-lost", message="m", traceback=_raised("m").traceback),
    ],
)
def test_what_cannot_be_compared_has_no_fingerprint(error: TrialError) -> None:
    assert fingerprint(error) == ""
