from __future__ import annotations

from collections.abc import Callable

from pipeline.analysis import failures
from pipeline.analysis.results import StudyResults
from pipeline.analysis.table import Cell

MakeResults = Callable[..., StudyResults]


def texts(row: tuple[Cell, ...]) -> list[str]:
    return [cell.text for cell in row]


def failing(make_results: MakeResults, errors: list[tuple[str, str, str]], **fields: object) -> StudyResults:
    """A study whose trials have failed with these (kind, message, traceback)."""
    results = make_results({("dsn", "A"): ["failed"] * len(errors), ("other", "A"): [0.5]}, **fields)
    failed = results.trials["status"] == "failed"
    results.trials.loc[failed, ["error_kind", "error", "traceback"]] = errors
    return results


def test_failures_table(make_results: MakeResults) -> None:
    table = failures.failures_table(make_results({("dsn", "A"): [0.5, "failed"]}))
    assert table is not None
    assert [texts(row) for row in table.rows] == [
        ["dsn-A-1", "dsn", "A", "1", "diverged", "the training loss is not finite"]
    ]


def test_nothing_failed(make_results: MakeResults) -> None:
    results = make_results({("dsn", "A"): [0.5]})
    assert failures.failures_table(results) is None
    assert failures.causes_table(results) is None
    assert failures.failure_texts(results) == ()


def test_causes_are_kind_and_message_numbers_apart_the_most_frequent_first(make_results: MakeResults) -> None:
    results = failing(
        make_results,
        [
            ("exception", "ValueError: loss 3 of 8", ""),
            ("diverged", "not finite in epoch 3", ""),
            ("diverged", "not finite in epoch 12", ""),
            ("worker-lost", "not finite in epoch 3", ""),
            ("diverged", "not finite in epoch 3", ""),
        ],
    )
    table = failures.causes_table(results)
    assert table is not None
    assert [texts(row) for row in table.rows] == [
        ["diverged", "not finite in epoch …", "3", "dsn", "A", "dsn-A-1, dsn-A-2, dsn-A-4"],
        ["exception", "ValueError: loss 3 of 8", "1", "dsn", "A", "dsn-A-0"],
        ["worker-lost", "not finite in epoch 3", "1", "dsn", "A", "dsn-A-3"],
    ]


def test_many_trials_of_a_cause_are_counted_and_the_first_named(make_results: MakeResults) -> None:
    table = failures.causes_table(failing(make_results, [("diverged", "x", "")] * 5))
    assert table is not None
    assert texts(table.rows[0])[2:] == ["5", "dsn", "A", "dsn-A-0, dsn-A-1, dsn-A-2 and 2 more"]


def test_a_trial_of_several_arms_counts_once_and_names_them_all(shared: StudyResults) -> None:
    table = failures.causes_table(shared)
    assert table is not None
    assert texts(table.rows[0])[2:] == ["1", "dsn; same", "A", "dsn-A-1"]
    rows = failures.failures_table(shared)
    assert rows is not None
    assert [texts(row)[:4] for row in rows.rows] == [["dsn-A-1", "dsn; same", "A", "1"]]


def test_the_whole_error_of_the_first_trial_of_each_cause(make_results: MakeResults) -> None:
    traceback = "Traceback (most recent call last):\n  File 'x.py'\nValueError: bad"
    results = failing(
        make_results,
        [
            ("exception", "ValueError: bad", traceback),
            ("exception", "ValueError: bad", "another"),
            ("diverged", "not finite", "Traceback, which says no more"),
            ("invalid-data", "first line\nsecond line", ""),
        ],
    )
    assert failures.failure_texts(results) == (
        failures.Failure(trial="dsn-A-0", error=traceback),
        failures.Failure(trial="dsn-A-3", error="first line\nsecond line"),
    )


def test_the_command_that_tries_again(make_results: MakeResults) -> None:
    def command(**fields: object) -> str:
        return failures.rerun_command(make_results({("dsn", "A"): ["failed"]}, **fields))

    assert command() == "dsn run toy.yaml --rerun failed"
    assert command(name="toy@small", file="my studies/toy.yaml") == (
        "dsn run 'my studies/toy.yaml' --profile small --rerun failed"
    )
