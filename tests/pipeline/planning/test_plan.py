"""From studies to trials: counts, references, shared trials, order, bounds; of any text, a plan or a refusal."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from data_info import made_info
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from study_text import GRID, TWO_SETS, plan_of, refusal

from dsn.config import DataConfig
from dsn.data import DataInfo
from dsn.errors import InvalidInput
from pipeline.planning.plan import MOST_CELLS, TrialSpec
from pipeline.terminal.plan_text import plan_text


def test_a_grid_is_factors_x_arms_x_data_sets_x_seeds(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, GRID)
    assert len(plan.cells) == 3 * 2 * 2 * 2 * 4
    assert len(plan.trials) == len(plan.cells)
    assert plan.datasets == ("A", "B")
    assert plan.arms == tuple(
        f"{arm}, model.kernel_size={kernel}, sparsity.groups={groups}"
        for arm in ("x", "y")
        for kernel in (9, 15, 21)
        for groups in (1, 3)
    )
    assert {(cell.arm, cell.dataset, cell.seed) for cell in plan.cells} == {
        (arm, dataset, seed) for arm in plan.arms for dataset in ("A", "B") for seed in (0, 1, 2, 7)
    }


VALUES = "{model.kernel_size: [9, 39], sparsity.groups: [1, 3]}"


@pytest.mark.parametrize(
    ("mode", "combinations"),
    [
        ("zip", ["model.kernel_size=9, sparsity.groups=1", "model.kernel_size=39, sparsity.groups=3"]),
        (
            "one_at_a_time",
            ["", "model.kernel_size=9", "model.kernel_size=39", "sparsity.groups=1", "sparsity.groups=3"],
        ),
    ],
)
def test_other_ways_to_combine_factors(tmp_path: Path, mode: str, combinations: list[str]) -> None:
    arms = "arms: {x: {}, y: {sparsity.level: 0.5}}\nseeds: 1\n"
    plan = plan_of(tmp_path, TWO_SETS + arms + f"factors: {{mode: {mode}, values: {VALUES}}}\n")
    labels = {arm: [", ".join(filter(None, (arm, combination))) for combination in combinations] for arm in "xy"}
    assert plan.arms == (*labels["x"], *labels["y"])
    assert plan.references == dict(zip(labels["y"], labels["x"], strict=True))


LEVELS = "values: {sparsity.level: [0.5, 0.9]}"


@pytest.mark.parametrize(
    ("arms", "factors", "references"),
    [
        (
            "dense: {sparsity.level: dense}, sparse: {}",
            f"arms: [sparse], {LEVELS}",
            {"sparse, sparsity.level=0.5": "dense", "sparse, sparsity.level=0.9": "dense"},
        ),
        (
            "sparse: {}, wide: {model.channels: 177}, dense: {sparsity.level: dense}",
            f"arms: [wide, sparse], {LEVELS}",
            {
                "wide, sparsity.level=0.5": "sparse, sparsity.level=0.5",
                "wide, sparsity.level=0.9": "sparse, sparsity.level=0.9",
                "dense": "sparse, sparsity.level=0.5",
            },
        ),
        (
            "sparse: {}, dense: {sparsity.level: dense}",
            f"arms: [sparse], {LEVELS}",
            {"sparse, sparsity.level=0.9": "sparse, sparsity.level=0.5", "dense": "sparse, sparsity.level=0.5"},
        ),
        (
            "dense: {sparsity.level: dense}, thin: {model.channels: 60}, sparse: {}",
            f"mode: one_at_a_time, arms: [sparse], {LEVELS}",
            {
                "thin": "dense",
                "sparse": "dense",
                "sparse, sparsity.level=0.5": "dense",
                "sparse, sparsity.level=0.9": "dense",
            },
        ),
    ],
    ids=["the first stands alone", "another stands alone", "only the first is crossed", "with the base"],
)
def test_factors_cross_the_arms_that_are_named(
    tmp_path: Path, arms: str, factors: str, references: dict[str, str]
) -> None:
    plan = plan_of(tmp_path, TWO_SETS + f"arms: {{{arms}}}\nfactors: {{{factors}}}\nseeds: 3\n")
    assert plan.references == references
    # All but references, and those of the first arm that are nobody's.
    assert set(references) | set(references.values()) >= set(plan.arms) - {"sparse, sparsity.level=0.9"}
    assert len(plan.cells) == len(plan.arms) * 2 * 3
    levels = {cell.arm: cell.factors for cell in plan.cells}
    assert [arm for arm, chosen in levels.items() if not chosen] == [arm for arm in plan.arms if "=" not in arm]
    trials = {trial.trial_id: trial for trial in plan.trials}
    dense = {trials[cell.trial_id].config.sparsity.level for cell in plan.cells if cell.arm == "dense"}
    assert dense == {"dense"}


def test_a_crossed_arm_may_not_set_a_factor_and_another_one_may(tmp_path: Path) -> None:
    text = (
        TWO_SETS + f"factors: {{arms: [b], {LEVELS}}}\narms:\n  a: {{sparsity.level: 0}}\n  b: {{sparsity.level: 0}}\n"
    )
    error, where = refusal(tmp_path, text)
    assert (error.problem, where) == ("is set by an arm and by a factor", "7:7")


@pytest.mark.parametrize(
    ("arms", "problem", "choices"),
    [
        ("[spares]", "no such arm", ("dense", "sparse")),
        ("[]", "must list at least one arm, each once", ()),
        ("[sparse, sparse]", "must list at least one arm, each once", ()),
        ("sparse", "must be a list", ()),
        ("[1]", "must be text", ()),
    ],
)
def test_arms_that_cannot_be_crossed_are_refused(
    tmp_path: Path, arms: str, problem: str, choices: tuple[str, ...]
) -> None:
    text = TWO_SETS + f"arms: {{dense: {{}}, sparse: {{}}}}\nfactors:\n  {LEVELS}\n  arms: {arms}\n"
    error, where = refusal(tmp_path, text)
    assert (error.problem, error.choices) == (problem, choices)
    assert error.key.startswith("factors.arms")
    assert where.startswith("7:")


def test_a_value_that_is_the_bases_own_shares_its_trial(tmp_path: Path) -> None:
    plan = plan_of(tmp_path, TWO_SETS + f"seeds: 1\nfactors: {{mode: one_at_a_time, values: {VALUES}}}\n")
    # 39 taps and 3 groups are the defaults: of five combinations two repeat the first.
    assert (len(plan.cells), len(plan.trials)) == (5 * 2, 3 * 2)
    assert set(plan.references.values()) == {"base"}


def test_cells_that_mean_the_same_share_a_trial(tmp_path: Path) -> None:
    text = (
        TWO_SETS + "base: {sparsity.level: dense}\nfactors: {values: {sparsity.groups: [1, 2, 3]}}\nseeds: 2\n"
        "arms: {x: {}, y: {sparsity.grow: gradient}}\n"
    )
    plan = plan_of(tmp_path, text)
    assert len(plan.cells) == 3 * 2 * 2 * 2
    assert len(plan.trials) == 2 * 2
    assert {trial.arm for trial in plan.trials} == {"x, sparsity.groups=1"}
    for trial in plan.trials:
        sharing = [cell for cell in plan.cells if cell.trial_id == trial.trial_id]
        assert {(cell.dataset, cell.seed) for cell in sharing} == {(trial.config.data.name, trial.seed)}
        assert [cell.arm for cell in sharing] == list(plan.arms)


def test_trials_come_longest_first_and_equal_ones_as_written(tmp_path: Path) -> None:
    def b_is_larger(config: DataConfig) -> DataInfo:
        return made_info(config, train_n=40 if config.name == "B" else 20)

    text = TWO_SETS + "seeds: 2\nfactors: {values: {training.epochs: [10, 30]}}\n"
    plan = plan_of(tmp_path, text, describe=b_is_larger)
    order = [(trial.config.training.epochs, trial.config.data.name, trial.seed) for trial in plan.trials]
    assert order == [(epochs, dataset, seed) for epochs in (30, 10) for dataset in ("B", "A") for seed in (0, 1)]


def test_a_plan_for_many_cores_takes_less_time_and_more_of_their_time(tmp_path: Path) -> None:
    one = plan_of(tmp_path, TWO_SETS)
    two = plan_of(tmp_path, TWO_SETS + "resources: {cpus: 2}\n")
    assert all(
        each.seconds < alone.seconds < 2 * each.seconds for each, alone in zip(two.trials, one.trials, strict=True)
    )
    assert [trial.trial_id for trial in two.trials] == [trial.trial_id for trial in one.trials]


def test_each_data_set_is_described_once(tmp_path: Path) -> None:
    asked: list[str] = []

    def counting(config: DataConfig) -> DataInfo:
        asked.append(config.name)
        return made_info(config)

    plan_of(tmp_path, GRID, describe=counting)
    assert asked == ["A", "B"]


def test_a_grid_beyond_all_bounds_is_refused_before_it_is_expanded(tmp_path: Path) -> None:
    values = ", ".join(
        f"{key}: {list(range(10, 60))}" for key in ("model.kernel_size", "training.epochs", "model.depth")
    )
    error, where = refusal(tmp_path, TWO_SETS + f"factors: {{values: {{{values}}}}}\n")
    assert error.problem == f"asks for more than the {MOST_CELLS} trainings that can be planned"
    assert (error.key, where) == ("factors", "4:1")


def test_arms_that_take_no_factors_count_once(tmp_path: Path) -> None:
    # 2 data sets, 499 + 1 arms, of which the last takes 100 values: 2 x (499 + 100) x 83 seeds.
    arms = ", ".join(f"a{n}: {{training.epochs: {n + 1}}}" for n in range(500))
    factors = f"{{arms: [a499], values: {{model.kernel_size: {list(range(10, 110))}}}}}"
    text = TWO_SETS + f"arms: {{{arms}}}\nfactors: {factors}\n"
    assert len(plan_of(tmp_path, text + "seeds: 83\n").cells) == 2 * 599 * 83
    assert refusal(tmp_path, text + "seeds: 84\n")[0].key == "factors"


def test_a_study_of_hundreds_of_arms_exclusions_and_edits_is_planned(tmp_path: Path) -> None:
    arms = ", ".join(f"a{n}: {{training.epochs: {n + 1}}}" for n in range(500))
    exclude = ", ".join(f"{{arm: a{n}}}" for n in range(1, 500))
    edits = ", ".join(f"arms.b{n}: {{}}" for n in range(500))
    text = TWO_SETS + f"seeds: 1\narms: {{{arms}}}\nexclude: [{exclude}]\nprofiles: {{p: {{{edits}}}}}\n"
    plan = plan_of(tmp_path, text)
    assert plan.arms == ("a0",)
    assert "\na0  " in plan_text(plan, disk=0)
    assert plan_of(tmp_path, text, profile="p").arms == ("a0", *(f"b{n}" for n in range(500)))


def test_the_deepest_network_of_the_most_groups_is_planned(tmp_path: Path) -> None:
    # Its groups are counted once; a thousand times would take minutes and all memory.
    base = "{model: {depth: 1000, kernel_size: 10000, channels: 30000}, sparsity: {groups: 10000, level: 0.5}}"
    assert len(plan_of(tmp_path, TWO_SETS + f"seeds: 1\nbase: {base}\n").trials) == 2


def test_a_trial_survives_being_written_and_read(tmp_path: Path) -> None:
    for trial in plan_of(tmp_path, GRID + "resources: {cpus: 2, gpus: 0.25}\n").trials:
        assert TrialSpec.from_dict(trial.to_dict()) == trial


# Whatever becomes of a study file, it is planned or refused; nothing else.

QUICKSTART = (Path(__file__).parents[3] / "studies" / "quickstart.yaml").read_text(encoding="utf-8")
JUNK = [
    "5",
    "-1",
    "0.5",
    "1e400",
    ".nan",
    "true",
    "~",
    "''",
    "text",
    '"\\0"',
    "[]",
    "[1, x]",
    "{}",
    "{a: {b: c}}",
    "[[1]]",
    "9" * 30,
    "2020-01-01",
    "*x",
    "!!set {a}",
    "dense",
    "a.b",
]


@st.composite
def _mutated(draw: st.DrawFn) -> str:
    lines = QUICKSTART.splitlines()
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(lines) - 1))
        change = draw(
            st.sampled_from(["delete", "duplicate", "replace", "move", "indent", "scalar", "scalar", "scalar"])
        )
        line = lines[at]
        if change == "delete" and len(lines) > 1:
            del lines[at]
        elif change == "duplicate":
            lines.insert(at, line)
        elif change == "replace":
            lines[at] = draw(st.sampled_from(lines))
        elif change == "move":
            lines.insert(draw(st.integers(0, len(lines) - 1)), lines.pop(at))
        elif change == "indent":
            lines[at] = "  " + line
        else:
            words = list(re.finditer(r"[\w.@-]+", line)) or [re.match("", line)]
            word = draw(st.sampled_from(words))
            assert word is not None
            lines[at] = line[: word.start()] + draw(st.sampled_from(JUNK)) + line[word.end() :]
    return "\n".join(lines) + "\n"


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=_mutated(), profile=st.sampled_from([None, "tiny"]))
def test_a_mangled_study_is_planned_or_refused(tmp_path: Path, text: str, profile: str | None) -> None:
    refused: InvalidInput | None = None
    try:
        plan = plan_of(tmp_path, text, profile=profile)
        assert {cell.trial_id for cell in plan.cells} == {trial.trial_id for trial in plan.trials}
        assert len(plan.trials) > 0
    except InvalidInput as error:
        refused = error
    assert refused is None or str(tmp_path) in refused.place
