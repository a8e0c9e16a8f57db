"""What is kept of a study, and the page that is made from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from dsn.errors import InvalidInput
from pipeline.analysis.published import PUBLISHED_COLUMNS, Published, read_published
from pipeline.analysis.reproduction import (
    kept_trials,
    page,
    read_trials,
    trials_csv,
)
from pipeline.analysis.results import METRICS, StudyResults

HEADER = ",".join(PUBLISHED_COLUMNS) + "\n"


@pytest.fixture
def results(make_results: Callable[..., StudyResults]) -> StudyResults:
    """Five data sets; the second arm is better by a point in one, and equal in the others."""
    outcomes: dict[tuple[str, str], list[float]] = {}
    for number, name in enumerate("ABCDE"):
        outcomes["warm", name] = [0.90, 0.92]
        outcomes["fresh", name] = [0.91, 0.93] if number == 0 else [0.92, 0.90]
    made = make_results(outcomes)
    settings = made.configs["warm"].settings()
    settings |= {"data.path": "/home/somebody", "provenance.host": "somebodys"}
    trials = made.trials.assign(**settings)
    trials["sparsity.moments"] = trials["arm"]
    trials["test_seconds"] = 0.5
    return replace(made, trials=trials)


def _published(**changes: object) -> Published:
    given = {"dataset": "A", "arm": "warm", "system": "DSN", "accuracy": 91.0, "std": 0.5, "source": "Table 8"}
    return Published(**(given | changes))  # type: ignore[arg-type]


def test_kept_trials_say_what_varied_and_nobody_s_machine(results: StudyResults) -> None:
    text = trials_csv(kept_trials(results))
    kept = read_trials(text)
    assert "somebody" not in text
    assert set(kept["sparsity.moments"]) == {"warm", "fresh"}
    assert "sparsity.level" not in kept
    assert set(METRICS) < set(kept)
    assert kept.loc[kept["arm"] == "fresh", "reference"].unique().tolist() == ["warm"]
    assert kept.loc[kept["arm"] == "warm", "reference"].unique().tolist() == [""]
    assert kept["finished"].unique().tolist() == ["1970-01-01T00:18:10Z"]
    assert kept["test_accuracy"].tolist() == results.trials["test_accuracy"].tolist()
    assert trials_csv(kept) == text


def test_the_page_by_hand(results: StudyResults) -> None:
    published = [_published(), _published(dataset="B", accuracy=92.0, std=float("nan")), _published(dataset="C")]
    lines = page(read_trials(trials_csv(kept_trials(results))), published).splitlines()
    assert lines[0] == "- all 20 trials done, in 3.7 min of training and testing, the last on 1970-01-01"
    assert "| A | 91.00 ± 1.41 | **92.00 ± 1.41** |" in lines
    assert "| A | warm | 91.00 ± 1.41 | DSN | 91.00 ± 0.50 | ±0.00 | Table 8 |" in lines
    assert "| B | warm | 91.00 ± 1.41 | DSN | 92.00 | −1.00 | Table 8 |" in lines
    over = "| mean over 3 data sets | warm | 91.00 | DSN | 91.33 | −0.33 | wins / ties / losses: 0 / 2 / 1 |"
    assert over in lines
    # Both seeds of A differ by a point; those of B by two, once up and once down: 12.706 * 2.828 / sqrt(2) = 25.41.
    assert "| fresh | warm | A | +1.00 | +1.00 to +1.00 |  |" in lines
    assert "| fresh | warm | B | ±0.00 | −25.41 to +25.41 |  |" in lines
    # One of five data sets has a difference, of one point: as in the test of the bootstrap.
    assert "| fresh | warm | mean over 5 data sets | +0.20 | ±0.00 to +0.60 | 1 / 4 / 0 |" in lines


def test_trials_that_are_not_done_are_owned_up_to(results: StudyResults) -> None:
    trials = kept_trials(results)
    waiting = trials["dataset"] == "E"
    trials.loc[waiting, "status"] = "pending"
    trials.loc[waiting, [*METRICS]] = float("nan")
    text = page(read_trials(trials_csv(trials)), [_published(dataset="E")])
    assert text.startswith("- 16 of 20 trials done")
    assert "| E | warm | – | DSN | 91.00 ± 0.50 | – | Table 8 |" in text
    assert "mean over 0" not in text


def test_a_study_of_one_arm_has_no_differences(make_results: Callable[..., StudyResults]) -> None:
    made = make_results({("dsn", "A"): [0.5]})
    trials = made.trials.assign(**made.configs["dsn"].settings())
    assert "How sure" not in page(read_trials(trials_csv(kept_trials(replace(made, trials=trials)))), ())


@pytest.mark.parametrize("place", [{"arm": "wram"}, {"dataset": "Z"}])
def test_what_is_published_of_something_else_is_refused(results: StudyResults, place: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="no such arm and data set among the trials"):
        page(read_trials(trials_csv(kept_trials(results))), [_published(**place)])


def test_published_accuracies_are_read(tmp_path: Path) -> None:
    file = tmp_path / "published.csv"
    file.write_text(HEADER + 'A,"dsn, k=3",DSN,91,0.5,Table 8\nA,dsn,OS-CNN,90.5,,Table 8\n', encoding="utf-8")
    first, second = read_published(file)
    assert first == _published(arm="dsn, k=3")
    assert (second.accuracy, pd.isna(second.std)) == (90.5, True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "dataset,accuracy\nA,91\n",
            "published.csv:1: must have the columns dataset, arm, system, accuracy, std, source",
        ),
        (HEADER + "A,dsn,DSN,high,,T\n", "published.csv:2: accuracy: must be a number (got 'high')"),
        (HEADER + "A,dsn,DSN,,,T\n", "published.csv:2: accuracy: must be a number (got '')"),
        (HEADER + "A,dsn\n", "published.csv:2: fewer fields than columns"),
        (HEADER + "A,dsn,DSN,910,,T\n", "published.csv:2: accuracy: must be between 0 and 100 (got '910')"),
        (HEADER + "A,dsn,DSN,nan,,T\n", "published.csv:2: accuracy: must be between 0 and 100 (got 'nan')"),
    ],
)
def test_what_is_no_published_accuracy_is_refused(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "published.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput) as caught:
        read_published(file)
    assert str(caught.value).endswith(message)
